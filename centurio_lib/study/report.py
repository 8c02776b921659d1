"""What the report shows: gathered from the runs of a study, or from what is committed where no run is.

    python -m centurio_lib.study.report laptop  # the report of the committed scores, answers and figures
"""

import sys
from pathlib import Path

import pandas as pd

from centurio_lib import params, paths, tables
from centurio_lib.data import pictures
from centurio_lib.findings import claims, score_archive
from centurio_lib.report import answers, cells, pages, questions, site
from centurio_lib.study import findings, runs
from centurio_lib.study.runs import Run

NOTEBOOK = "42_report"


def content(run: Run, committed: bool = False) -> site.Content:
    """Everything that the report of a run of notebook 42 shows: scores of every seed, answers of seed 0."""
    config, evaluated = run.profile, findings.load(run, committed)
    folder = figures(config.name, committed)
    rules, parts, names = claims.load(), questions.stored(folder, "claims"), config.study.questions
    shown = [questions.question(name, folder, rules, parts) for name in names]
    untested = [key for key, claim in rules.claims.items() if questions.question_of(claim) not in names]
    shown_figures = {figure.name for question in shown for figure in question.figures}
    said = answers.with_items(evaluated.answers[evaluated.answers.seed == 0], items(evaluated.files))
    return site.Content(
        profile=config.name, seeds=evaluated.seeds, setups=[params.setup(name) for name in evaluated.setups],
        questions=shown, untested=questions.verdicts(rules, parts, untested),
        figures=[figure for figure in questions.figures(folder) if figure.name not in shown_figures],
        cells=cells.rows(evaluated.cells), signatures=questions.stored(folder, "signatures"),
        items=answers.items(said, evaluated.setups),
        notebooks=[pages.page(name, path) for name, path in executed(config, evaluated.setups, committed).items()],
        published=figures(findings.PAPER, committed).exists())


def figures(profile: str, committed: bool) -> Path:
    """The folder of figures that the report shows."""
    return (paths.committed if committed else paths.figures)(profile)


def items(files: list[Path]) -> pd.DataFrame:
    """The test items beside some score tables, as far as they are there."""
    beside = [path.with_name("items.parquet") for path in files]
    empty = pd.DataFrame(columns=tables.SCHEMAS["items"].names)
    return pd.concat([empty, *(tables.read(path, "items") for path in beside if path.exists())])


def executed(config: params.Profile, setups: list[str], committed: bool = False) -> dict[str, Path]:
    """Executed notebooks of a finished study by the name of their page: data, findings, and seed 0 of each setup.

    The report's own is left out, as it is still running, and so are stages that the profile did not run.
    """
    results = paths.HOME / "results" / config.name
    if committed:
        return {path.stem: path for path in sorted((results / "redrawn").glob("*.ipynb"))}
    folders = {}
    for notebook, (stage, _) in runs.STAGES.items():
        if stage in runs.TRAINED:
            folders |= {f"{notebook}_{setup}": paths.run(config.name, stage, setup, 0) for setup in setups}
        elif notebook != NOTEBOOK:
            drawn = stage in runs.findings(config.name)
            folders[notebook] = results / stage if drawn else paths.data(config.name, stage)
    return {name: folder / "run.ipynb" for name, folder in folders.items()
            if (folder / "provenance.json").exists() and (folder / "run.ipynb").exists()}


def write(run: Run, shown: site.Content, committed: bool = False) -> tuple[Path, str]:
    """The report of a run, written into its folder: its page, and the characters that no font of it holds."""
    content_by_id = images(run, answers.images_of(shown.items), committed)
    shown_items = [item._replace(images=[name for name in item.images if name in content_by_id])
                   for item in shown.items]
    files = site.render(shown._replace(items=shown_items))
    loaded, without = site.loaded(files, shown_items)
    drawn = {site.image_file(image_id): picture for image_id, picture in content_by_id.items()}
    folders = {name: figures(name, committed) for name in (run.profile.name, findings.PAPER)}
    return site.write(run.folder, files | loaded | drawn, folders), without


def images(run: Run, ids: list[str], committed: bool = False) -> dict[str, bytes]:
    """Content of some images by id: from the data that the runs showed, or drawn again from the fetched archives.

    What is not drawn from those (text in images) is left out.
    """
    if committed:
        return pictures.drawn_again(ids, run.profile.data, run.profile.base.pixels)
    return answers.pictures(runs.pictures(run.profile.name), ids)


def of_committed(profile: str) -> None:
    """Execute notebook 42 on what is committed, all seeds. Raises score_archive.NotArchived where nothing is."""
    import papermill  # not above: the notebook imports this module

    seeds, folder = score_archive.n_seeds(paths.committed(profile)), paths.HOME / "results" / profile / "report"
    folder.mkdir(parents=True, exist_ok=True)
    papermill.execute_notebook(paths.NOTEBOOKS / f"{NOTEBOOK}.ipynb", folder / "run.ipynb",
                               {"profile": profile, "committed": True, "seeds": seeds}, progress_bar=False)
    print(f"open {folder / 'index.html'}")


if __name__ == "__main__":
    of_committed(sys.argv[1])
