"""Stored evaluations without a model: random scores and answers in the format of the tables."""

from pathlib import Path

import numpy as np
import pandas as pd

from centurio_lib import storage, tables
from centurio_lib.languages import tier_label

SETUPS = ["English", "L100"]
CODES = ["en", "de", "fr", "th", "af", "am", "mi"]
TASKS = {"captioning": ("cider", True), "flag": ("exact_match", True), "multiple_choice": ("accuracy", False)}


def answers(setup: str, seed: int) -> pd.DataFrame:
    """The `predictions` table of one toy evaluation: four items a cell."""
    random = np.random.default_rng(seed + len(setup))
    rows = [{"profile": "smoke", "setup": setup, "backbone": "toy", "seed": seed, "task": task,
             "task_group": "pictures", "split": "new-style", "language": code,
             "item_id": f"{task}/{code}/{i}", "thing": str(i), "prediction": "dog", "reference": "dog",
             "metric": metric, "generative": generative, "score": random.uniform(20, 80),
             "in_language": float(random.random() < 0.7) if task == "captioning" else np.nan}
            for task, (metric, generative) in TASKS.items() for code in CODES for i in range(4)]
    return pd.DataFrame(rows)


def scores_of(frame: pd.DataFrame) -> pd.DataFrame:
    """The `scores` table of some answers."""
    cell = ["profile", "setup", "backbone", "seed", "task", "task_group", "split", "language", "generative"]
    headline = frame.groupby([*cell, "metric"], as_index=False).score.agg(value="mean", n="size").assign(headline=True)
    fidelity = frame.dropna(subset="in_language").groupby(cell, as_index=False).in_language.agg(value="mean", n="size")
    fidelity = fidelity.assign(value=100 * fidelity.value, metric="fidelity", headline=False)
    both = pd.concat([headline, fidelity, fidelity.assign(metric="fidelity_ceiling", value=95.0)], ignore_index=True)
    return both.assign(tier=both.language.map(tier_label), chance=0.0)[tables.SCHEMAS["scores"].names]


def evaluated(home: Path, seeds: int = 1, setups: list[str] | None = None) -> list[Path]:
    """Stored evaluations below a folder: their score tables."""
    files = []
    for setup in setups or SETUPS:
        for seed in range(seeds):
            folder, said = home / "results" / "smoke" / "evaluate" / setup / f"seed{seed}", answers(setup, seed)
            tables.write(folder / "predictions.parquet", "predictions", said)
            files.append(tables.write(folder / "scores.parquet", "scores", scores_of(said)))
            storage.write_json(folder / "provenance.json",
                               {"key": f"{setup}{seed}", "packages": {}, "versions": {}, "params": {}})
    return files
