"""All sources together: their licences, and the packages that some of them read."""

from functools import cache
from types import ModuleType

from centurio_lib.data import source
from centurio_lib.data.source import Source
from centurio_lib.data.sources import fonts, packages, report_widget, texts, things

ALONE = (fonts, report_widget)  # sources that have no folder of their kind


@cache
def modules() -> dict[str, ModuleType]:
    """Every source's module by the source's name.

    Raises source.DeclarationError naming file and field for a wrong declaration, a package that package-lock.json
    lacks, a package or a style that two sources declare differently, and a package that no source declares.
    """
    by_name: dict[str, ModuleType] = {}
    for module in (*things.modules().values(), *texts.modules().values(), *ALONE):
        name = source.check(module).name
        if name in by_name:
            raise source.wrong(module, "name", f"{name!r} is the name of {by_name[name].__file__} too")
        by_name[name] = module
    _check_packages(by_name)
    _check_styles(by_name)
    return by_name


def sources(*kinds: str) -> list[Source]:
    """Declarations of all sources, or of some kinds. Raises source.DeclarationError as `modules`."""
    return [module.SOURCE for module in modules().values() if not kinds or module.SOURCE.kind in kinds]


def licences(*kinds: str, packaged: bool = False) -> dict[str, str]:
    """Licences of sources of some kinds: of each source's words, and of each style of drawing.

    `packaged`: only of sources that lie in packages, not of those that are fetched from the hub.
    """
    chosen = [one for one in sources(*kinds) if one.packages or not packaged]
    words = {f"{one.origin} ({one.use})": one.licence for one in chosen}
    return words | {f"{style} (drawings)": licence for one in chosen for style, licence in one.styles.items()}


def packages_of(module_names: set[str]) -> list[str]:
    """Packages of package.json that the sources among some modules read, sorted. Raises source.DeclarationError."""
    return sorted({package for module in modules().values() if module.__name__ in module_names
                   for package in module.SOURCE.packages})


def uses() -> dict[str, str]:
    """Use of each package in the study, in the order of the sources."""
    return {package: use for one in sources() for package, use in one.packages.items()}


def _check_packages(by_name: dict[str, ModuleType]) -> None:
    locked, declared = packages.locked(), {}
    for module in by_name.values():
        for package, use in module.SOURCE.packages.items():
            if package not in locked:
                raise source.wrong(module, "packages", f"{package!r} is not in package-lock.json: name it in "
                                                       "package.json and run `npm install --package-lock-only`")
            if declared.setdefault(package, (module, use)) != (module, use):
                raise source.wrong(module, "packages", f"{package!r} is declared by {declared[package][0].__file__} "
                                                       "too: declare it there alone")
    stray = sorted(set(locked) - set(declared))
    if stray:
        raise source.DeclarationError(f"package.json: dependencies: no source declares {stray}: state the use of each "
                                      "in the file of centurio_lib/data/sources that reads it")


def _check_styles(by_name: dict[str, ModuleType]) -> None:
    known: dict[str, tuple[ModuleType, str]] = {}
    for module in by_name.values():
        for style, licence in module.SOURCE.styles.items():
            before = known.setdefault(style, (module, licence))
            if before[1] != licence:
                raise source.wrong(module, "styles", f"{style!r} has licence {licence!r} here and {before[1]!r} in "
                                                     f"{before[0].__file__}")
