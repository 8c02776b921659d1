"""Items and pictures for third-party models, and the columns that name such a model."""

from collections.abc import Iterable

import pandas as pd

from centurio_lib import image_file
from centurio_lib.data import image_store
from centurio_lib.evaluation import evaluate, external_models
from centurio_lib.params import benchmarks
from centurio_lib.study import evaluating, runs, shown_images


def items(run: runs.Run) -> pd.DataFrame:
    """All test items of a profile: about pictures, about text in images, and of benchmarks."""
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
    """Pictures by id from several stores; each picture is opened on access."""

    def __init__(self, stores: list[image_store.ImageStore]):
        self.stores = stores

    def __getitem__(self, image_id: str):
        """The RGB image. Raises ValueError naming a corrupt one, KeyError an unknown one."""
        store = next((one for one in self.stores if image_id in one), self.stores[0])
        return image_file.read(store[[image_id]].image[0], image_id)


def identity(run: runs.Run, model: str) -> dict:
    """Columns that name the run of a row: the third-party model is both setup and backbone."""
    name = external_models.name_of(model)
    return {"profile": run.profile.name, "setup": name, "seed": 0, "backbone": name}
