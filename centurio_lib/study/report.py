"""What the report shows: gathered from the runs of a study, or from the archives beside its figures where no run is."""

from pathlib import Path

import pandas as pd

from centurio_lib import params, paths, tables
from centurio_lib.data import pictures
from centurio_lib.findings import claims, scores
from centurio_lib.report import answers, cells, pages, questions, site
from centurio_lib.study import runs


def content(run: runs.Run, archived: bool = False) -> site.Content:
    """Everything that the report of a run of notebook 42 shows: scores of every seed, answers of seed 0."""
    profile, setups, seeds = run.profile, run.key["params"]["setups"], run.key["params"]["seeds"]
    folder, rules = paths.figures(profile.name), claims.load()
    sources = scores.inputs(profile.name, setups, seeds, archived)
    parts = questions.stored(folder, "claims")
    names = profile.study.questions
    shown = [questions.question(name, folder, rules, parts) for name in names]
    untested = [key for key, claim in rules.claims.items() if questions.question_of(claim) not in names]
    return site.Content(
        profile.name, seeds, [params.setup(name) for name in setups], shown,
        questions.verdicts(rules, parts, untested),
        [one for one in questions.figures(folder) if one not in [each for own in shown for each in own.figures]],
        cells.rows(scores.stored(sources)), questions.stored(folder, "signatures"),
        answers.items(answered(sources[::seeds], folder), setups),
        [pages.page(name, path) for name, path in executed(profile, setups, archived).items()],
        paths.figures("published").exists())


def answered(sources: list[Path], folder: Path) -> pd.DataFrame:
    """Answers of the runs behind some score tables, beside their items: those of the runs, or those of the archive."""
    predictions = [tables.read(path.with_name("predictions.parquet"), "predictions") for path in sources]
    files = [path.with_name("items.parquet") for path in sources] + [folder / "items.parquet"]
    items = [tables.read(path, "items") for path in files if path.exists()]
    empty = pd.DataFrame(columns=tables.SCHEMAS["items"].names)
    return answers.with_items(pd.concat(predictions), pd.concat([empty, *items]))


def executed(profile: params.Profile, setups: list[str], archived: bool = False) -> dict[str, Path]:
    """Executed notebooks of a finished study by the name of their page: data, findings, and seed 0 of each setup.

    The report's own is left out, as it is still running, and so are stages that the profile did not run.
    """
    results = paths.HOME / "results" / profile.name
    if archived:
        return {path.stem: path for path in sorted((results / "kept").glob("*.ipynb")) if path.stem != "42_report"}
    folders = {}
    for notebook, (stage, _) in runs.STAGES.items():
        if stage in runs.TRAINED:
            folders |= {f"{notebook}_{setup}": paths.run(profile.name, stage, setup, 0) for setup in setups}
        elif stage != "report":
            drawn = stage in runs.findings(profile.name)
            folders[notebook] = results / stage if drawn else paths.data(profile.name, stage)
    return {name: folder / "run.ipynb" for name, folder in folders.items()
            if (folder / "provenance.json").exists() and (folder / "run.ipynb").exists()}


def images(run: runs.Run, ids: list[str], archived: bool = False) -> dict[str, bytes]:
    """Content of some images by id: from the data that the runs showed, or drawn again from the fetched archives.

    What is not drawn from those (text in images) is left out.
    """
    if archived:
        return pictures.drawn_again(ids, run.profile.data, run.profile.base.pixels)
    return answers.pictures(runs.pictures(run.profile.name), ids)


def write(run: runs.Run, shown: site.Content, archived: bool = False) -> tuple[Path, str]:
    """The report of a run, written into its folder: its page, and the characters that no font of it holds."""
    content_by_id = images(run, answers.images_of(shown.items), archived)
    items = [item._replace(images=[image for image in item.images if image in content_by_id]) for item in shown.items]
    files = site.render(shown._replace(items=items))
    loaded, without = site.loaded(files, items)
    drawn = {site.image_file(image_id): content for image_id, content in content_by_id.items()}
    figures = {run.profile.name: paths.figures(run.profile.name), "published": paths.figures("published")}
    return site.write(run.folder, files | loaded | drawn, figures), without
