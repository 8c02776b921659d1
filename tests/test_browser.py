"""The report in headless Chromium, from file: it is short, sorts, filters, and draws each script in a font of its own.

Run: make browser (once, as root), then pytest tests/test_browser.py
"""

import shutil

import pytest
import toy_report
from playwright.sync_api import Locator, Page, sync_playwright

from centurio_lib.languages import language
from centurio_lib.report import site

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: `make browser` installs it (Debian, root)")
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 800}
SCREENS = 10  # height of a page whose folds are closed, at most
CELLS = "#cells-table .tabulator-row"
TOTAL = 2 * 2 * 4 * len(toy_report.CATS)  # setups, splits, metrics, languages


class Seen:
    """Requests and complaints of a page."""

    def __init__(self, page: Page):
        self.errors: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda said: self.errors.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """The page of the toy report."""
    return toy_report.write(tmp_path_factory.mktemp("browser"))[1]


@pytest.fixture(scope="module")
def browser():
    """Headless Chromium, without its sandbox, which needs rights that a container may not give."""
    with sync_playwright() as driver:
        started = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture
def page(browser, index):
    """The report opened at desktop width; fails the test that leaves an error in the console or asks for an address."""
    page = browser.new_page(viewport=DESKTOP)
    page.set_default_timeout(10_000)
    seen = Seen(page)
    page.goto(index.as_uri())
    yield page
    page.close()
    assert not seen.errors
    assert seen.asked and all(url.startswith(("file:", "data:", "blob:")) for url in seen.asked), seen.asked


def until(page: Page, holds: str, of=None) -> None:
    """Wait until an expression of JavaScript holds; the page's own policy forbids the driver's way of waiting."""
    for _ in range(200):
        if page.evaluate(holds, of):
            return
        page.wait_for_timeout(50)
    raise AssertionError(holds)


def column(page: Page, field: str) -> list[str]:
    """Text of one column of the rows in sight, from the top."""
    return page.locator(f'{CELLS} [tabulator-field="{field}"]').all_inner_texts()


def unfold(page: Page, fold: str) -> None:
    """Open a fold by its summary."""
    page.click(f"#{fold} > summary")


@pytest.fixture
def cells(page) -> Page:
    """The page with the table of cells in sight."""
    unfold(page, "cells")
    page.wait_for_selector(CELLS)
    return page


@pytest.fixture
def items(page) -> Page:
    """The page with the answers in sight."""
    unfold(page, "items")
    page.wait_for_selector(".item[open] .reference")
    return page


def test_it_loads_with_its_pictures_and_says_what_it_is(items):
    assert items.title() == "Centurio, profile smoke: report"
    items.evaluate("document.querySelectorAll('img').forEach((image) => { image.loading = 'eager'; })")
    until(items, "[...document.images].every((image) => image.complete)")
    assert items.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_it_is_short_and_nothing_sticks_out_at_any_width(page, size):
    page.set_viewport_size(size)
    assert page.evaluate("document.documentElement.scrollHeight") <= SCREENS * size["height"]
    for fold in ("words", "cells", "signatures", "setups", "items"):
        unfold(page, fold)
    page.wait_for_selector(CELLS)
    page.evaluate("document.querySelectorAll('details').forEach((fold) => { fold.open = true; })")
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]


def test_cells_sort_by_a_press_or_a_key_on_the_heading(cells):
    assert cells.locator("#cells-count").inner_text() == f"{TOTAL} of {TOTAL} cells"
    heading = cells.locator('#cells-table .tabulator-col[tabulator-field="value"] .tabulator-col-title')
    heading.click()
    up = [float(text) for text in column(cells, "value")]
    heading.press("Enter")
    down = [float(text) for text in column(cells, "value")]
    assert len(up) > 5 and up == sorted(up) and down == sorted(down, reverse=True) and up[0] < down[0]
    cells.locator('#cells-table .tabulator-col[tabulator-field="language"] .tabulator-col-title').click()
    names = column(cells, "language")
    assert names == sorted(names) and names[0] == "Amharic"


def test_cells_filter_by_language_tier_task_and_setup(cells):
    heads = "#cells-table .tabulator-col"
    name = cells.locator(f'{heads}[tabulator-field="language"] input')
    name.press_sequentially("hindi")
    until(cells, "document.getElementById('cells-count').textContent.startsWith('16 of')")
    assert set(column(cells, "language")) == {"Hindi"}
    for field, value in {"tier": "T4", "task": "captioning", "setup": "L100"}.items():
        cells.click(f'{heads}[tabulator-field="{field}"] input')
        cells.locator(".tabulator-edit-list-item", has_text=value).click()
        left = "([cells, value]) => [...document.querySelectorAll(cells)].every((cell) => cell.innerText === value)"
        until(cells, left, [f'{CELLS} [tabulator-field="{field}"]', value])
    assert cells.locator("#cells-count").inner_text().startswith("4 of"), "two metrics, two splits"
    name.press_sequentially("klingon")
    cells.wait_for_selector("text=No cell passes the filters")
    cells.click("#cells-clear")
    until(cells, "!document.getElementById('cells-count').textContent.startsWith('0 ')")


