"""Contents of notebook 00: finished runs, mixes, answers of two setups, scores by tier.

Each function reads runs and tables of the study first, and the files of `figures/<profile>` otherwise. It works in a
fresh clone. Where neither place has the result, the function raises NotThere, whose message names the command.
"""

from collections.abc import Callable
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import seaborn as sns
from matplotlib.figure import Figure

from centurio_lib import params, paths, storage, tables
from centurio_lib.data import mix
from centurio_lib.data.hub import hub, hub_mix
from centurio_lib.findings import looks, plots, scores
from centurio_lib.languages import languages, tier_label
from centurio_lib.study import keys, runs, stages

DRAWN = "new-style"  # split with pictures in a style of drawing that no tuning saw


class NotThere(RuntimeError):
    """A result has not been made; the message says which command makes it."""


class Sentence(str):
    """A sentence that a notebook shows as text."""

    def _repr_markdown_(self) -> str:
        return self


def shown(make: Callable, *arguments, **options):
    """Call a function, or return a sentence that says what is missing and which command makes it.

    A sentence among the arguments, from an earlier cell, is returned again.
    """
    if said := [argument for argument in arguments if isinstance(argument, Sentence)]:
        return said[0]
    try:
        return make(*arguments, **options)
    except (NotThere, hub.HubError) as missing:
        return Sentence(f"**Not there yet.** {missing}")


def finished(stage: str, profile: str, setup: str | None = None, seed: int = 0) -> Path:
    """Folder of a finished run. Raises NotThere, naming the command, for a missing or stale run."""
    declared = stages.of(stage)
    try:
        return runs.finished(declared.notebook, profile, setup, seed).folder
    except keys.KeyMismatch as mismatch:
        command = f"make data PROFILE={profile}" if declared.kind == "data" else f"make study PROFILE={profile}"
        run = f" {setup} seed {seed}" if declared.kind == "training" else ""
        raise NotThere(f"Stage {stage} of {profile}{run} is missing, or was made by other params or code: "
                       f"`{command}` makes it.") from mismatch


# === finished runs ===
def finished_runs(profile: str) -> pd.DataFrame:
    """One row for each finished run of a profile: where, stage, setup, seed, finished, seconds, fresh.

    `fresh` says whether the present params and code give the same run key; it is empty for committed runs. Raises
    NotThere without any run.
    """
    found = [_finished_run(profile, path) for folder in (paths.data(profile), paths.HOME / "results" / profile)
             for path in sorted(folder.rglob("provenance.json"))]
    found += [{"where": f"figures/{profile}", "stage": "evaluate", "setup": row.setup, "seed": row.seed,
               "finished": row.written} for row in _committed_runs(profile).itertuples()]
    if not found:
        raise NotThere(f"No run of {profile} is finished or committed: `make study PROFILE={profile}`.")
    columns = ["where", "stage", "setup", "seed", "finished", "seconds", "fresh"]
    return pd.DataFrame(found).reindex(columns=columns).fillna("")


def _finished_run(profile: str, path: Path) -> dict:
    record = storage.read_json(path)
    declared, stated = stages.by_notebook().get(record["notebook"]), record["params"]
    row = {"where": str(path.parent.relative_to(paths.HOME)), "stage": declared.stage if declared else "unknown",
           "setup": record.get("setup") or stated.get("model", ""), "finished": record["written"],
           "seconds": round(record["runtime_s"]), "fresh": "no"}
    per_seed = declared is not None and declared.kind == "training"
    return row | {"seed": record["seed"] if per_seed else "", "fresh": _fresh(profile, record) if declared else "no"}


def _fresh(profile: str, record: dict) -> str:
    seeds = record["params"].get("seeds")
    try:
        now = runs.describe(record["notebook"], profile, record.get("setup") or record["params"].get("model"),
                            record["seed"], seeds)
    except params.ParamsError:
        return "no"
    return "yes" if storage.digest(now.key) == record["key"] else "no"


def _committed_runs(profile: str) -> pd.DataFrame:
    path = paths.committed(profile) / "runs.csv"
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=["setup", "seed", "written"])


# === answers ===
def answers(profile: str, setups: list[str], seed: int = 0) -> pd.DataFrame:
    """Predictions of some setups: of runs if every setup has one, else the committed answers.

    Raises NotThere where neither place has all setups.
    """
    trained = [params.trained_as(params.profile(profile), name) for name in setups]
    try:
        files = [finished("evaluate", profile, name, seed) / "predictions.parquet" for name in trained]
        return pd.concat([tables.read(file, "predictions") for file in dict.fromkeys(files)])
    except NotThere:
        if not (paths.committed(profile) / "predictions.parquet").exists():
            raise
    return _committed_answers(profile, trained, seed)


