"""What is asked of a model: one file a task, which declares `TASK = Task(...)`, and the registry of them.

The files of this folder are found by themselves. A task is asked where a profile states its number of items
(`evaluation.items`). Nothing imports a task's module by name, so that a run depends on the tasks that it asks alone.
"""

import importlib
import pkgutil
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError

from centurio_lib.evaluation.task import Task
from centurio_lib.params import ParamsError


def discover(package: str, folders: list[str]) -> dict[str, Task]:
    """The task that each module of a package declares, by the module's dotted name.

    Raises ParamsError naming file and field of a bad declaration, or both files of two tasks of one name.
    """
    tasks: dict[str, Task] = {}
    for found in sorted(pkgutil.iter_modules(folders), key=lambda module: module.name):
        module, file = f"{package}.{found.name}", Path(found.module_finder.path) / f"{found.name}.py"
        task = declared(module, file)
        if other := next((name for name, known in tasks.items() if known.name == task.name), None):
            raise ParamsError(f"{file}: name = {task.name!r} is taken by {other.rpartition('.')[2]}.py already")
        tasks[module] = task
    return tasks


def declared(module: str, file: Path) -> Task:
    """The task that a module declares. Raises ParamsError naming file and field."""
    try:
        task = getattr(importlib.import_module(module), "TASK", None)
    except ValidationError as error:
        lines = [f"{file}: {'.'.join([*map(str, one['loc'])]) or 'TASK'}: {one['msg']}" for one in error.errors()]
        raise ParamsError("\n".join(lines)) from error
    if not isinstance(task, Task):
        raise ParamsError(f"{file}: TASK is missing: a file of this folder declares one task, TASK = Task(...)")
    return task


DECLARED = discover(__name__, __path__)
TASKS = {task.name: task for task in DECLARED.values()}


def of_group(group: str) -> dict[str, Task]:
    """The tasks of a group: "pictures", "text_in_images" or "benchmark"."""
    return {name: task for name, task in TASKS.items() if task.group == group}


def module_of(name: str) -> str:
    """Dotted name of the module that declares a task. Raises KeyError for an unknown task."""
    return next((module for module, task in DECLARED.items() if task.name == name), None) or _unknown([name])


def check(names: Iterable[str]) -> None:
    """Raises KeyError naming the tasks that no file declares."""
    if unknown := sorted(set(names) - set(TASKS)):
        _unknown(unknown)


def _unknown(names: list[str]) -> NoReturn:
    raise KeyError(f"evaluation.items names unknown tasks {names}; there are {sorted(TASKS)}")
