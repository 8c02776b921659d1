"""Strict reading of YAML: unknown keys, wrong types and wrong values are errors that name file, key and value.

YAML has two traps that the errors explain: an unquoted `no` (Norwegian) arrives as False, `1e-4` as a string.
"""

from pathlib import Path
from typing import Annotated, Any, get_args

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
    """Content of a YAML file. Raises ParamsError for a missing or malformed file."""
    try:
        return yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml")))
        raise ParamsError(f"{path} does not exist; there are: {known}") from error
    except yaml.YAMLError as error:
        raise ParamsError(f"{path} is not YAML: {error}") from error


def validated(model: type[Strict], values: Any, source: str, context: dict[str, Any] | None = None):
    """Build a model from values; `context` is passed to its validators.

    Raises ParamsError naming the source, each key, its value and the fault.
    """
    try:
        return model.model_validate(values, context=context)
    except ValidationError as error:
        lines = [f"{source}: {'.'.join(map(str, e['loc']))} = {e['input']!r}: {_said(model, e)}{hint(e['input'])}"
                 for e in error.errors()]
        raise ParamsError("\n".join(lines)) from error


def hint(value: Any) -> str:
    """Hint at the YAML rule that gave a value of the wrong type."""
    if isinstance(value, str) and value.replace("e", "").replace("-", "").replace(".", "").isdigit():
        return " (YAML reads 1e-4 as text: write 1.0e-4)"
    return " (YAML reads an unquoted no as False: write \"no\")" if isinstance(value, bool) else ""


def _said(model: type[Strict], error: dict) -> str:
    """Message of an error; for an unknown key, it lists the known keys of the section."""
    if error["type"] != "extra_forbidden":
        return error["msg"]
    return f"unknown key; known here: {', '.join(section(model, error['loc'][:-1]).model_fields)}"


def section(model: type[Strict], location: tuple) -> type[Strict]:
    """The model at a location within another model, such as ("base", "reading_lessons", 0)."""
    for name in location:
        if name in model.model_fields:
            model = next(_models(model.model_fields[name].annotation), model)
    return model


def _models(annotation: Any):
    """Models within an annotation, such as `list[Stage] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, Strict):
        yield annotation
    for inner in get_args(annotation):
        yield from _models(inner)
