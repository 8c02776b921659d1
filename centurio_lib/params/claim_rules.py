"""Models of params/claims.yaml: the paper's claims as rules on estimates.

The context of `validated` lists the names that a rule may hold: {"setups": names, "scores": names, "profiles": names}.
A higher floor knows the names in the paper's tables.
"""

from typing import Annotated, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from centurio_lib import paths
from centurio_lib.params.validation import Strict

PATH = paths.PARAMS / "claims.yaml"
Group = Literal["en", "T5", "T4", "T3", "T2", "T1", "latin", "other"]
Weights = dict[tuple[str, str], float]  # of (setup, group)


class Sides(Strict):
    """Setups and groups, as far as they are stated."""

    higher: list[str] | None = Field(None, description="setups, averaged")
    lower: list[str] | None = Field(None, description="setups, averaged, whose score is taken off")
    groups: list[Group] | None = Field(None, description="tiers, English, or the script's groups, averaged")

    @field_validator("higher", "lower")
    @classmethod
    def known_setups(cls, names: list[str] | None, info: ValidationInfo) -> list[str] | None:
        """Refuse a setup that neither the study nor the paper has."""
        for name in names or []:
            if info.context and name not in info.context["setups"]:
                raise ValueError(f"unknown setup {name!r}: neither params/setups.yaml nor the paper has it")
        return names


    def renamed(self, names: dict[str, str]):
        """The same with other names of setups."""
        changed = {side: [names.get(name, name) for name in setups] for side in ("higher", "lower")
                   if (setups := getattr(self, side))}
        than = getattr(self, "than", None)
        return self.model_copy(update=changed | ({"than": than.renamed(names)} if than else {}))


class Contrast(Sides):
    """Setups less other setups in some groups, less another such contrast."""

    higher: Annotated[list[str], Field(min_length=1)] = Field(description="setups, averaged, expected to score higher")
    lower: list[str] = Field([], description="setups, averaged, expected to score lower; none: the score of `higher`")
    groups: Annotated[list[Group], Field(min_length=1)] = Field(description="tiers, English, or the script's groups")
    than: Sides | None = Field(None, description="what differs in the contrast that is taken off")

    @model_validator(mode="after")
    def differs(self):
        """Refuse a `than` that states nothing."""
        if self.than is not None and not self.than.model_fields_set:
            raise ValueError("than states none of higher, lower, groups: it would take off the contrast itself")
        return self

    @property
    def weights(self) -> Weights:
        """Weight of each setup in each group."""
        sides = [(1.0, self)]
        if self.than:
            stated = {name: getattr(self.than, name) for name in self.than.model_fields_set}
            sides.append((-1.0, self.model_copy(update=stated)))
        return added([{(setup, group): sign * part / len(setups) / len(one.groups)} for sign, one in sides
                      for part, setups in ((1.0, one.higher), (-1.0, one.lower)) for setup in setups
                      for group in one.groups])

    @property
    def in_short(self) -> str:
        """The contrast in a line."""
        shown = " + ".join(self.higher) + (f" against {' + '.join(self.lower)}" if self.lower else "")
        of_than = [getattr(self.than, name, None) for name in ("higher", "lower")]
        than = [" + ".join(setups) for setups in of_than if setups]
        than += [", ".join(self.than.groups)] if self.than and self.than.groups else []
        return f"{shown}: {', '.join(self.groups)}" + (f" against {', '.join(than)}" if than else "")


def added(parts: list[Weights]) -> Weights:
    """Sum of some weights."""
    total: Weights = {}
    for weights in parts:
        for place, weight in weights.items():
            total[place] = total.get(place, 0.0) + weight
    return total


class Part(Strict):
    """One estimate and the rule that it is judged by."""

    of: str = Field(description="part of the scores (all_tasks, unaffected, fidelity) or one task")
    rule: Literal["more", "not_less", "not_more"] = Field(description=(
        "more: the effect is above margin; not_less: above -margin; not_more: below margin"))
    margin: Annotated[float, Field(ge=0)] = Field(0.0, description="score points")
    margin_share: Annotated[float, Field(ge=0, lt=1)] = Field(0.0, description="margin as a share of `lower`'s score")
    shown: str = Field("", description="the estimate in words")
    mean_of: Annotated[list[Contrast], Field(min_length=1)]

    @field_validator("of")
    @classmethod
    def known_scores(cls, name: str, info: ValidationInfo) -> str:
        """Refuse a part of the scores, or a task, that neither the study nor the paper has."""
        if info.context and name not in info.context["scores"]:
            raise ValueError(f"unknown task {name!r}; there are {[*info.context['scores']]}")
        return name

    @model_validator(mode="after")
    def one_margin(self):
        """Refuse two margins, and a share of no reference."""
        if self.margin and self.margin_share:
            raise ValueError("margin and margin_share are both stated: which one holds?")
        if self.margin_share and not all(contrast.lower for contrast in self.mean_of):
            raise ValueError("margin_share is a share of the score of `lower`, which is not stated")
        return self

    @property
    def weights(self) -> Weights:
        """Weight of each setup in each group."""
        return self._mean([contrast.weights for contrast in self.mean_of])

    @property
    def reference(self) -> Weights:
        """Weights of the score that `margin_share` is a share of."""
        return self._mean([contrast.model_copy(update={"higher": contrast.lower, "lower": [], "than": None}).weights
                           for contrast in self.mean_of])

    def _mean(self, weights: list[Weights]) -> Weights:
        total = {place: weight / len(weights) for place, weight in added(weights).items()}
        return {place: weight for place, weight in total.items() if abs(weight) > 1e-12}

    @property
    def setups(self) -> list[str]:
        """All setups of the estimate."""
        return list(dict.fromkeys(setup for setup, _ in self.weights))

    @property
    def groups(self) -> list[str]:
        """All groups of the estimate."""
        return list(dict.fromkeys(group for _, group in self.weights))

    def renamed(self, names: dict[str, str]) -> "Part":
        """The same estimate with other names of setups."""
        return self.model_copy(update={"mean_of": [contrast.renamed(names) for contrast in self.mean_of]})

    @property
    def in_short(self) -> str:
        """The estimate in a line."""
        return f"{self.shown or '; '.join(contrast.in_short for contrast in self.mean_of)}, {self.of}"


class Claim(Strict):
    """A claim and the estimates that decide it."""

    claim: str
    source: str = Field(description="section and table of the paper")
    not_on: list[Literal["new-style", "new-language", "test"]] = Field([], description="our splits that cannot tell")
    parts: Annotated[list[Part], Field(min_length=1)]


class Claims(Strict):
    """The content of params/claims.yaml."""

    confidence: Annotated[float, Field(gt=0.5, lt=1)] = Field(description="of the interval of each part")
    from_seed: dict[str, Annotated[int, Field(ge=0)]] = Field({}, description="first confirmatory seed of a profile")
    claims: dict[str, Claim]

    @field_validator("from_seed")
    @classmethod
    def known_profiles(cls, seeds: dict[str, int], info: ValidationInfo) -> dict[str, int]:
        """Refuse a profile that params/profiles lacks."""
        for name in seeds:
            if info.context and name not in info.context["profiles"]:
                raise ValueError(f"unknown profile {name!r}; there are {[*info.context['profiles']]}")
        return seeds

    @property
    def compared(self) -> set[str]:
        """All tasks and parts of the scores that estimates use."""
        return {part.of for claim in self.claims.values() for part in claim.parts}
