"""Strict reading of YAML: models that refuse unknown keys and wrong types, with errors that name file, key and value.
"""

from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

Share = Annotated[float, Field(ge=0, le=1)]
Count = Annotated[int, Field(gt=0)]


class ParamsError(ValueError):
    """A parameter is unknown, of the wrong type, or out of range; the message names file, key and value."""


class Strict(BaseModel):
    """A frozen model that refuses unknown keys and converts no types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


def load(path: Path) -> Any:
    """Content of a YAML file. Raises ParamsError where it is missing or not YAML."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml")))
        raise ParamsError(f"{path} does not exist; there are: {known}") from error
    except yaml.YAMLError as error:
        raise ParamsError(f"{path} is not YAML: {error}") from error


def validated(model: type[Strict], values: Any, source: str):
    """A model from values. Raises ParamsError that names the source, each key, its value and what is wrong."""
    try:
        return model.model_validate(values)
    except ValidationError as error:
        lines = [f"{source}: {'.'.join(map(str, e['loc']))} = {e['input']!r}: {e['msg']}{hint(e['input'])}"
                 for e in error.errors()]
        raise ParamsError("\n".join(lines)) from error


def hint(value: Any) -> str:
    """What YAML may have done to a value of the wrong type."""
    if isinstance(value, str) and value.replace("e", "").replace("-", "").replace(".", "").isdigit():
        return " (YAML reads 1e-4 as text: write 1.0e-4)"
    return " (YAML reads an unquoted no as False: write \"no\")" if isinstance(value, bool) else ""
