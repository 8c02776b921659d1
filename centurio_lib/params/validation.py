"""Strict reading of YAML: unknown keys, wrong types and wrong values are errors that name file, key and value.

Traps of YAML are errors that explain themselves. An unquoted `no` (Norwegian) arrives as False, `1e-4` as a string,
`1:30` as 90, `010` as 8. Of a key that stands twice YAML keeps the last value.
"""

import re
import reprlib
from pathlib import Path
from typing import Annotated, Any, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

MOST = 10 ** 9  # of whatever is counted
Share = Annotated[float, Field(ge=0, le=1)]
Rate = Annotated[float, Field(gt=0, le=1)]
Natural = Annotated[int, Field(ge=0, le=MOST)]
Count = Annotated[int, Field(gt=0, le=MOST)]
Side = Annotated[int, Field(gt=0, le=10_000)]  # of an image, in pixels
Threads = Annotated[int, Field(gt=0, le=256)]
PLAIN_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)?(\.[0-9]*)?([eE][-+]?[0-9]+)?|[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
SHOWN = 200  # characters of a wrong value in a message
# a value for a message: no deeper and no longer than one reads, since aliases of YAML make huge ones of a few lines
WRITTEN = reprlib.Repr()
WRITTEN.maxlevel, WRITTEN.maxlist, WRITTEN.maxdict = 4, 20, 20
WRITTEN.maxstring = WRITTEN.maxlong = WRITTEN.maxother = 2 * SHOWN


class ParamsError(ValueError):
    """A parameter is unknown, of the wrong type, or out of range; the message names file, key and value."""


class Strict(BaseModel):
    """A frozen model that refuses unknown keys and converts no types."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Loader(yaml.SafeLoader):
    """A safe loader that refuses what YAML would change without a word: doubled keys, numbers in other bases."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
        """A mapping whose keys are texts, each once."""
        seen: set[str] = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:merge":
                continue
            if key.tag != "tag:yaml.org,2002:str":
                raise yaml.constructor.ConstructorError(None, None, f"key {shown(key)} is no text: put it in quotes",
                                                        key.start_mark)
            if key.value in seen:
                raise yaml.constructor.ConstructorError(None, None, f"key {key.value!r} stands here twice: keep one",
                                                        key.start_mark)
            seen.add(key.value)
        return super().construct_mapping(node, deep)

    def plain_number(self, node: yaml.ScalarNode) -> int | float:
        """A number in decimal digits."""
        if not PLAIN_NUMBER.fullmatch(node.value):
            raise yaml.constructor.ConstructorError(None, None, (
                f"{node.value} is no plain number (YAML reads 1:30 as 90, 010 as 8): write it in decimal digits, "
                "or in quotes as text"), node.start_mark)
        return self.construct_yaml_int(node) if node.tag.endswith("int") else self.construct_yaml_float(node)


    def plain_date(self, node: yaml.ScalarNode) -> str:
        """A date as the text that was written, since no parameter is a date."""
        return node.value


for _kind, _made in (("int", Loader.plain_number), ("float", Loader.plain_number), ("timestamp", Loader.plain_date)):
    Loader.add_constructor(f"tag:yaml.org,2002:{_kind}", _made)


def shown(key: yaml.Node) -> str:
    """A key as it was written."""
    return repr(key.value) if isinstance(key, yaml.ScalarNode) else f"of kind {key.id}"


def load(path: Path) -> dict[str, Any]:
    """Keys and values of a YAML file.

    Raises ParamsError naming the file where it is missing, unreadable, malformed, empty, a list or a single value.
    """
    try:
        content = read(path.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError as error:
        known = ", ".join(sorted(p.stem for p in path.parent.glob("*.yaml")))
        raise ParamsError(f"{path} does not exist; there are: {known}") from error
    except UnicodeDecodeError as error:
        line = error.object[:error.start].count(b"\n") + 1
        raise ParamsError(f"{path}, line {line}: byte {error.object[error.start]:#04x} is no UTF-8: save the file in "
                          "UTF-8") from error
    except OSError as error:
        raise ParamsError(f"{path} cannot be read: {error}") from error
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        raise ParamsError(f"{path} is not YAML: {error}") from error
    if not isinstance(content, dict):
        kind = "empty" if content is None else f"a {type(content).__name__}"
        raise ParamsError(f"{path} is {kind}: keys and values are wanted, one a line, such as `about: My study.`")
    return content


def read(text: str) -> Any:
    """Content of strict YAML. Raises yaml.YAMLError for a doubled key, a key that is no text, or a number in another
    base.
    """
    return yaml.load(text, Loader)


def validated(model: type[Strict], values: Any, source: str, context: dict[str, Any] | None = None):
    """Build a model from values; `context` is passed to its validators.

    Raises ParamsError naming the source, each key, its value and the fault.
    """
    try:
        return model.model_validate(values, context=context)
    except ValidationError as error:
        lines = [f"{source}: {'.'.join(map(str, e['loc']))} = {short(e['input'])}: {_said(model, e)}"
                 f"{hint(e['input'])}" for e in error.errors()]
        raise ParamsError("\n".join(lines)) from error


def short(value: Any) -> str:
    """A wrong value for a message, its middle left out where it is long."""
    written = WRITTEN.repr(value)
    return written if len(written) <= SHOWN else f"{written[:SHOWN // 2]}...{written[-SHOWN // 2:]}"


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
