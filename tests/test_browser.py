"""The report in headless Chromium, from file: it loads, sorts, filters, and shows each script in a font of its own.

Run: make browser (once, as root), then pytest tests/test_browser.py
"""

import shutil

import pytest
import toy_report
from playwright.sync_api import Page, sync_playwright

from centurio_lib import paths

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: `make browser` installs it (Debian, root)")
PHONE, DESKTOP = {"width": 390, "height": 844}, {"width": 1280, "height": 900}
CELLS = "#cells-table .tabulator-row"


class Seen:
    """What a page asked for and complained about."""

    def __init__(self, page: Page):
        self.errors: list[str] = []
        self.asked: list[str] = []
        page.on("console", lambda said: self.errors.append(said.text) if said.type in ("error", "warning") else None)
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on("request", lambda request: self.asked.append(request.url))


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """The page of the toy report."""
    home = tmp_path_factory.mktemp("browser")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(paths, "HOME", home)
        yield toy_report.write(home)[1]


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
    page.wait_for_selector(CELLS)
    yield page
    page.close()
    assert not seen.errors
    assert seen.asked and all(url.startswith(("file:", "data:", "blob:")) for url in seen.asked), seen.asked


def column(page: Page, field: str) -> list[str]:
    """Text of one column of the rows in sight, from the top."""
    return page.locator(f'{CELLS} [tabulator-field="{field}"]').all_inner_texts()


def test_it_loads_with_its_pictures_and_says_what_it_is(page):
    assert page.title() == "Centurio, profile smoke: report"
    page.evaluate("document.querySelectorAll('img').forEach((image) => { image.loading = 'eager'; })")
    page.wait_for_function("[...document.images].every((image) => image.complete)")
    assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 0)")
    total = 2 * 2 * 4 * len(toy_report.CATS)  # setups, splits, metrics, languages
    assert page.locator("#cells-count").inner_text() == f"{total} of {total} cells"


def test_cells_sort_by_a_press_on_the_heading(page):
    heading = page.locator('#cells-table .tabulator-col[tabulator-field="value"] .tabulator-col-title')
    heading.click()
    up = [float(text) for text in column(page, "value")]
    heading.click()
    down = [float(text) for text in column(page, "value")]
    assert len(up) > 5 and up == sorted(up) and down == sorted(down, reverse=True) and up[0] < down[0]
    page.locator('#cells-table .tabulator-col[tabulator-field="language"] .tabulator-col-title').click()
    names = column(page, "language")
    assert names == sorted(names) and names[0] == "Amharic"


def test_cells_filter_by_language_tier_task_and_setup(page):
    heads = "#cells-table .tabulator-col"
    name = page.locator(f'{heads}[tabulator-field="language"] input')
    name.press_sequentially("hindi")
    page.wait_for_function("document.getElementById('cells-count').textContent.startsWith('16 of')")
    assert set(column(page, "language")) == {"Hindi"}
    for field, value in {"tier": "T4", "task": "captioning", "setup": "L100"}.items():
        page.click(f'{heads}[tabulator-field="{field}"] input')
        page.locator(".tabulator-edit-list-item", has_text=value).click()
        left = "([cells, wanted]) => [...document.querySelectorAll(cells)].every((cell) => cell.innerText === wanted)"
        page.wait_for_function(left, arg=[f'{CELLS} [tabulator-field="{field}"]', value])
    assert page.locator("#cells-count").inner_text().startswith("4 of"), "two metrics, two splits"
    name.press_sequentially("klingon")
    page.wait_for_selector("text=No cell passes the filters")
    page.click("#cells-clear")
    page.wait_for_function("!document.getElementById('cells-count').textContent.startsWith('0 ')")


def test_gallery_filters_by_script_task_and_kind_of_answer(page):
    cards = page.locator(".card:visible")
    page.select_option('select[name="script"]', "Arabic")
    assert {card.get_attribute("data-language") for card in cards.all()} == {"ar", "fa"}
    page.select_option('select[name="task"]', "captioning")
    page.select_option('select[name="shows"]', "wrong language")
    assert cards.count() == 2 and page.locator("#gallery-count").inner_text().startswith("2 of")
    page.select_option('select[name="shows"]', "")
    page.select_option('select[name="script"]', "Thai")
    assert cards.count() == 1 and toy_report.CATS["th"] in cards.first.inner_text()


def places(page: Page, code: str) -> list[float]:
    """Where the characters of a language's reference stand, from the left, in the order in which they are read."""
    return page.evaluate("""(code) => {
        const text = document.querySelector(`.card[data-language="${code}"] .reference`).firstChild;
        return [...text.data].map((_, i) => {
            const range = document.createRange();
            range.setStart(text, i); range.setEnd(text, i + 1);
            return range.getBoundingClientRect().left; }); }""", code)


def test_right_to_left_runs_from_the_right(page):
    for code in ("ar", "he", "fa"):
        reference = page.locator(f'.card[data-language="{code}"] .reference').first
        assert reference.evaluate("(node) => getComputedStyle(node).direction") == "rtl"
        found = places(page, code)
        assert found == sorted(found, reverse=True) and found[0] > found[-1]
        box = reference.bounding_box()
        assert found[0] > box["x"] + box["width"] / 2, "it stands at the right edge"


def test_left_to_right_runs_from_the_left(page):
    found = places(page, "th")
    assert found == sorted(found) and found[0] < found[-1]


def test_each_script_is_drawn_in_a_font_of_the_report(page):
    """A font of the machine would be another on every machine, or boxes where it has none."""
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    for code in toy_report.CATS:
        asked = {"nodeId": root, "selector": f'.card[data-language="{code}"] .reference'}
        node = session.send("DOM.querySelector", asked)["nodeId"]
        used = session.send("CSS.getPlatformFontsForNode", {"nodeId": node})["fonts"]
        ours = [font["isCustomFont"] and font["familyName"].startswith("Noto") for font in used]
        assert ours and all(ours), (code, used)


def test_nothing_sticks_out_at_the_width_of_a_phone(page):
    page.set_viewport_size(PHONE)
    page.reload()
    page.wait_for_selector(CELLS)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_notebook_pages_open(page):
    page.click("#notebooks a >> nth=0")
    page.wait_for_selector("body.notebook h1")
    assert page.locator("h1").inner_text().startswith("Toy: what is there?")
    page.go_back()
    page.wait_for_selector(CELLS)
