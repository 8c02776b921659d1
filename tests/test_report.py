"""The report's files, read by a parser: what it shows, that every link leads to a file, that nothing outside is named.

Run: pytest tests/test_report.py. How it looks and works in a browser: tests/test_browser.py
"""

import io
import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest
import toy_report
from bs4 import BeautifulSoup
from fontTools.ttLib import TTFont
from nbformat import v4

from centurio_lib import paths
from centurio_lib.findings import claims, scores
from centurio_lib.languages import language
from centurio_lib.report import cells, gallery, pages, site, webfonts


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A folder that stands for the repository in everything that is written."""
    folder = tmp_path_factory.mktemp("report")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "HOME", folder)
        yield folder


@pytest.fixture(scope="module")
def report(home) -> tuple[site.Content, Path]:
    """What the toy report shows, and its page."""
    return toy_report.write(home)


def parsed(path: Path) -> BeautifulSoup:
    """A page of the report."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def test_every_page_is_whole_and_every_link_leads_to_a_file(report):
    _, index = report
    for path in [index, *sorted(index.parent.glob("notebooks/*.html"))]:
        soup = parsed(path)
        assert soup.html["lang"] == "en" and soup.find("meta", charset="utf-8") and soup.title.text
        ids = [tag["id"] for tag in soup.find_all(id=True)]
        assert len(ids) == len(set(ids)), "an id is there twice"
        links = [tag[name] for name in ("href", "src") for tag in soup.find_all(attrs={name: True})]
        assert len(links) > 3
        for link in links:
            file, _, anchor = link.partition("#")
            if link == "data:,":
                continue
            assert not re.match(r"\w+:|/", link), f"{path.name} leads outside: {link}"
            target = (path.parent / file) if file else path
            assert target.is_file(), f"{path.name}: {link} leads nowhere"
            assert not anchor or parsed(target).find(id=anchor), f"{path.name}: {link} lacks its anchor"


def test_style_sheets_and_scripts_name_no_address(report):
    _, index = report
    folder = index.parent / "assets"
    for path in [*folder.glob("*.css"), folder / "report.js", folder / "data.js"]:
        text = path.read_text(encoding="utf-8")
        for link in re.findall(r'url\("?([^")]+)"?\)', text):
            assert link.startswith("data:") or (folder / link).is_file(), f"{path.name}: {link}"
        assert "fetch(" not in text and "@import" not in text
    assert len(list(folder.glob("fonts/*.woff2"))) > 8


def test_gallery_shows_every_script_with_language_and_direction(report):
    shown, index = report
    cards = parsed(index).select(".card")
    scripts = {language(code).script for code in toy_report.CATS}
    assert {card["data-script"] for card in cards} == scripts and len(cards) == len(shown.cards)
    for card in cards:
        code = card["data-language"]
        reference = card.select_one(".reference")
        assert reference.text == toy_report.CATS[code] and reference["dir"] == "auto"
        assert reference["lang"] == gallery.TAGS.get(code, code)
        answers = card.select(".answer")
        assert len(answers) == len(toy_report.SETUPS) and all(answer["dir"] == "auto" for answer in answers)
        assert card.select("img") and card.select_one(".prompt").text
    both = [card for card in cards if {"right language", "wrong language"} <= set(card["data-shows"].split(","))]
    assert {card["data-task"] for card in both} == {"captioning"}


def test_an_answer_that_is_html_is_shown_as_text(report):
    _, index = report
    raw = index.read_text(encoding="utf-8")
    assert toy_report.NASTY not in raw and "&lt;script&gt;document.title" in raw
    assert toy_report.NASTY in [answer.text for answer in parsed(index).select(".answer")]


def test_claims_have_a_verdict_for_each_column(report):
    _, index = report
    rows = parsed(index).select(".claims tbody tr")
    rules = claims.load()
    assert [row.th.contents[0].strip() for row in rows] == [claim.claim for claim in rules.claims.values()]
    assert all([summary.text for summary in row.select("summary")] == [claims.REPLICATED] * 2 for row in rows)
    lines = [len(row.select("td:first-of-type li")) for row in rows]
    assert lines == [len(claim.parts) for claim in rules.claims.values()]
    assert "+3.0 [+1.0, +5.0]" in rows[0].select_one("li").text


def test_cells_are_means_over_seeds_and_each_seed_is_told(home, report):
    shown, index = report
    stored = scores.stored(sorted(home.glob("results/smoke/evaluate/*/*/scores.parquet")))
    assert len(shown.cells) == len(stored) / toy_report.SEEDS
    one = shown.cells[(shown.cells.code == "th") & (shown.cells.task == "flag")].iloc[0]
    own = stored[(stored.language == "th") & (stored.task == "flag") & (stored.setup == one.setup)
                 & (stored.split == one.split)].sort_values("seed")
    assert one.value == pytest.approx(own.value.mean()) and one.by_seed == " ".join(f"{v:.1f}" for v in own.value)
    assert (one.language, one.tier, one.script, one.chance) == ("Thai", "T3", "Thai", 5)
    data = (index.parent / "assets" / "data.js").read_text(encoding="utf-8")
    assert data.startswith('const CELLS = {"columns":["language","code"') and "NaN" not in data


