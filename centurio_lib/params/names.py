"""Names that a shell, a path, papermill and a table pass on unchanged, and lists that name each thing once."""

import re
from collections.abc import Iterable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator

from centurio_lib.languages import languages
from centurio_lib.params.validation import ParamsError

FORM = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
# YAML and papermill read these as truth values and numbers, pandas as missing values
READ_OTHERWISE = {"true", "false", "yes", "no", "on", "off", "y", "n", "null", "none", "nan", "na", "inf", "infinity"}


def name(value: Any, where: str) -> str:
    """Check the name of a setup or profile. Raises ParamsError saying which names are safe.

    `where`: what is named, such as "profile" or "params/setups.yaml: setup".
    """
    if not isinstance(value, str) or not FORM.fullmatch(value):
        raise ParamsError(f"{where} {value!r} is no name that shell, path and papermill pass on unchanged: use Latin "
                          "letters, digits, - and _, a letter first, 64 characters at most, such as My-setup")
    if value.lower() in READ_OTHERWISE:
        raise ParamsError(f"{where} {value!r} is a name that YAML, papermill or a table reads as a missing value, a "
                          "truth value or a number: choose another, such as My-setup")
    return value


def distinct(stated: list) -> list:
    """Refuse a list that holds something twice."""
    if twice := [one for n, one in enumerate(stated) if one in stated[:n]]:
        raise ValueError(f"{', '.join(map(repr, twice))} stands there twice: name each once")
    return stated


def differ_by_more_than_case(stated: Iterable[str], where: str) -> None:
    """Refuse names that differ in case alone. Raises ParamsError naming both."""
    seen: dict[str, str] = {}
    for one in stated:
        if (other := seen.setdefault(one.lower(), one)) != one:
            raise ParamsError(f"{where}: {other!r} and {one!r} differ in case alone, and some disks tell no case: "
                              "rename one")


def known_codes(codes: Any) -> Any:
    """Refuse codes outside the 100, and False, which YAML reads for an unquoted `no`."""
    for code in codes if isinstance(codes, list) else []:
        if code is False or code is True:
            raise ValueError(f"a language code arrived as {code}: YAML reads an unquoted no as False, write \"no\"")
        if not isinstance(code, str) or code not in languages():
            raise ValueError(f"unknown language code {code!r} (the 100 codes are in centurio_lib/languages.csv)")
    return codes


Codes = Annotated[list[str], BeforeValidator(known_codes), AfterValidator(distinct)]
Names = Annotated[list[str], AfterValidator(distinct)]
