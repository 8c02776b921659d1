"""The report's files, read by a parser: what it leads with, that links lead to files, that nothing outside is named.

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
from PIL import Image

from centurio_lib import params, paths, tables
from centurio_lib.data import artwork, concepts, pictures
from centurio_lib.findings import claims, score_archive, scores
from centurio_lib.languages import language
from centurio_lib.report import answers, cells, pages, questions, site, webfonts


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """The folder of the toy report and of what it is made from."""
    return tmp_path_factory.mktemp("report")


@pytest.fixture(scope="module")
def report(home) -> tuple[site.Content, Path]:
    """Contents of the toy report, and its page."""
    return toy_report.write(home)


def parsed(path: Path) -> BeautifulSoup:
    """A page of the report."""
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


# === what it leads with ===
def test_a_question_leads_with_verdicts_sentences_and_figure(report):
    _, index = report
    parts = [part.name for part in parsed(index).select_one("#rq1").find_all(True, recursive=False)]
    assert parts == ["h2", "p", "p", "div", "figure", "details"], "tables come after the figure, folded"
    section = parsed(index).select_one("#rq1")
    assert section.h2.text == "RQ1: how many training languages?"
    sentences = section.select_one(".answers-it").text
    assert sentences.startswith("The paper's 7 claims are replicated on drawings in a new style. ")
    assert "All tasks, new-style: L100 scores highest on T5 and T1 (60.0) and English lowest (40.0)." in sentences
    assert section.img["alt"].startswith("Figure rq1 of the setups English, L100")
    assert "60.0 [50.0, 90.0]" in section.select_one("details table").text


def test_the_summary_counts_the_verdicts_of_each_question(report):
    _, index = report
    rows = parsed(index).select(".summary li")
    assert [row.text for row in rows] == ["RQ1: how many training languages? 7 replicated"]
    assert all(fold.get("open") is None for fold in parsed(index).select("details"))


def test_every_claim_is_in_one_table_with_a_verdict_for_each_column(report):
    _, index = report
    rules = claims.load().claims
    rows = {row.th.contents[0].strip(): row for row in parsed(index).select(".claims tbody tr")}
    assert sorted(rows) == sorted(claim.claim for claim in rules.values())
    for claim in rules.values():
        row = rows[claim.claim]
        assert [summary.text for summary in row.select("summary")] == [claims.REPLICATED] * 2
        assert len(row.select("td:first-of-type li")) == len(claim.parts)
    assert "+3.0 [+1.0, +5.0]" in rows["English is retained with up to 100 languages"].select_one("li").text
    assert parsed(index).select_one("#untested .claims") and not parsed(index).select_one("#untested > .scroll")


def test_sentences_say_what_the_verdicts_are():
    def said(*verdicts):
        rows = [questions.Judged("", "", [questions.Verdict(verdict, [""])]) for verdict in verdicts]
        counts = {verdict: verdicts.count(verdict) for verdict in dict.fromkeys(verdicts)}
        return questions.verdict_sentence(questions.Verdicts([("laptop", "new-language")], rows, counts))
    assert said() == "No claim of the paper is about this question alone."
    assert said("contradicted") == "The paper's one claim is contradicted on new pairs of thing and language."
    assert said("replicated", "not run", "not run").startswith("Of the paper's 3 claims, 1 is replicated and 2 are not")


def test_a_claim_that_is_judged_on_another_split_alone_is_counted_there():
    rules, parts = claims.load(), toy_report.parts()
    name = next(iter(rules.claims))
    elsewhere = questions.verdicts(rules, parts[parts.split == "published"], [name])
    assert elsewhere.columns == [("paper: Phi-3.5", "published")] and elsewhere.counts == {claims.REPLICATED: 1}


# === the files ===
def test_every_page_is_whole_and_every_link_leads_to_a_file(report):
    _, index = report
    for path in [index, *sorted(index.parent.glob("notebooks/*.html"))]:
        soup = parsed(path)
        assert soup.html["lang"] == "en" and soup.find("meta", charset="utf-8") and soup.title.text
        assert all(image["alt"] for image in soup.find_all("img"))
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


def test_an_executed_notebook_shows_outputs_and_folds_code(report):
    _, index = report
    soup = parsed(index.parent / "notebooks" / "toy.html")
    assert soup.select_one("details.code summary").text == "x = 1  # why" and not soup.select("details[open]")
    assert soup.select_one(".output_area").text.strip() == toy_report.CATS["ar"]


def test_report_is_written_anew_and_the_page_comes_last(report, home):
    _, index = report
    stray = index.parent / "notebooks" / "of-yesterday.html"
    stray.write_text("old")
    site.write(index.parent, {"index.html": index.read_bytes(), "assets/one.css": "x"}, {"smoke": home / "figures"})
    assert not stray.exists() and (index.parent / "figures" / "smoke" / "rq1.png").exists()
    assert index.stat().st_mtime_ns >= (index.parent / "assets" / "one.css").stat().st_mtime_ns


# === cells and answers ===
def test_cells_are_means_over_seeds_and_each_seed_is_told(home, report):
    shown, _ = report
    stored = scores.stored(sorted(home.glob("results/smoke/evaluate/*/*/scores.parquet")))
    assert len(shown.cells) == len(stored) / toy_report.SEEDS
    one = shown.cells[(shown.cells.code == "th") & (shown.cells.task == "flag")].iloc[0]
    rows = stored[(stored.language == "th") & (stored.task == "flag") & (stored.setup == one.setup)
                  & (stored.split == one.split)].sort_values("seed")
    assert one.value == pytest.approx(rows.value.mean()) and one.by_seed == " ".join(f"{v:.1f}" for v in rows.value)
    assert (one.language, one.tier, one.script, one.chance) == ("Thai", "T3", "Thai", 5)


def test_an_item_of_each_task_and_language_has_the_answers_of_all_setups(report):
    shown, _ = report
    assert len(shown.items) == 3 * len(toy_report.CATS)
    for item in shown.items:
        assert item.reference == toy_report.CATS[item.code] and item.prompt and item.images
        assert item.tag == answers.TAGS.get(item.code, item.code) and len(item.answers) == len(toy_report.SETUPS)
    scripts = {language(code).script for code in toy_report.CATS}
    assert {item.script for item in shown.items[:len(scripts)]} == scripts, "the first ones are of different scripts"


def test_an_archive_holds_each_item_once(home, report):
    files = sorted(home.glob("results/smoke/evaluate/*/*/scores.parquet"))
    assert score_archive.items(files).item_id.tolist() == toy_report.items().item_id.tolist()
    assert score_archive.items([home / "scores.parquet"]).empty


@pytest.mark.parametrize("path", sorted(paths.REPO.glob("figures/*/items.parquet")), ids=lambda path: path.parent.name)
def test_committed_answers_have_their_items(path):
    answered = tables.read(path.with_name("predictions.parquet"), "predictions", columns=["item_id"]).item_id
    assert set(answered) == set(tables.read(path, "items").item_id)


def test_the_item_that_tells_most_is_chosen():
    frame = pd.DataFrame([
        {"item_id": f"{task}/{i}", "task": task, "language": "th", "script": "Thai", "setup": setup,
         "score": score, "in_language": known}
        for task, i, setup, score, known in [
            ("captioning", 0, "a", 90, 1), ("captioning", 0, "b", 10, 1), ("captioning", 1, "a", 20, 1),
            ("captioning", 1, "b", 10, 0), ("flag", 0, "a", 100, None), ("flag", 0, "b", 100, None),
            ("flag", 1, "a", 100, None), ("flag", 1, "b", 0, None)]]).astype({"in_language": float})
    assert answers.chosen(frame) == ["captioning/1", "flag/1"]


def test_answers_without_their_items_are_shown_without_prompt_and_pictures():
    rows = answers.with_items(toy_report.predictions("L100", 0), toy_report.items().iloc[:0])
    item = answers.items(rows, toy_report.SETUPS)[0]
    assert (item.prompt, item.images, item.answers[0]) == ("", [], None) and item.answers[1]


def test_a_picture_drawn_again_is_the_same_to_the_bit():
    data = params.profile("smoke").data
    drawing = concepts.drawings().iloc[0]
    name = f"{drawing.kind}/{drawing.concept}/{drawing.style}/1"
    placed = artwork.place(artwork.render(drawing.svg), artwork.random_for(data.seed, name), 64)
    assert pictures.drawn_again([name, "smpqa/test/en/bar/0"], data, 64) == {name: artwork.to_bytes(placed)}


def test_the_file_of_a_picture_ends_as_its_content_says_not_its_id():
    drawing, photograph = (io.BytesIO() for _ in range(2))
    Image.new("RGB", (2, 2)).save(drawing, "PNG")
    Image.new("RGB", (2, 2)).save(photograph, "JPEG")
    files = site.image_files({"ocr/test/en/0": drawing.getvalue(), "emoji/cat/noto/0": photograph.getvalue()})
    assert files == {"ocr/test/en/0": "images/0000-ocr-test-en-0.png",
                     "emoji/cat/noto/0": "images/0001-emoji-cat-noto-0.jpeg"}
    with pytest.raises(ValueError, match="flag/de is not a readable image"):
        site.image_files({"flag/de": b"no picture"})


# === what is refused ===
def test_a_cell_that_one_seed_lacks_is_refused(home, report):
    stored = scores.stored(sorted(home.glob("results/smoke/evaluate/*/*/scores.parquet")))
    with pytest.raises(ValueError, match="not every seed has this cell"):
        cells.rows(stored.drop(stored.index[3]))


def test_setups_that_answered_different_items_are_refused():
    rows = pd.concat([toy_report.predictions("English", 0), toy_report.predictions("L100", 0).iloc[1:]])
    with pytest.raises(ValueError, match="answered different items of captioning"):
        answers.with_items(rows, toy_report.items())


def test_a_missing_picture_table_or_figure_is_named(home, report, tmp_path):
    with pytest.raises(KeyError, match="emoji/unicorn/noto/0"):
        answers.pictures({"images": [home / "images.parquet"]}, ["emoji/unicorn/noto/0"])
    with pytest.raises(FileNotFoundError, match=r"claims\.csv is missing: `make figures`"):
        questions.stored(tmp_path, "claims")
    with pytest.raises(FileNotFoundError, match="holds no figure"):
        questions.figures(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"rq2\.json is missing"):
        questions.question("rq2", home / "figures", claims.load(), toy_report.parts())


def test_a_claim_without_verdict_is_named():
    parts, name = toy_report.parts(), next(iter(claims.load().claims))
    with pytest.raises(ValueError, match=name):
        questions.verdicts(claims.load(), parts[parts.claim != name], [name])


def test_a_notebook_that_ended_in_an_error_is_refused(tmp_path):
    failed = v4.new_output("error", ename="E", evalue="boom", traceback=[])
    nbformat.write(v4.new_notebook(cells=[v4.new_code_cell("1 / 0", outputs=[failed])]), tmp_path / "run.ipynb")
    with pytest.raises(ValueError, match="ended in an error in the cell '1 / 0'"):
        pages.page("failed", tmp_path / "run.ipynb")


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


def test_characters_without_a_font_are_told_and_named():
    item = answers.items(answers.with_items(toy_report.predictions("L100", 0), toy_report.items()), ["L100"])[0]
    odd = item._replace(reference="a\U0001F9AB", answers=[("\U0001F9AB", 0.0, None), None])
    named = answers.spelled_out([odd], "\U0001F9AB")[0]
    assert (named.reference, named.answers) == ("a[U+1F9AB]", [("[U+1F9AB]", 0.0, None), None])
    _, without = webfonts.stylesheet({"": "a\U0001F9AB\x03"})
    assert without == "\U0001F9AB", "what is drawn by no font because it has no shape is not missed"