def test_report_is_written_anew_and_the_page_comes_last(report):
    _, index = report
    stray = index.parent / "notebooks" / "of-yesterday.html"
    stray.write_text("old")
    site.write(index.parent, {"index.html": index.read_bytes(), "assets/one.css": "x"}, toy_report.PROFILE)
    assert not stray.exists() and (index.parent / "figures" / "smoke" / "rq1.png").exists()
    assert index.stat().st_mtime_ns >= (index.parent / "assets" / "one.css").stat().st_mtime_ns


# === what is refused ===
def test_a_cell_that_one_seed_lacks_is_refused(home, report):
    stored = scores.stored(sorted(home.glob("results/smoke/evaluate/*/*/scores.parquet")))
    with pytest.raises(ValueError, match="not every seed has this cell"):
        cells.rows(stored.drop(stored.index[3]))


def test_evaluations_of_different_items_are_refused(tmp_path):
    stored = toy_report.runs_in(tmp_path)
    toy_report.tables.write(stored[-1].with_name("items.parquet"), "items", toy_report.items().iloc[:-1])
    with pytest.raises(ValueError, match="holds other items than"):
        gallery.answers(stored)


def test_a_missing_picture_or_table_is_named(home, report, tmp_path, monkeypatch):
    shown, _ = report
    stranger = shown.cards[0]._replace(images=["emoji/unicorn/noto/0"])
    with pytest.raises(KeyError, match="emoji/unicorn/noto/0"):
        gallery.pictures({"images": [home / "images.parquet"]}, [stranger])
    monkeypatch.setattr(paths, "HOME", tmp_path)
    with pytest.raises(FileNotFoundError, match=r"claims\.csv is missing: `make figures PROFILE=smoke`"):
        site.table("smoke", "claims")
    with pytest.raises(FileNotFoundError, match="holds no figure"):
        site.drawn("smoke")


def test_a_claim_without_verdict_is_named():
    parts = toy_report.parts()
    name = next(iter(claims.load().claims))
    with pytest.raises(ValueError, match=name):
        site.judged(claims.load(), parts[parts.claim != name])
    elsewhere = site.judged(claims.load(), parts[(parts.claim != name) | (parts.split != "published")])
    assert [one.verdict for one in elsewhere[0].verdicts].count("–") == 1, "another split holds what it is about"


def test_a_notebook_that_ended_in_an_error_is_refused(tmp_path):
    failed = v4.new_output("error", ename="E", evalue="boom", traceback=[])
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell("1 / 0", outputs=[failed])]), tmp_path / "run.ipynb")
    with pytest.raises(ValueError, match="ended in an error in the cell '1 / 0'"):
        pages.page("failed", tmp_path / "run.ipynb")


# === choosing items ===
def test_the_item_that_tells_most_is_chosen():
    frame = pd.DataFrame([
        {"item_id": f"{task}/{i}", "task": task, "language": "th", "script": "Thai", "group": "T3", "setup": setup,
         "score": score, "in_language": known}
        for task, i, setup, score, known in [
            ("captioning", 0, "a", 90, 1), ("captioning", 0, "b", 10, 1), ("captioning", 1, "a", 20, 1),
            ("captioning", 1, "b", 10, 0), ("flag", 0, "a", 100, None), ("flag", 0, "b", 100, None),
            ("flag", 1, "a", 100, None), ("flag", 1, "b", 0, None)]]).astype({"in_language": float})
    assert gallery.chosen(frame) == ["captioning/1", "flag/1"]


# === fonts ===
def test_fonts_that_hold_the_characters_are_there_and_no_others():
    files, without = webfonts.stylesheet({"": "cat 0–9", "th": "แมว", "ja": "猫", "zh": "貓猫"})
    assert without == ""
    css = files["fonts.css"].decode()
    held = {name: set(TTFont(io.BytesIO(content)).getBestCmap()) for name, content in files.items() if "woff2" in name}
    for text in ("cat 0–9", "แมว", "猫", "貓"):
        assert any({ord(character) for character in text} <= codes for codes in held.values()), text
    assert len(held) < 8 and all(f'url("{name}")' in css for name in held)
    japanese, chinese, plain = (re.findall(rf'"{family}"; src: url\("fonts/([^"]+)"', css)
                                for family in ("Noto ja", "Noto zh", "Noto"))
    assert any("-jp-" in name for name in japanese) and not any("-tc-" in name for name in japanese)
    assert any("-tc-" in name for name in chinese) and not any("-jp-" in name for name in chinese)
    assert plain[-1] == "noto-sans-latin.woff2", "letters that several files hold come from the plain one"
    assert ':lang(ja) { font-family: "Noto ja", "Noto", sans-serif; }' in css


def test_characters_without_a_font_are_told():
    _, without = webfonts.stylesheet({"": "a\U0001F9AB"})
    assert without == "\U0001F9AB"
