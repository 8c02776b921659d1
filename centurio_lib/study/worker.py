"""A process of a training stage on several GPUs, which torch's launcher starts:

    python -m torch.distributed.run --nproc-per-node 4 -m centurio_lib.study.worker 11_instruct paper L100 0
"""

import sys

import torch

from centurio_lib.model import distributed
from centurio_lib.study import runs, training


def main(notebook: str, profile: str, setup: str, seed: str) -> None:
    """Prepare and train a run's stage, as its notebook does."""
    distributed.state()
    run = runs.ready(notebook, profile, setup, int(seed))
    training.fit(run, training.prepared(run))
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(*sys.argv[1:])
