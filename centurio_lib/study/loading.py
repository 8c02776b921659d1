"""Load a profile's untuned model and the features of a run's images, for training and evaluation."""

import pandas as pd
import torch

from centurio_lib.model import distributed, image_features, llava, memory, precision
from centurio_lib.study import runs, shown_images


def base(run: runs.Run):
    """Load the untuned model and its tokenizer.

    Raises memory.MemoryShortage where a GPU is too small for the training.
    """
    torch.set_num_threads(run.profile.threads)
    device = distributed.device(dtype(run))
    if device.type == "cuda" and run.stage in ("pretrain", "instruct"):
        free = torch.cuda.mem_get_info(device)[0] / memory.GIB  # other programs may hold a part of the card
        wanted = memory.check(run.profile, run.setup, getattr(run.profile, run.stage), free)
        print(f"{run.label}: about {wanted:.1f} of {free:.1f} free GiB of the GPU will be used", flush=True)
    if shared(run) and distributed.alone():
        device = llava.CPU  # the processes that train have the GPUs to themselves
    return llava.build(run.profile, run.seed, run.setup.tiling, device)


def dtype(run: runs.Run) -> str:
    """Precision of a run's models on this machine: scores of another differ by rounding."""
    return precision.name(run.profile.base.dtype)


def shared(run: runs.Run) -> bool:
    """Say whether several processes train the run's stage."""
    return run.profile.gpus > 1 and run.stage in ("pretrain", "instruct")


def features_of(run: runs.Run, model, samples: pd.DataFrame) -> image_features.Features:
    """Features of the images of some samples or items (column images)."""
    return shown_images.of_run(run, model, [image_id for images in samples.images for image_id in images])


def sayer(run: runs.Run):
    """Return a print function that names the run first, since lines of two runs mix in one terminal."""
    return lambda text: print(f"{run.label}: {text}", flush=True)
