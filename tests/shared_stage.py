"""One training stage of a tiny model, by as many processes as the launcher started: what test_workers.py runs.

    python -m torch.distributed.run --standalone --nproc-per-node 2 tests/shared_stage.py FOLDER DROPOUT STOP_AFTER

Writes FOLDER/trained.safetensors and FOLDER/log.json by the first process; STOP_AFTER steps (0: all) are done.
"""

import json
import sys
from pathlib import Path

import killed
import tiny
import torch
from safetensors.torch import save_file

from centurio_lib.model import distributed, llava, train

KEY = "a" * 64
STAGE = tiny.PROFILE.instruct.model_copy(update={
    "max_seq_len": 64, "micro_batch_size": 1, "packed": True, "global_batch_size": 6,
    "epochs": 1, "lr": 1e-3, "projector_lr": 1e-2,
    "checkpoint_every": 2})


def main(folder: Path, dropout: float, stop_after: int) -> None:
    """Train, and write what came out."""
    torch.set_num_threads(1)
    shown = tiny.features_of(folder / f"features-{distributed.state().process_index}")
    made = tiny.conversations(shown.tokens, copies=4)
    llava.LORA_DROPOUT = dropout
    torch.manual_seed(0)
    model = llava.tune(tiny.model(), tiny.PROFILE, tiny.SETUP)
    if stop_after:
        train.optimise = killed.until(train.optimise, stop_after + 1)
    try:
        log = train.run(model, 0, made, shown, STAGE, 0, folder, KEY, say=lambda text: None)
    except killed.Killed:
        log = []
    if log and distributed.state().is_main_process:
        save_file({n: p.detach().contiguous() for n, p in llava.trainable(model).items()},
                  folder / "trained.safetensors")
        (folder / "log.json").write_text(json.dumps(log))
    if not distributed.alone():
        distributed.state().wait_for_everyone()
        torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3]))
