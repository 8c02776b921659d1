"""Registry of tasks: each file of this folder declares one, `TASK = Task(...)`.

The files are discovered. A profile selects a task by its number of items (`evaluation.items`). No module imports a
task's module by name, so that a run depends only on the tasks of its profile.
"""

import importlib
import pkgutil
from collections.abc import Iterable
from pathlib import Path

from pydantic import ValidationError

from centurio_lib.evaluation.task import Task
from centurio_lib.params import ParamsError

PACKAGE = "centurio_lib/evaluation/tasks"


def discover(package: str, folders: list[str]) -> dict[str, Task]:
    """Import the modules of a package and return their tasks by name; a task has its module's name.

    Raises ParamsError naming file and field of a bad declaration, or both files of two tasks with one name.
    """
    tasks: dict[str, Task] = {}
    files: dict[str, Path] = {}
    for module in sorted(pkgutil.iter_modules(folders), key=lambda found: found.name):
        file = Path(module.module_finder.path) / f"{module.name}.py"
        task = declared(f"{package}.{module.name}", file)
        if task.name in files:
            raise ParamsError(f"{file}: name = {task.name!r} is taken by {files[task.name]} already")
        tasks[task.name], files[task.name] = task, file
    if misnamed := [(name, file) for name, file in files.items() if file.stem != name]:
        raise ParamsError("\n".join(f"{file}: name = {name!r}: a task is named as its file" for name, file in misnamed))
    return tasks


def declared(module: str, file: Path) -> Task:
    """The task of a module. Raises ParamsError naming file and field of a bad declaration."""
    try:
        task = getattr(importlib.import_module(module), "TASK", None)
    except ValidationError as error:
        lines = [f"{file}: {'.'.join([*map(str, one['loc'])]) or 'TASK'}: {one['msg']}" for one in error.errors()]
        raise ParamsError("\n".join(lines)) from error
    if not isinstance(task, Task):
        raise ParamsError(f"{file}: TASK is missing: a file of this folder declares one task, TASK = Task(...)")
    return task


TASKS = discover(__name__, __path__)


def of_group(group: str) -> dict[str, Task]:
    """The tasks of a group: "pictures", "text_in_images" or "benchmark"."""
    return {name: task for name, task in TASKS.items() if task.group == group}


def module_of(name: str) -> str:
    """Dotted name of the module that declares a task. Raises ParamsError for an unknown task."""
    check([name])
    return f"{__name__}.{name}"


def check(names: Iterable[str], where: str = "") -> None:
    """Check names of tasks. Raises ParamsError naming `where` and the unknown tasks."""
    if unknown := sorted(set(names) - set(TASKS)):
        raise ParamsError(f"{where}evaluation.items names unknown tasks {unknown}; {PACKAGE} declares {sorted(TASKS)}")
