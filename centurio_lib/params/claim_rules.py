"""Models of params/claims.yaml: the paper's claims as rules that were fixed before the run.

The context of `validated` lists the setups and scores that a rule may name: {"setups": names, "scores": names}. A
higher floor knows the names in the paper's tables.
"""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator

from centurio_lib import paths
from centurio_lib.params.validation import Strict

PATH = paths.PARAMS / "claims.yaml"
Group = Literal["en", "T5", "T4", "T3", "T2", "T1", "latin", "other"]


class Part(Strict):
    """One comparison of scores on the same items."""

    higher: Annotated[list[str], Field(min_length=1)] = Field(description="setups, averaged, expected to score higher")
    lower: Annotated[list[str], Field(min_length=1)] = Field(description="setups, averaged, expected to score lower")
    of: str = Field(description="part of the scores (all_tasks, unaffected, fidelity) or one task")
    groups: Annotated[list[Group], Field(min_length=1)] = Field(description="tiers, English, or the script's groups")
    against_groups: list[Group] = Field([], description="groups of the same setup expected to score lower")
    rule: Literal["more", "not_less", "not_more"] = Field(description=(
        "more: the difference is above margin; not_less: above -margin; not_more: below margin"))
    margin: Annotated[float, Field(ge=0)] = Field(description="score points")

    @field_validator("higher", "lower")
    @classmethod
    def known_setups(cls, names: list[str], info: ValidationInfo) -> list[str]:
        """Refuse a setup that neither the study nor the paper has."""
        for name in names:
            if info.context and name not in info.context["setups"]:
                raise ValueError(f"unknown setup {name!r}: neither params/setups.yaml nor the paper has it")
        return names

    @field_validator("of")
    @classmethod
    def known_scores(cls, name: str, info: ValidationInfo) -> str:
        """Refuse a part of the scores, or a task, that neither the study nor the paper has."""
        if info.context and name not in info.context["scores"]:
            raise ValueError(f"unknown task {name!r}; there are {[*info.context['scores']]}")
        return name

    @property
    def setups(self) -> list[str]:
        """All setups of the comparison."""
        return list(dict.fromkeys([*self.higher, *self.lower]))

    def renamed(self, names: dict[str, str]) -> "Part":
        """The same comparison with other names of setups."""
        sides = {side: [names.get(name, name) for name in getattr(self, side)] for side in ("higher", "lower")}
        return self.model_copy(update=sides)

    @property
    def in_short(self) -> str:
        """The comparison in a line."""
        sides = [" + ".join(side) for side in (self.higher, self.lower)]
        if self.against_groups:
            return f"{sides[0]}: {', '.join(self.groups)} against {', '.join(self.against_groups)}, {self.of}"
        return f"{sides[0]} against {sides[1]}: {', '.join(self.groups)}, {self.of}"


class Claim(Strict):
    """A claim and the comparisons that decide it."""

    claim: str
    source: str = Field(description="section and table of the paper")
    not_on: list[Literal["new-style", "new-language", "test"]] = Field([], description="our splits that cannot tell")
    parts: Annotated[list[Part], Field(min_length=1)]


class Claims(Strict):
    """The content of params/claims.yaml."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(description="of the intervals of one claim together")
    claims: dict[str, Claim]

    @property
    def compared(self) -> set[str]:
        """All tasks and parts of the scores that comparisons use."""
        return {part.of for claim in self.claims.values() for part in claim.parts}
