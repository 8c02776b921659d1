"""What a profile asks of models of other people: its items, their pictures, the columns that name the model."""

from collections.abc import Iterable

import pandas as pd

from centurio_lib import image_file
from centurio_lib.data import image_store
from centurio_lib.evaluation import evaluate, external_models
from centurio_lib.params import benchmarks
from centurio_lib.study import evaluating, runs, shown_images


def items(run: runs.Run) -> pd.DataFrame:
    """All items that a profile asks of any setup: pictures, text in images where its study has it, benchmarks."""
    return evaluate.items(*evaluating.test_data(run), run.profile.evaluation, evaluating.questions(run),
                          evaluating.benchmark_items(run))


def pictures(run: runs.Run, image_ids: Iterable[str]) -> "Pictures":
    """Pictures of some items by id."""
    image_ids = list(image_ids)
    stores: list[image_store.ImageStore] = [image_store.Tables(files, table, image_ids)
                                       for table, files in runs.pictures(run).items()]
    if benchmarks.of_profile(run.profile):
        stores.append(image_store.Folder(shown_images.benchmark_pictures(run), dict.fromkeys(image_ids)))
    return Pictures(stores)


class Pictures:
    """Pictures by id from several stores, opened when they are asked for."""

    def __init__(self, stores: list[image_store.ImageStore]):
        self.stores = stores

    def __getitem__(self, image_id: str):
        """The RGB image. Raises ValueError naming a corrupt one, KeyError an unknown one."""
        store = next((one for one in self.stores if image_id in one), self.stores[0])
        return image_file.read(store[[image_id]].image[0], image_id)


def identity(run: runs.Run, model: str) -> dict:
    """The columns that say which run a row is of: the model is setup and backbone."""
    name = external_models.name_of(model)
    return {"profile": run.profile.name, "setup": name, "seed": 0, "backbone": name}
