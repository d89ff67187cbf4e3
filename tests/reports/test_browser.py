"""Reports in a real browser: they open from a file, ask for nothing, and fit a phone and a page, light and dark."""

import shutil

import pytest

from feedtwin.lab.reporting import write_report

BROWSER = (
    shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
)
pytestmark = pytest.mark.skipif(
    BROWSER is None, reason="no Chromium on the path: install the package chromium to run this"
)
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update"]


@pytest.fixture(scope="module")
def browser():
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        found = driver.chromium.launch(executable_path=BROWSER, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="module", params=["run", "study"])
def address(request, tmp_path_factory):
    folder = request.getfixturevalue(f"{request.param}_folder")
    return write_report(folder, tmp_path_factory.mktemp("browser") / "a report.html").page.as_uri()


@pytest.fixture
def opened(browser, address):
    """Opens the report at a width in a colour scheme; collects what it asks for and what goes wrong."""
    pages = []

    def at(width, scheme="light"):
        page = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
        pages.append(page)
        page.asked, page.wrong = [], []
        page.on("request", lambda request: page.asked.append(request.url))
        page.on("requestfailed", lambda request: page.wrong.append(request.url))
        page.on("console", lambda message: page.wrong.append(message.text))
        page.on("pageerror", lambda error: page.wrong.append(str(error)))
        page.goto(address)
        return page

    yield at
    for page in pages:
        page.close()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_report_opens_from_a_file_without_a_request_or_an_error(opened, address, scheme):
    page = opened(1200, scheme)
    page.wait_for_load_state("networkidle")
    assert page.asked == [address]
    assert page.wrong == []
    assert page.title()


@pytest.mark.parametrize("width", [320, 390, 640, 641, 1200])
def test_nothing_scrolls_sideways(opened, width):
    page = opened(width)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


@pytest.mark.parametrize("width", [390, 1200])
def test_each_figure_is_drawn_once_at_a_size_that_can_be_read(opened, width):
    page = opened(width)
    count = page.locator("figure").count()
    assert count and page.locator("figure svg:visible").count() == count
    smallest = page.evaluate(
        """Math.min(...[...document.querySelectorAll('figure svg text')]
           .filter(one => one.getClientRects().length)
           .map(one => parseFloat(getComputedStyle(one).fontSize) * one.ownerSVGElement.getBoundingClientRect().width
                       / one.ownerSVGElement.viewBox.baseVal.width))"""
    )
    assert smallest >= 9.5


@pytest.mark.parametrize("width", [390, 1200])
def test_no_text_of_a_figure_leaves_the_page(opened, width):
    outside = opened(width).evaluate(
        """[...document.querySelectorAll('figure svg text')].filter(one => one.getClientRects().length)
           .filter(one => { const box = one.getBoundingClientRect();
                            return box.left < -1 || box.right > innerWidth + 1 })
           .map(one => one.textContent)"""
    )
    assert outside == []


@pytest.mark.parametrize("width", [390, 1200])
def test_no_word_of_a_table_is_broken_and_each_table_scrolls_in_its_own_box(opened, width):
    page = opened(width)
    broken = page.evaluate(
        """(() => { const found = [], words = /[a-z]{2,24}/gi;
           for (const cell of document.querySelectorAll('.table th, .table td')) {
             const texts = document.createTreeWalker(cell, NodeFilter.SHOW_TEXT);
             while (texts.nextNode()) for (const word of texts.currentNode.data.matchAll(words)) {
               const range = document.createRange();
               range.setStart(texts.currentNode, word.index);
               range.setEnd(texts.currentNode, word.index + word[0].length);
               if (range.getClientRects().length > 1) found.push(word[0]);
             }
           }
           return found })()"""
    )
    assert broken == []
    outside = page.evaluate(
        """[...document.querySelectorAll('table')].filter(one => one.getClientRects().length)
           .filter(one => { const box = one.closest('.scroll').getBoundingClientRect();
                            return box.left < 0 || box.right > innerWidth }).length"""
    )
    assert outside == 0


def test_light_and_dark_are_two_papers(opened):
    papers = [
        opened(1200, scheme).evaluate("getComputedStyle(document.body).backgroundColor")
        for scheme in ("light", "dark")
    ]
    assert papers == ["rgb(255, 255, 255)", "rgb(20, 23, 27)"]


def test_a_csv_is_saved_without_a_network(opened, tmp_path):
    page = opened(1200)
    with page.expect_download() as found:
        page.locator("figure a.csv").first.click()
    found.value.save_as(tmp_path / "figure.csv")
    assert found.value.suggested_filename.endswith(".csv")
    assert len((tmp_path / "figure.csv").read_text().splitlines()) > 1


def test_everything_is_reached_by_keyboard(opened):
    page = opened(1200)
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.url.endswith("#main")