def test_the_first_item_shows_the_answers_of_all_setups_and_the_others_are_folded(items):
    assert items.locator(".item").count() == 10 and items.locator(".item[open]").count() == 1
    shown = items.locator(".item[open] .side-by-side li")
    assert [text.split()[0] for text in shown.all_inner_texts()] == toy_report.SETUPS
    items.click("#items-more")
    assert items.locator(".item").count() == 20


def test_answers_filter_by_script_language_task_setup_and_kind(items):
    def left(**chosen) -> tuple[str, set[str]]:
        for field in ("setup", "language", "script", "task", "answer"):
            items.select_option(f'select[name="{field}"]', chosen.get(field, ""))
        languages = items.eval_on_selector_all(".item", "found => found.map((item) => item.dataset.language)")
        return items.locator("#items-count").inner_text().split()[0], set(languages)
    assert left(script="Arabic") == ("6", {"ar", "fa"})
    assert left(script="Arabic", task="captioning", answer="in another language") == ("2", {"ar", "fa"})
    assert left(language="Thai", setup="L100", answer="wrong") == ("0", set())
    assert left(language="Thai", setup="English", answer="wrong") == ("3", {"th"})
    assert left(setup="English", answer="right") == ("3", {"en"})


def test_an_answer_that_is_html_is_shown_as_text(items):
    reference(items, "de")
    assert toy_report.NASTY in items.locator(".item[open] .answer").all_inner_texts()
    assert items.title() != "taken"


def test_names_that_are_html_are_text_in_the_choices_of_a_filter(page, tmp_path):
    shown, other = toy_report.write(tmp_path)
    renamed = shown._replace(cells=shown.cells.assign(metric='<img src=x onerror="document.title = 1">'))
    (other.parent / "assets" / "data.js").write_text(site.data(renamed), encoding="utf-8")
    page.goto(other.as_uri())
    unfold(page, "cells")
    page.click('#cells-table .tabulator-col[tabulator-field="metric"] input')
    choice = page.locator(".tabulator-edit-list-item").first
    assert choice.inner_text() == renamed.cells.metric.iloc[0] and choice.locator("img").count() == 0


def test_a_link_into_a_fold_opens_it(page):
    unfold(page, "words")
    page.click('#words a[href="#setups"]')
    page.wait_for_selector("#setups[open] dt")


def test_every_fold_opens_by_the_keyboard(page):
    page.focus("#items > summary")
    page.keyboard.press("Enter")
    page.wait_for_selector(".item[open]")


def reference(page: Page, code: str) -> Locator:
    """The right answer of the first item of a language, unfolded."""
    page.select_option('select[name="language"]', language(code).name)
    text = page.locator(f'.item[open][data-language="{code}"] .reference').first
    text.wait_for()
    page.evaluate("document.fonts.ready.then(() => new Promise(requestAnimationFrame))")
    return text


def places(text: Locator) -> list[float]:
    """Where the characters of a text stand, from the left, in the order in which they are read."""
    return text.evaluate("""(node) => [...node.firstChild.data].map((_, i) => {
        const range = document.createRange();
        range.setStart(node.firstChild, i); range.setEnd(node.firstChild, i + 1);
        return range.getBoundingClientRect().left; })""")


def test_right_to_left_runs_from_the_right(items):
    for code in ("ar", "he", "fa"):
        text = reference(items, code)
        assert text.evaluate("(node) => getComputedStyle(node).direction") == "rtl"
        lefts, box = places(text), text.bounding_box()
        assert lefts == sorted(lefts, reverse=True) and lefts[0] > lefts[-1]
        assert lefts[0] > box["x"] + box["width"] / 2, "it stands at the right edge"


def test_left_to_right_runs_from_the_left(items):
    lefts = places(reference(items, "th"))
    assert lefts == sorted(lefts) and lefts[0] < lefts[-1]


def test_each_script_is_drawn_in_a_font_of_the_report(items):
    """A font of the machine would be another on every machine, or boxes where it has none."""
    session = items.context.new_cdp_session(items)
    session.send("DOM.enable")
    session.send("CSS.enable")
    for code in toy_report.CATS:
        reference(items, code)
        root = session.send("DOM.getDocument")["root"]["nodeId"]
        shown = {"nodeId": root, "selector": ".item[open] .reference"}
        node = session.send("DOM.querySelector", shown)["nodeId"]
        used = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
        of_report = [font["isCustomFont"] and font["familyName"].startswith("Noto") for font in used]
        assert of_report and all(of_report), (code, used)


def test_notebook_pages_open(page):
    unfold(page, "notebooks > details")
    page.click("#notebooks a >> nth=0")
    page.wait_for_selector("body.notebook h1")
    assert page.locator("h1").inner_text().startswith("Toy: what is there?")
    page.go_back()
    page.wait_for_selector("#summary")
