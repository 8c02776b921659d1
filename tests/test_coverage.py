"""Coverage of sources: counted in the packages, languages without captions named, every source licensed.

Run with: pytest tests/test_coverage.py
"""

import pandas as pd
import pytest

from centurio_lib.data import concepts, coverage
from centurio_lib.data.sources import packages, registry
from centurio_lib.findings import coverage_plot, looks
from centurio_lib.languages import languages

UNNAMED = set("ar-eg azb bo ceb ht la sa sm ss tpi ts war".split())
FLAGS_ONLY = set("bm eo ki ln oc sg".split())


@pytest.fixture(scope="module")
def texts() -> pd.DataFrame:
    """Everything that the packages name, read once."""
    return concepts.texts()


@pytest.fixture(scope="module")
def covered(texts) -> pd.DataFrame:
    """The real table, counted once."""
    return coverage.table(texts)


def by_code(covered: pd.DataFrame) -> pd.DataFrame:
    """The table with the codes as its index."""
    return covered.set_index("code")


def toy(*rows: tuple) -> pd.DataFrame:
    """A `texts` table from (concept, kind, language, name, keywords)."""
    frame = pd.DataFrame(rows, columns=["concept", "kind", "language", "name", "keywords"])
    return frame.assign(group="")


def test_the_hundred_are_all_there_once_and_in_order(covered):
    assert covered.code.tolist() == list(languages())
    assert not covered.isna().any().any()


def test_languages_without_captions_are_these_twelve(covered):
    assert set(coverage.without_captions(covered)) == UNNAMED


def test_82_languages_name_emoji_and_6_more_name_countries(covered):
    table = by_code(covered)
    assert (table.emoji_names > 0).sum() == 82
    assert set(table.index[(table.emoji_names == 0) & (table.flag_names > 0)]) == FLAGS_ONLY


def test_languages_csv_names_a_source_exactly_where_the_source_has_the_language(covered):
    for code, row in by_code(covered).iterrows():
        lang = languages()[code]
        assert bool(lang.cldr) == (row.emoji_names > 0) == (row.keywords > 0), f"{code}: emoji"
        assert bool(lang.territories) == (row.flag_names > 0), f"{code}: countries"
        assert bool(lang.udhr) == (row.paragraphs > 0), f"{code}: declaration"


def test_no_language_is_a_copy_of_another(texts):
    """Untranslated files (Cebuano, Haitian in CLDR) repeat another language's; the nearest real pair shares half."""
    names = texts[texts.kind == "emoji"].pivot(index="concept", columns="language", values="name")
    names = names.apply(lambda column: column.str.casefold())
    for code in names:
        shared = names.drop(columns=code).eq(names[code], axis=0).sum() / names[code].notna().sum()
        assert shared.max() < 0.6, f"{code} repeats {shared.idxmax()}"


def test_names_equal_to_english_are_counted_apart():
    counted = coverage.counts(toy(
        ("1f415", "emoji", "en", "dog", ["pet", "Animal"]), ("1f415", "emoji", "de", "Hund", ["animal", "Tier"]),
        ("1f355", "emoji", "en", "pizza", []), ("1f355", "emoji", "de", "Pizza", ["Käse"]),
        ("AO", "flag", "en", "Angola", []), ("AO", "flag", "de", "Angola", []), ("AO", "flag", "ki", "Angora", [])))
    assert counted.loc["en"].tolist() == [2, 0, 1, 0, 2], "English names are in English"
    assert counted.loc["de"].tolist() == [1, 1, 0, 1, 2]
    assert counted.loc["ki"].tolist() == [0, 0, 1, 0, 0]


def test_names_and_loanwords_add_up_to_what_the_study_uses(texts, covered):
    table = by_code(covered)
    columns = {"emoji": ("emoji_names", "emoji_as_english"), "flag": ("flag_names", "flag_as_english")}
    for kind, (column, apart) in columns.items():
        sizes = texts[texts.kind == kind].groupby("language").size().reindex(table.index).fillna(0)
        assert (table[column] + table[apart]).tolist() == sizes.tolist()


def test_every_locked_package_has_its_licence_and_use():
    found = coverage.licences().set_index("package")
    assert set(found.index) == {*packages.locked(), "pycld2"}
    assert (found != "").all().all() and not found.isna().any().any()
    for source in registry.sources("things"):
        for style, licence in source.styles.items():
            assert found.licence[f"@iconify-json/{style}"] == licence


def test_picture_labels_every_language_and_marks_those_without_captions(covered):
    figure = coverage_plot.languages(covered, coverage.without_captions(covered))
    labels = [label for axis in figure.axes[:len(coverage_plot.PANELS)] for label in axis.get_yticklabels()]
    named = [label.get_text() for label in labels if "  " in label.get_text()]
    assert named == [f"{row.name}  {row.code}" for groups in coverage_plot.PANELS for group in groups
                     for row in covered[covered.group == group].itertuples(index=False)]
    heads = [label.get_text() for label in labels if "  " not in label.get_text()]
    assert heads == ["English", "T5", "T4", "T3", "T2", "T1"]
    marked = {label.get_text().split()[-1] for label in labels if label.get_color() == looks.ENGLISH.colour}
    assert marked == UNNAMED


def test_shares_are_of_english_and_never_over_100(covered):
    shares = coverage_plot.shares(covered).set_index("code")[list(coverage_plot.SOURCES)]
    assert (shares.loc["en"] == 100).all() and shares.min().min() == 0 and shares.max().max() == 100
    assert shares.loc["la"].tolist() == [0, 0, 0, 100, 100, 0], "NLLB lacks Latin"
