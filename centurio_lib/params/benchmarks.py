"""Third-party benchmarks: their origin (`params/benchmarks.yaml`) and the selection of a profile."""

from functools import cache

from pydantic import Field, field_validator

from centurio_lib import paths
from centurio_lib.languages import languages, tested
from centurio_lib.params.profiles import Profile
from centurio_lib.params.validation import ParamsError, Strict, load, validated

PATH = paths.PARAMS / "benchmarks.yaml"


class Benchmark(Strict):
    """One benchmark in the form that its authors publish."""

    about: str = Field(description="what is asked, in how many languages")
    languages: list[str] = Field(description="codes, English among them where it is asked")
    size: str = Field(description="items, as published")
    licence: str
    page: str = Field(description="where it is described, and its licence accepted where it must be")
    fetch: str = Field(description="how to fetch it by hand")
    repo: str | None = Field(None, description="data set on the Hugging Face hub; null: only fetched by hand")
    revision: str | None = Field(None, description="commit of the repo")
    files: list[str] = Field([], description="patterns of the repo's files that are read")
    columns: dict[str, str] = Field({}, description=(
        "field: column, where the file names it otherwise; images[0] is an element of a list column"))

    @field_validator("languages")
    @classmethod
    def known(cls, codes: list[str]) -> list[str]:
        """Refuse codes that have no tier."""
        unknown = [code for code in codes if code not in languages() and code not in tested()]
        if unknown:
            raise ValueError(f"unknown language codes {unknown}: add them to centurio_lib/tested_languages.csv")
        return codes


@cache
def known() -> dict[str, Benchmark]:
    """Every benchmark of params/benchmarks.yaml. Raises ParamsError naming file, key and value."""
    stated = load(PATH)
    return {name: validated(Benchmark, values, f"{PATH}: {name}") for name, values in stated.items()}


def of_profile(config: Profile) -> list[str]:
    """Benchmarks of a profile's evaluation, in the order of the file."""
    return [name for name in known() if name in config.evaluation.items]


def resolved(config: Profile) -> dict[str, dict]:
    """Origin of the items of a profile's benchmarks, which a run's key holds besides their number."""
    return {name: known()[name].model_dump(mode="json") for name in of_profile(config)}


def check(config: Profile) -> None:
    """Check numbers of items. Raises ParamsError for `all` items of a task that draws any number of items."""
    endless = [name for name, n in config.evaluation.items.items() if n == "all" and name not in known()]
    if endless:
        raise ParamsError(f"profile {config.name}: evaluation.items asks all of {endless}; only benchmarks of "
                          f"{PATH.name} have a size of their own: {', '.join(known())}")
