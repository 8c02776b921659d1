"""Checks of a profile, and of what a command asks for, that need more than the file: done before any work."""

import ast
from collections.abc import Mapping
from typing import Any

from IPython import get_ipython

from centurio_lib import params, paths, storage
from centurio_lib.data.hub import catalogue
from centurio_lib.data.sources import things
from centurio_lib.evaluation import tasks
from centurio_lib.params import ParamsError, benchmarks

ASKED = ("profile", "seeds", "setups", "kernels")  # options of a study: snakemake --config profile=laptop seeds=3
INJECTED = "# Parameters"  # first line of the cell that papermill puts in


def profile(config: params.Profile) -> None:
    """Check that all that a profile names is there: tasks, things, styles, questions, setups, data sets.

    Raises ParamsError naming key and value, and catalogue.CatalogueError for a data set.
    """
    where = f"profile {config.name}: "
    tasks.check(config.evaluation.items, where)
    benchmarks.check(config)
    _known("data.concepts", config.data.concepts, things.modules(), where)
    styles = {style for kind in config.data.concepts for style in things.declared(kind).styles}
    _known("data.held_out_style", [config.data.held_out_style], styles, where)
    params.studied(config)
    for stage in ("pretrain", "instruct") if config.data.sources else ():
        for name in getattr(config.data.sources, stage):
            catalogue.entry(name, stage)


def asked(options: Mapping[str, Any]) -> tuple[params.Profile, list[str]]:
    """The profile of a study, and its setups where some alone are asked for. Raises ParamsError for anything unknown.

    `options`: of snakemake --config, which turns their values into what YAML makes of them.
    """
    if unknown := sorted(set(options) - set(ASKED)):
        raise ParamsError(f"--config names unknown options {unknown}; there are {', '.join(ASKED)}")
    name = options.get("profile", "laptop")
    if not isinstance(name, str):
        raise ParamsError(f"profile = {name!r}: the name of one file of params/profiles is wanted, such as laptop")
    config = params.profile(name)
    profile(config)
    if options.get("kernels", "warm") not in ("warm", "fresh"):
        raise ParamsError(f"kernels = {options['kernels']!r}: warm or fresh are there")
    return config, _setups(options["setups"]) if "setups" in options else []


def parameters(notebook: str) -> None:
    """Check the parameters that papermill put into the notebook that runs. Raises ParamsError for an unknown one."""
    shell = get_ipython()
    cells = [cell for cell in (shell.user_ns.get("In", []) if shell else []) if cell.startswith(INJECTED)]
    stored = storage.read_json(paths.NOTEBOOKS / f"{notebook}.ipynb")["cells"]
    known = assigned("\n".join("".join(cell["source"]) for cell in stored
                               if "parameters" in cell["metadata"].get("tags", [])))
    if unknown := [name for cell in cells for name in assigned(cell) if name not in known]:
        raise ParamsError(f"notebooks/{notebook}.ipynb has no parameters {unknown}; papermill -p takes "
                          f"{', '.join(known)}")


def assigned(source: str) -> list[str]:
    """Names that the statements of a cell of parameters set."""
    targets = [target for node in ast.parse(source).body
               for target in (node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)])]
    return [target.id for target in targets if isinstance(target, ast.Name)]


def _setups(stated: Any) -> list[str]:
    names = stated.split() if isinstance(stated, str) else [stated]
    if not names:
        raise ParamsError(f"setups = {stated!r}: names of setups are wanted, such as setups=\"English L100\"")
    return [params.setup(name).name for name in names]


def _known(key: str, names, known, where: str) -> None:
    if unknown := sorted(set(names) - set(known)):
        raise ParamsError(f"{where}{key} names unknown {unknown}; there are {', '.join(sorted(known))}")
