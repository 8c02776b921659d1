"""The stages of the study, as each notebook declares its own: the entry `centurio` of a notebook's metadata.

    "centurio": {"stage": "instruct", "kind": "training", "params": ["data", "base"], "reads": ["captions"]}

`kind`: "data" (one run a profile), "training" (one a setup and seed), "finding" (draws tables and figures from scores;
its stage is a question of params/setups.yaml unless `summary` is true) or "model" (one a third-party model).
`params`: parts of the profile that the stage depends on. `reads`, `writes`: stages and tables. `by_hand`: the stage
is no part of `make study`. `gathers`: the stage shows the tables and figures of earlier stages.
"""

from functools import cache
from typing import Literal

from pydantic import model_validator

from centurio_lib import params, paths, storage, tables
from centurio_lib.params.validation import ParamsError, Strict, validated


class Stage(Strict):
    """The declaration of one notebook; see the module's docstring."""

    notebook: str
    stage: str
    kind: Literal["data", "training", "finding", "model"]
    params: list[str] = []
    reads: list[str] = []
    writes: list[str] = []
    summary: bool = False
    gathers: bool = False
    by_hand: bool = False
    gpu: bool = False  # takes the GPU of a machine that has one

    @model_validator(mode="after")
    def known(self):
        """Refuse tables that have no schema, and parts that profiles lack."""
        if unknown := sorted(set(self.writes) - set(tables.SCHEMAS)):
            raise ValueError(f"writes names unknown tables {unknown}; tables.py has {', '.join(tables.SCHEMAS)}")
        if unknown := sorted(p for p in self.params if p.split(".")[0] not in params.Profile.model_fields):
            raise ValueError(f"params names {unknown}, which profiles lack")
        return self


@cache
def by_notebook() -> dict[str, Stage]:
    """Every stage by its notebook's name, in the order of their numbers.

    Raises ParamsError naming notebook and field for an unknown stage, or one that two notebooks declare.
    """
    notebooks = sorted(paths.NOTEBOOKS.glob("*.ipynb"))
    declared = {path.stem: storage.read_json(path)["metadata"].get("centurio") for path in notebooks}
    return checked({name: validated(Stage, {"notebook": name} | stated, f"notebooks/{name}.ipynb: metadata.centurio")
                    for name, stated in declared.items() if stated is not None})


def checked(declared: dict[str, Stage]) -> dict[str, Stage]:
    """Check the stages and return them. Raises ParamsError where two clash or params/setups.yaml differs."""
    maker: dict[str, str] = {}
    for name, one in declared.items():
        where = f"notebooks/{name}.ipynb: metadata.centurio"
        if one.stage in maker:
            raise ParamsError(f"{where}.stage = {one.stage!r}: notebooks/{maker[one.stage]}.ipynb makes it already")
        maker[one.stage] = name
        if one.kind == "finding" and not one.summary and one.stage not in params.questions():
            raise ParamsError(f"{where}.stage = {one.stage!r}: no question of params/setups.yaml; there are "
                              f"{', '.join(params.questions())}")
    for name, one in declared.items():
        if unknown := [stage for stage in one.reads if stage not in maker]:
            raise ParamsError(f"notebooks/{name}.ipynb: metadata.centurio.reads = {unknown}: no notebook makes these")
    return declared


def of(stage: str) -> Stage:
    """A stage by its name. Raises KeyError naming the known stages."""
    known = {one.stage: one for one in by_notebook().values()}
    if stage not in known:
        raise KeyError(f"unknown stage {stage!r}; there are {', '.join(known)}")
    return known[stage]


def findings(profile: params.Profile) -> list[str]:
    """Stages of a profile that draw tables and figures from scores, in the order of their notebooks."""
    return [one.stage for one in by_notebook().values()
            if one.kind == "finding" and (one.summary or one.stage in profile.study.questions)]


def gathered(stage: str, profile: params.Profile) -> list[str]:
    """Stages whose tables and figures a stage shows: all stages before it, or none."""
    drawn = findings(profile)
    return drawn[:drawn.index(stage)] if of(stage).gathers else []
