"""Answers to items whose right answers the publisher keeps, as files in the form that the test server takes."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from centurio_lib import storage
from centurio_lib.evaluation import tasks


def write(folder: Path, items: pd.DataFrame, answers: Sequence[str]) -> list[Path]:
    """Write `submission-<task>.csv` for each task with hidden items, by its own `submission`. Returns the files."""
    hidden = items.assign(answer=list(answers))[items.reference.eq("").to_numpy()]
    written = []
    for name, rows in hidden.groupby("task"):
        if submission := tasks.TASKS[str(name)].submission:
            path = Path(folder) / f"submission-{name}.csv"
            with storage.atomic(path) as temporary:
                submission(rows, rows.answer.tolist()).to_csv(temporary, index=False)
            print(f"{name}: {len(rows)} answers for its test server in {path}", flush=True)
            written.append(path)
    return written
