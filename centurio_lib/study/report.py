"""Gather the contents of the report from the runs of a study, or from the committed results.

    python -m centurio_lib.study.report laptop  # the report of the committed scores, answers and figures
"""

import sys
from pathlib import Path

from centurio_lib import params, paths
from centurio_lib.data import pictures
from centurio_lib.findings import claims, figure_index, score_archive
from centurio_lib.report import answers, cells, pages, questions, site
from centurio_lib.study import findings, runs, stages
from centurio_lib.study.findings import PAPER
from centurio_lib.study.runs import Run

NOTEBOOK = "42_report"


def content(run: Run, committed: bool = False) -> site.Content:
    """Contents of the report of a run of notebook 42: scores of every seed, answers of seed 0."""
    config, folder = run.profile, findings.folder_of(run.profile.name, committed)
    evaluated = findings.load(run, committed)
    setups, seeds = evaluated.setups, evaluated.seeds
    rules, parts, names = claims.load(), questions.stored(folder, "claims"), config.study.questions
    shown = [questions.question(name, folder, rules, parts) for name in names]
    untested = [key for key, claim in rules.claims.items() if questions.question_of(claim) not in names]
    shown_figures = {figure.name for question in shown for figure in question.figures}
    of_seed_0 = evaluated.answers[evaluated.answers.seed == 0]
    answered = answers.with_items(of_seed_0, score_archive.items(evaluated.files))
    return site.Content(
        profile=config.name, seeds=seeds, setups=[params.setup(name) for name in setups],
        questions=shown, untested=questions.verdicts(rules, parts, untested),
        figures=[figure for figure in questions.figures(folder) if figure.name not in shown_figures],
        cells=cells.rows(evaluated.cells), signatures=questions.stored(folder, "signatures"),
        items=answers.items(answered, setups),
        notebooks=[pages.page(name, path) for name, path in executed(config, setups, committed).items()],
        published=findings.folder_of(PAPER, committed).exists())


def executed(config: params.Profile, setups: list[str], committed: bool = False) -> dict[str, Path]:
    """Executed notebooks of a finished study by page name: data, findings, and seed 0 of each setup.

    The report's notebook is left out, since it is still running. So are stages that the profile did not run.
    """
    results = paths.HOME / "results" / config.name
    if committed:
        return {path.stem: path for path in sorted((results / "redrawn").glob("*.ipynb"))}
    folders = {}
    for notebook, declared in stages.by_notebook().items():
        if declared.kind == "training":
            folders |= {f"{notebook}_{setup}": paths.run(config.name, declared.stage, setup, 0) for setup in setups}
        elif notebook != NOTEBOOK and (declared.kind != "finding" or declared.stage in stages.findings(config)):
            folders[notebook] = runs.describe(notebook, config.name).folder
    return {name: folder / "run.ipynb" for name, folder in folders.items()
            if (folder / "provenance.json").exists() and (folder / "run.ipynb").exists()}


def write(run: Run, shown: site.Content, committed: bool = False) -> tuple[Path, str]:
    """Write the report into the run's folder. Returns its page and the characters that no font holds."""
    content_by_id = images(run, answers.images_of(shown.items), committed)
    picture_files = site.image_files(content_by_id)
    items_shown = answers.with_files(shown.items, picture_files)
    loaded, without_font = site.loaded(site.render(shown), items_shown)
    files = site.render(shown._replace(items=answers.spelled_out(items_shown, without_font)))
    drawn = {picture_files[image_id]: picture for image_id, picture in content_by_id.items()}
    folders = {name: findings.folder_of(name, committed) for name in (run.profile.name, PAPER)}
    if not committed:  # figures that are committed have theirs
        figure_index.write(folders[run.profile.name], f"Centurio, profile {run.profile.name}",
                           {"the published numbers": folders[PAPER] / "index.html"})
    return site.write(run.folder, files | loaded | drawn, folders), without_font


def images(run: Run, ids: list[str], committed: bool = False) -> dict[str, bytes]:
    """Bytes of some images by id: read from the study's data, or drawn again from the fetched archives.

    Images with text are left out where they would have to be drawn again.
    """
    if committed:
        return pictures.drawn_again(ids, run.profile.data, run.profile.base.image_size)
    return answers.pictures(runs.pictures(runs.with_inputs(run)), ids)


def of_committed(profile: str) -> None:
    """Execute notebook 42 on the committed scores of all seeds. Raises score_archive.NotArchived without any."""
    import papermill  # not above: the notebook imports this module

    seeds, folder = score_archive.n_seeds(paths.committed(profile)), paths.HOME / "results" / profile / "report"
    folder.mkdir(parents=True, exist_ok=True)
    papermill.execute_notebook(paths.NOTEBOOKS / f"{NOTEBOOK}.ipynb", folder / "run.ipynb",
                               {"profile": profile, "committed": True, "seeds": seeds}, progress_bar=False)
    print(f"open {folder / 'index.html'}")


if __name__ == "__main__":
    of_committed(sys.argv[1])
