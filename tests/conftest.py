"""Settings of every test file: offline, one thread, the same hypothesis examples on every run, long files first."""

import os

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import settings

settings.register_profile("study", derandomize=True, deadline=None, max_examples=50, database=None)
settings.load_profile("study")

# files that take a minute or more, in the order in which workers of pytest-xdist get them; killed studies are compared
# with the study that the first file runs, and begin when it is there
LONG = ["test_notebooks_run.py", "test_paper_notebooks.py", "test_workflow.py", "test_documents.py", "test_families.py",
        "test_kill.py"]


def pytest_configure(config):
    """Have workers of pytest-xdist take files in the order below, in place of those with most tests first."""
    if hasattr(config.option, "loadscopereorder"):
        config.option.loadscopereorder = False


def pytest_collection_modifyitems(items):
    """Long files first, so that no worker ends long after the others."""
    items.sort(key=lambda item: LONG.index(item.path.name) if item.path.name in LONG else len(LONG))
