"""Publish, redraw and verify the committed results in figures/<profile>.

    python -m centurio_lib.study.publish publish laptop [--force]
    python -m centurio_lib.study.publish redraw laptop [--seeds 1]
    python -m centurio_lib.study.publish verify laptop
"""

import argparse
import shutil
import sys
from pathlib import Path

import pandas as pd

from centurio_lib import params, paths, tables
from centurio_lib.findings import ablation, claims, figure_index, score_archive, scores, seed_variance, verify
from centurio_lib.study import stages
from centurio_lib.study.findings import PAPER


class Refused(ValueError):
    """A command would lose results or has no input; the message says what to do."""


def publish(profile: str, force: bool = False) -> list[Path]:
    """Copy figures, tables and scores of a study into figures/<profile>, and the paper's figures beside.

    Files of figures/ that the study does not draw stay as they are. Raises Refused without a study, and, unless
    `force` is given, where runs would be lost.
    """
    source, target = paths.figures(profile), paths.committed(profile)
    if not (source / "runs.csv").exists():
        raise Refused(f"{source} holds no finished study: run `make study PROFILE={profile}` first")
    if (target / "runs.csv").exists() and not force:
        lost = missing_runs(score_archive.runs(source), score_archive.runs(target))
        if lost:
            raise Refused(f"{target} holds runs that this study lacks, {lost[0]} among {len(lost)}: run these too, or "
                          "say FORCE=1 to replace more runs by fewer")
    written = [path for name in (profile, PAPER) for path in _copied(paths.figures(name), paths.committed(name))]
    _indexed(profile)
    return written


def missing_runs(new: pd.DataFrame, old: pd.DataFrame) -> list[str]:
    """Runs (setup and seed) that an archive has and a newer one lacks."""
    there = set(new[["setup", "seed"]].itertuples(index=False, name=None))
    return [f"{setup} seed {seed}" for setup, seed in old[["setup", "seed"]].itertuples(index=False, name=None)
            if (setup, seed) not in there]


def _copied(source: Path, target: Path) -> list[Path]:
    target.mkdir(parents=True, exist_ok=True)
    return [Path(shutil.copy2(path, target / path.name)) for path in sorted(source.glob("*"))
            if path.is_file() and not path.is_symlink()]


def _indexed(profile: str) -> None:
    """Write the index page of the committed figures, whose link to the paper's figures differs from the study's."""
    paper = paths.committed(PAPER) / "index.html"
    figure_index.write(paths.committed(profile), f"Centurio, profile {profile}",
                       {"the published numbers": paper} if paper.exists() else {})


def redraw(profile: str, n_seeds: int | None = None) -> None:
    """Draw the committed tables and figures again from the committed scores, by their notebooks.

    `n_seeds`: None for all committed seeds. Raises score_archive.NotArchived without committed scores.
    """
    import papermill  # not above: it takes a second, and verifying does without

    config, folder = params.profile(profile), paths.HOME / "results" / profile / "redrawn"
    n_seeds = n_seeds or score_archive.n_seeds(paths.committed(profile))
    folder.mkdir(parents=True, exist_ok=True)
    for notebook in notebooks(config):
        papermill.execute_notebook(paths.NOTEBOOKS / f"{notebook}.ipynb", folder / f"{notebook}.ipynb",
                                   {"profile": profile, "committed": True, "seeds": n_seeds}, progress_bar=False)
        print(f"{notebook}: drawn from committed scores", flush=True)
    _indexed(profile)


def notebooks(config: params.Profile) -> list[str]:
    """Notebooks that draw from scores: of the profile's questions, of claims and of the main figures."""
    return [stages.of(stage).notebook for stage in stages.findings(config) if stage != "report"]


def compare(profile: str) -> list[verify.Compared]:
    """Compare cells, tier scores and verdicts of a profile's runs with the committed ones.

    Raises Refused without a run, score_archive.NotArchived without committed scores.
    """
    score_archive.runs(folder := paths.committed(profile))
    files = sorted(path.with_name("scores.parquet") for path in
                   (paths.HOME / "results" / profile / "evaluate").glob("*/seed*/provenance.json"))
    if not files:
        raise Refused(f"no run of profile {profile} is there: `make study PROFILE={profile}` makes them")
    cells, items = scores.stored(files), scores.items(scores.answers(files))
    committed = scores.stored([folder / "scores.parquet"])
    theirs, recipe = pd.read_csv(folder / "claims.csv"), params.recipe(params.profile(profile))
    variance = seed_variance.best(seed_variance.table(scores.by_table(items), recipe), seed_variance.known(recipe))
    ours = claims.verdicts(claims.load(), claims.with_chance(items, cells), profile, names=_names(profile),
                           variance=variance, published=theirs[theirs.stage == claims.PUBLISHED])
    return [verify.cells(cells, committed), verify.tiers(_tier_scores(cells), _tier_tables(folder)),
            verify.verdicts(ours, theirs[theirs["where"] == profile])]


def other_recipe(profile: str) -> str:
    """Say that the committed scores are of another recipe (`params.recipe`) than the profile's; "" where they are not.

    Archives without a seed variance name no recipe, and nothing is said of them.
    """
    path = paths.committed(profile) / seed_variance.FILE
    theirs = set(tables.read(path, "seed_variance", columns=["recipe"]).recipe) if path.exists() else set()
    if not theirs - {params.recipe(params.profile(profile))}:
        return ""
    return (f"The committed scores are of another recipe than params/profiles/{profile}.yaml states now: training or "
            "test items have changed since. Scores that differ are no fault of your run.\n")


def _names(profile: str) -> dict[str, str]:
    return {name: params.trained_as(params.profile(profile), name) for name in params.all_setups()}


def _tier_scores(cells: pd.DataFrame) -> pd.DataFrame:
    parts = {name: ablation.part(cells, name) for name in ablation.PARTS}
    return pd.concat([scores.table(rows, name) for name, rows in parts.items() if len(rows)], ignore_index=True)


def _tier_tables(folder: Path) -> pd.DataFrame:
    """Committed tables by tier of every question."""
    files = [path for part in ("scores", "unaffected", "fidelity") for path in sorted(folder.glob(f"*_{part}.csv"))]
    tables = [pd.read_csv(path) for path in files]
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame(columns=scores.COLUMNS)


def main(arguments: list[str]) -> int:
    """Run one of the three commands. Returns 1 and prints the reason where the command is refused."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("command", choices=["publish", "redraw", "verify"])
    parser.add_argument("profile")
    parser.add_argument("--force", action="store_true", help="publish: replace more runs by fewer")
    parser.add_argument("--seeds", type=int, help="redraw: how many seeds of each setup; all without it")
    options = parser.parse_args(arguments)
    try:
        if options.command == "redraw":
            redraw(options.profile, options.seeds)
        elif options.command == "publish":
            written = publish(options.profile, options.force)
            print(f"{len(written)} files in {paths.committed(options.profile)} and beside it")
        else:
            print(f"runs of {options.profile} beside {paths.committed(options.profile)}\n")
            print(other_recipe(options.profile))
            print(verify.summary(compare(options.profile)))
    except (Refused, score_archive.NotArchived, params.ParamsError) as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