def _committed_answers(profile: str, trained: list[str], seed: int) -> pd.DataFrame:
    path = paths.committed(profile) / "predictions.parquet"
    found = pd.read_parquet(path, filters=[("setup", "in", trained), ("seed", "==", seed)])
    if lacking := [name for name in trained if name not in set(found.setup)]:
        there = _committed_runs(profile)
        raise NotThere(f"figures/{profile} has no answers of {', '.join(lacking)} with seed {seed}. It has those of "
                       f"{', '.join(there.setup.unique())}, seeds {sorted(set(there.seed.tolist()))}.")
    return found


def side_by_side(profile: str, setups: list[str], seed: int, task: str, language: str = "",
                 split: str = DRAWN) -> pd.DataFrame:
    """Answers of some setups to the same items, by item id: the right answer; each answer, score, in_language.

    `language`: a code; empty for all. Raises NotThere.
    """
    found = answers(profile, setups, seed)
    found = found[(found.task == task) & (found.split == split) & ((found.language == language) | (language == ""))]
    if found.empty:
        raise NotThere(f"No item of {task}, {split}, {language or 'any language'}.")
    trained = {name: params.trained_as(params.profile(profile), name) for name in setups}
    own = {name: found[found.setup == known].set_index("item_id") for name, known in trained.items()}
    first = next(iter(own.values()))
    parts = {"item": first[["language", "reference"]]} | {
        name: frame[["prediction", "score", "in_language"]].rename(columns={"prediction": "answer"})
        for name, frame in own.items()}
    return pd.concat(parts, axis=1)


def summary(profile: str, setups: list[str], seed: int = 0, language: str = "") -> pd.DataFrame:
    """Mean score (%) of some setups by task and split, and share of answers in the requested language.

    `language`: a code; empty for all. Raises NotThere.
    """
    found = answers(profile, setups, seed)
    own = found[(found.language == language) | (language == "")]
    means = own.groupby(["task", "split", "setup"])[["score", "in_language"]].mean().mul([1, 100]).unstack("setup")
    trained = dict.fromkeys(params.trained_as(params.profile(profile), name) for name in setups)
    in_order = means.reindex(columns=list(trained), level="setup").dropna(axis=1, how="all")
    return in_order.round(1).astype(object).fillna("")


def items(profile: str, setup: str, seed: int = 0) -> pd.DataFrame:
    """Prompts and image ids of the test items, by item id, from a run or the committed files.

    Raises NotThere where neither has them.
    """
    try:
        path = finished("evaluate", profile, params.trained_as(params.profile(profile), setup), seed) / "items.parquet"
    except NotThere as missing:
        path = paths.committed(profile) / "items.parquet"
        if not path.exists():
            raise missing
    return pd.read_parquet(path, columns=["item_id", "prompt", "images"]).set_index("item_id")


# === mixes ===
def mix_of(profile: str, setup: str, stage: str = "instruct", seed: int = 0) -> tuple[pd.DataFrame, str]:
    """Samples of each language in a stage's mix (columns language, name, tier, samples), and their origin.

    The samples are counted in the built tables. Without tables, the numbers are the setup's quotas, which include
    languages that have no source. Samples with text in images are not counted.
    """
    config, chosen = params.profile(profile), params.setup(setup)
    share = chosen.pretrain_english_share if stage == "pretrain" else chosen.english_share
    if share is None:
        raise NotThere(f"Setup {setup} has no pre-training stage.")
    total = getattr(config, stage).samples
    try:
        counts, source = _counted(config, chosen, stage, seed), "counted in the built tables"
    except NotThere:
        counts, source = mix.quotas(total, chosen.mix, share, chosen.allocation), "quotas: the tables are not built"
    rows = [(code, languages()[code].name, tier_label(code), n) for code, n in counts.items() if n]
    return pd.DataFrame(rows, columns=["language", "name", "tier", "samples"]), source


def _counted(config: params.Profile, chosen: params.Setup, stage: str, seed: int) -> dict[str, int]:
    folder = finished({"pretrain": "captions", "instruct": "instructions"}[stage], config.name)
    if config.data.sources:
        mixed = hub_mix.assigned(hub_mix.without_text(folder), config, chosen, stage, seed)
    elif stage == "pretrain":
        table = tables.read(folder / "captions.parquet", "captions", ["image_id", "detail", "language"])
        table = table.assign(sample_id=table.image_id + "/" + table.detail, text_heavy=False)
        mixed = mix.of_setup(table, config, chosen, stage, seed)
    else:
        table = tables.read(folder / "instructions.parquet", "instructions", ["sample_id", "language", "text_heavy"])
        mixed = mix.of_setup(table, config, chosen, stage, seed)
    return mixed.language.value_counts().to_dict()


