"""The page docs/settings.md: every key of a profile and a setup with its type, default and meaning.

Made from the models of the params: `make docs`, or `python -m centurio_lib.params.documentation`.
"""

import json
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from centurio_lib import paths
from centurio_lib.params.profiles import Profile
from centurio_lib.params.setups import Setup
from centurio_lib.params.validation import MOST

PAGE = paths.REPO / "docs" / "settings.md"
HEAD = """# Settings

`make docs` writes this page from the models in `centurio_lib/params/`.

- Every key is checked before any work. An unknown key, a wrong type or an unknown language is an error that names
  file, key and value.
- A profile is a file of `params/profiles/`, a setup an entry of `params/setups.yaml`. Neither states its `name`.
- Both may name a `parent` and state only what differs from it. A profile differs key by key within a section.
- Write rates as `1.0e-4`, since YAML reads `1e-4` as text. Write Norwegian as `"no"`, since YAML reads `no` as false.
- Write numbers in plain decimal digits. A whole number is at most 1,000,000,000. No number is NaN or infinite.
- A key stands once. Names of setups and profiles have Latin letters, digits, `-` and `_`, a letter first.
- `null` means that a key is not set.
"""
PLAIN = {str: "text", bool: "`true` or `false`", int: "whole number", float: "number", NoneType: "`null`", Any: "any"}
BOUNDS = {"gt": "above {}", "ge": "at least {}", "lt": "below {}", "le": "at most {}"}  # as pydantic calls them


def page() -> str:
    """The page as Markdown, with a section for each model that a profile or a setup is made of."""
    parts = [HEAD]
    for title, model in (("Profile", Profile), ("Setup", Setup)):
        parts += [f"## {title}\n", table(model), *(section(part, keys) for part, keys in nested(model).items())]
    return "\n".join(parts)


def section(model: type[BaseModel], keys: list[str]) -> str:
    """Section of a model, headed by the dotted keys that hold it."""
    return f"### {', '.join(f'`{key}`' for key in keys)}\n\n{first_line(model)}\n\n{table(model)}"


def first_line(model: type[BaseModel]) -> str:
    """First line of a model's docstring."""
    return (model.__doc__ or "").strip().splitlines()[0]


def table(model: type[BaseModel]) -> str:
    """Table of a model's keys, without `name`, which is the name of the file or entry."""
    head = "| key | type | default | meaning |\n|---|---|---|---|\n"
    return head + "".join(row(key, field) for key, field in model.model_fields.items() if key != "name")


def row(key: str, field: FieldInfo) -> str:
    """Row of a key with type, default and meaning."""
    inner = models(field.annotation)
    meaning = field.description or (first_line(inner[0]) if inner else "")
    return f"| `{key}` | {spoken(field.annotation, field.metadata)} | {default(field)} | {meaning} |\n"


def default(field: FieldInfo) -> str:
    """Default of a key, in words."""
    if field.is_required():
        return "must be stated"
    if isinstance(field.default, BaseModel):
        return "its defaults"
    return f"`{json.dumps(field.default, ensure_ascii=False)}`"


def spoken(annotation: Any, metadata: list | tuple = ()) -> str:
    """A type in words, with its bounds: "whole number above 0"."""
    kind, inner = get_origin(annotation), get_args(annotation)
    if kind is Annotated:
        return spoken(inner[0], annotation.__metadata__)
    if kind in (Union, UnionType):
        return " or ".join(spoken(one) for one in inner)
    if kind is Literal:
        return " or ".join(f"`{value}`" for value in inner)
    if kind is list:
        return f"list, each {spoken(inner[0])}"
    if kind is dict:
        return f"for each name: {spoken(inner[1])}"
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return "section"
    return f"{PLAIN[annotation]} {bounds(metadata)}".strip()


def bounds(metadata: list | tuple) -> str:
    """Bounds of a number in words: "above 0", "from 0 to 1"; empty without bounds."""
    constraints = [inner for one in metadata for inner in getattr(one, "metadata", [one])]
    limits = {name: getattr(one, name) for one in constraints for name in BOUNDS
              if hasattr(one, name) and getattr(one, name) != MOST}
    if set(limits) == {"ge", "le"}:
        return f"from {limits['ge']} to {limits['le']}"
    return " and ".join(BOUNDS[name].format(limit) for name, limit in limits.items())


def models(annotation: Any) -> list[type[BaseModel]]:
    """Models within a type, such as the one of `list[ReadingLesson] | None`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for inner in get_args(annotation) for model in models(inner)]


def nested(model: type[BaseModel], above: str = "") -> dict[type[BaseModel], list[str]]:
    """Nested models of a model in the order of its keys, each with the dotted keys that hold it."""
    found: dict[type[BaseModel], list[str]] = {}
    for key, field in model.model_fields.items():
        for part in models(field.annotation):
            found.setdefault(part, []).append(f"{above}{key}")
            for inner, keys in nested(part, f"{above}{key}.").items():
                found.setdefault(inner, []).extend(keys)
    return found


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(f"written: {PAGE}")
