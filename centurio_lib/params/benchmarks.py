"""Test sets as their authors publish them: where each comes from, `params/test_sets.yaml`, and which a profile asks."""

from functools import cache

from pydantic import field_validator

from centurio_lib import params, paths
from centurio_lib.languages import languages, tested
from centurio_lib.params import ParamsError, Profile, Strict

PATH = paths.PARAMS / "test_sets.yaml"


class DataSet(Strict):
    """One published test set."""

    about: str
    languages: list[str]
    size: str  # items, as published
    licence: str
    page: str  # where it is described, and its licence accepted where it must be
    fetch: str  # what to do where it is not at hand
    repo: str | None = None  # data set on the Hugging Face hub; None: only fetched by hand
    revision: str | None = None
    files: list[str] = []  # of the hub's files, those that are read
    columns: dict[str, str] = {}  # what the file calls a field, where it is not the field's own name

    @field_validator("languages")
    @classmethod
    def known(cls, codes: list[str]) -> list[str]:
        """Refuse codes that have no tier."""
        unknown = [code for code in codes if code not in languages() and code not in tested()]
        if unknown:
            raise ValueError(f"unknown language codes {unknown}: add them to centurio_lib/tested_languages.csv")
        return codes


@cache
def known() -> dict[str, DataSet]:
    """Every test set of params/test_sets.yaml. Raises ParamsError naming file, key and value."""
    stated = params.load(PATH)
    return {name: params.validated(DataSet, values, f"{PATH}: {name}") for name, values in stated.items()}


def asked(config: Profile) -> list[str]:
    """Test sets that a profile's evaluation asks, in the order of the file."""
    return [name for name in known() if name in config.evaluation.items]


def resolved(config: Profile) -> dict[str, dict]:
    """Where the items of a profile's test sets come from: what a run depends on besides their number."""
    return {name: known()[name].model_dump(mode="json") for name in asked(config)}


def check(config: Profile) -> None:
    """Raises ParamsError where `all` is asked of a task that draws its own items and so has no end of them."""
    endless = [name for name, n in config.evaluation.items.items() if n == "all" and name not in known()]
    if endless:
        raise ParamsError(f"profile {config.name}: evaluation.items asks all of {endless}; only test sets of "
                          f"{PATH.name} have a size of their own: {', '.join(known())}")