def mix_figure(samples: pd.DataFrame, title: str) -> Figure:
    """Draw a mix as two bar charts: samples of each tier, and of each language (logarithmic)."""
    order = [group for group in scores.GROUPS if group in set(samples.tier)]
    colours = {group: looks.TIERS[group].colour for group in order}
    ranked = samples.sort_values(["tier", "samples"], key=lambda column: (
        column.map(order.index) if column.name == "tier" else -column))
    with mpl.rc_context(looks.STYLE):
        figure, (left, right) = plt.subplots(1, 2, figsize=(12, 2.6), width_ratios=[1, 6], layout="constrained")
        sns.barplot(ranked, x="tier", y="samples", hue="tier", palette=colours, estimator="sum", errorbar=None,
                    order=order, ax=left)
        sns.barplot(ranked, x="language", y="samples", hue="tier", palette=colours, errorbar=None, ax=right)
        right.set(title=title, ylabel="", yscale="log", ylim=(1, 1.3 * ranked.samples.max()))
        right.tick_params(axis="x", rotation=90, labelsize=5.5, length=2)
        right.legend(ncols=2, loc="upper right")
        left.set_title("by tier")
    return plots.settled(figure)


def mixes(profile: str, stage: str = "instruct") -> pd.DataFrame:
    """Samples by tier in the mix of each setup of a profile; `languages` counts the languages of the mix.

    Raises NotThere where no setup has the stage.
    """
    rows = {}
    for setup in params.studied(params.profile(profile)):
        if stage == "instruct" or not params.without_pretraining(params.setup(setup)):
            samples, _ = mix_of(profile, setup, stage)
            by_tier = samples.groupby("tier").samples.sum().reindex(scores.GROUPS, fill_value=0)
            rows[setup] = by_tier.to_dict() | {"languages": int((samples.language != "en").sum())}
    if not rows:
        raise NotThere(f"No setup of {profile} has a pre-training stage.")
    return pd.DataFrame(rows).T


def document_mixes(profile: str, stage: str = "pretrain") -> pd.DataFrame:
    """Documents by script group that a stage of each setup trains on, by its quotas.

    Raises NotThere where no setup of the study trains on documents.
    """
    config, rows = params.profile(profile), {}
    for name in params.studied(config):
        setup = params.setup(name)
        if setup.ocr:
            counts = mix.reading_quotas(getattr(config, stage).ocr_samples, setup.mix, setup.ocr)
            groups = pd.Series(counts).groupby(lambda code: "en" if code == "en" else
                                               "latin" if languages()[code].latin else "other")
            rows[name] = groups.sum().reindex(scores.SCRIPTS, fill_value=0)
    if not rows:
        raise NotThere(f"No setup of {profile} trains on documents; those of laptop-text do.")
    return pd.DataFrame(rows).T


# === scores ===
def tier_scores(profile: str, setups: list[str]) -> pd.DataFrame:
    """Scores of some setups by tier over all tasks, with intervals: setup, group, split, value, low, high, n.

    The scores come from the last tables of the study, else from the committed tables. Raises NotThere where no table
    has all setups.
    """
    config = params.profile(profile)
    trained = {params.trained_as(config, name) for name in setups}
    for folder in (paths.figures(profile), paths.committed(profile)):
        known = _stored_scores(folder, config.study.questions)
        if trained <= set(known.setup):
            return known[known.setup.isin(trained) & (known.split != tables.BLIND)].reset_index(drop=True)
    raise NotThere(f"No table of scores has {', '.join(sorted(trained))}: `make study PROFILE={profile}` draws them.")


def _stored_scores(folder: Path, questions: list[str]) -> pd.DataFrame:
    """Scores by tier in the tables of some questions; a setup that several questions compare is there once."""
    files = [path for question in questions if (path := folder / f"{question}_scores.csv").exists()]
    columns = ["setup", "group", "split", "value", "low", "high", "n"]
    frames = [pd.read_csv(file, usecols=columns)[columns] for file in files]
    known = pd.concat(frames) if frames else pd.DataFrame(columns=columns)
    return known.drop_duplicates(["setup", "group", "split"])


def tier_figure(rows: pd.DataFrame) -> Figure:
    """Draw scores of each tier with their intervals: one line for each setup, one panel for each split."""
    splits = [split for split in scores.SPLITS if split in set(rows.split)]
    shown_as = looks.of(list(dict.fromkeys(rows.setup)))
    with mpl.rc_context(looks.STYLE):
        figure, axes = plt.subplots(1, len(splits), figsize=(4 * len(splits), 2.8), sharey=True, squeeze=False,
                                    layout="constrained")
        for axis, split in zip(axes.flat, splits, strict=True):
            plots.points(axis, rows[rows.split == split], "group", "setup", scores.GROUPS, shown_as, dodge=0.3)
            axis.set_title(split)
        axes[0, 0].set_ylabel("score (%)")
        figure.legend(handles=plots.handles(shown_as), loc="outside right center")
    return plots.settled(figure)
