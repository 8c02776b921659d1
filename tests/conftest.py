"""What every test file shares: offline, one thread, the same hypothesis examples on every run."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import settings

settings.register_profile("study", derandomize=True, deadline=None, max_examples=50, database=None)
settings.load_profile("study")
