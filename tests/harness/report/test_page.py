"""The report in a real browser: it loads nothing, draws every chart, sorts, filters, and fits."""

from pathlib import Path
from typing import Any

import pytest

from tests.harness.report.page import Page

BOARD = "board-0-main"


def test_every_chart_is_drawn_without_an_error_or_a_request(page: Page) -> None:
    names = page.run("return Array.from(document.querySelectorAll('.plot'), plot => plot.id)")
    first = {"scores", "against-id", "environments", "flip-rate", "cue-follow", "compute", "expected-best", "learning"}
    assert {name.removeprefix("board-0-") for name in names if name.startswith("board-0-")} == first
    assert "curve-0-chart" in names
    assert page.draw_all() >= len(names) > len(first)
    marks = "return document.querySelectorAll('#board-0-flip-rate .bars path').length"
    assert page.run(marks) == 4 * 8  # methods and cues
    assert page.run("return document.querySelectorAll('#board-0-learning .lines path').length") == 1
    assert page.run("return document.querySelectorAll('#curve-0-chart .lines path').length") == 2
    assert page.run("return document.querySelectorAll('#curve-0-chart .yerror').length") == 4
    assert page.complaints() == []
    assert page.requests() == []


def test_a_click_sorts_and_a_second_one_turns_the_order(page: Page) -> None:
    button = page.find(f"#{BOARD} thead th:nth-child(4) button")
    button.click()
    scores = [float(text.split()[0]) for text in page.column(BOARD, "score")]
    assert scores == sorted(scores, reverse=True)
    header = page.find(f"#{BOARD} thead th:nth-child(4)")
    assert header.get_attribute("aria-sort") == "descending"
    button.click()
    assert [float(text.split()[0]) for text in page.column(BOARD, "score")] == scores[::-1]
    assert header.get_attribute("aria-sort") == "ascending"
    assert page.run(f"return document.querySelectorAll('#{BOARD} [aria-sort]:not([aria-sort=none])').length") == 1


def test_the_keyboard_alone_sorts_filters_and_changes_the_colours(page: Page) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    def press(*keys: str) -> None:
        for key in keys:
            ActionChains(page.browser).send_keys(key).perform()

    press(Keys.TAB)
    assert page.run("return document.activeElement.className") == "skip"
    page.run("document.querySelector(`[data-filter='board-0-main']`).focus()")
    press("nearest")
    assert page.column(BOARD, "method") == ["nearest-neighbor"]
    assert page.find(f"[data-count='{BOARD}']").text == "1 of 4 methods"
    press(*[Keys.BACKSPACE] * 7, Keys.TAB, Keys.TAB)  # the track, then the table's own scrolling
    press(Keys.TAB, Keys.TAB)
    assert page.run("return document.activeElement.textContent.trim()") == "method"
    press(Keys.ENTER)
    assert page.column(BOARD, "method") == ["majority", "nearest-neighbor", "reporting", "tfidf-logreg"]
    press(Keys.SPACE)
    assert page.column(BOARD, "method")[0] == "tfidf-logreg"
    outline = "return getComputedStyle(document.activeElement).outlineStyle"
    assert page.run(outline) == "solid"
    page.run("document.getElementById('theme').focus()")
    press(Keys.ENTER)
    assert page.run("return document.documentElement.dataset.theme") == "dark"


def test_the_filter_by_track_counts_what_it_leaves(page: Page) -> None:
    page.run(
        "const s = document.querySelector(`[data-track='board-0-main']`);"
        "s.append(new Option('fixed')); s.value = 'fixed'; s.dispatchEvent(new Event('change'))"
    )
    assert page.column(BOARD, "method") == []
    assert page.find(f"[data-count='{BOARD}']").text == "0 of 4 methods"


def test_colours_follow_the_system_and_charts_follow_the_colours(browser: Any, made: Path) -> None:
    page = Page(browser, made, dark=True)
    page.draw_all()
    paper = "return getComputedStyle(document.body).backgroundColor"
    words = "return getComputedStyle(document.querySelector('#board-0-compute .xtick text')).fill"
    dark = page.run(paper), page.run(words)
    page.find("#theme").click()
    page.browser.implicitly_wait(0)
    page.run("return new Promise(done => setTimeout(done, 300))")
    light = page.run(paper), page.run(words)
    assert dark[0] != light[0]
    assert dark[1] != light[1]
    assert page.find("#theme").get_attribute("aria-pressed") == "false"


def test_one_board_is_shown_at_a_time(page: Page) -> None:
    from selenium.webdriver.support.ui import WebDriverWait

    shown = "return Array.from(document.querySelectorAll('.board')).filter(b => !b.hidden).map(b => b.id)"
    # The page's script hides the others; on a busy machine it may run after the page has loaded.
    WebDriverWait(page.browser, 30).until(lambda _: page.run(shown) == ["board-0"])
    page.run(
        "const c = document.getElementById('choose-board'); c.value = 'board-1';c.dispatchEvent(new Event('change'))"
    )
    assert page.run(shown) == ["board-1"]


def test_a_confusion_matrix_counts_the_rows_of_its_environment(page: Page) -> None:
    choose = """
        const [method, environment] = document.querySelectorAll("[data-board=board-0]");
        const place = (select, text) => Array.from(select.options).find(o => o.textContent === text).value;
        method.value = place(method, "tfidf-logreg");
        environment.value = place(environment, "planted-95/flip.all");
        environment.dispatchEvent(new Event("change"));
        return document.querySelector("[data-matrix=board-0] caption").textContent;
    """
    assert page.run(choose) == "tfidf-logreg on planted-95/flip.all: 66 payloads, true class by predicted class"
    cells = "return Array.from(document.querySelectorAll('[data-matrix=board-0] tbody td'), cell => cell.textContent)"
    assert sum(map(int, page.run(cells))) == 66


@pytest.mark.parametrize("dark", [False, True])
def test_400_pixels_are_wide_enough(browser: Any, made: Path, dark: bool) -> None:
    page = Page(browser, made, width=400, dark=dark)
    page.draw_all()
    page.run("for (const d of document.querySelectorAll('details')) d.open = true;")
    assert page.run("return document.documentElement.scrollWidth") <= 400


def test_a_screen_reader_finds_names_captions_and_one_heading(page: Page) -> None:
    lacking = """
        const named = e => e.textContent.trim() || e.getAttribute("aria-label") || e.labels?.length;
        const all = selector => Array.from(document.querySelectorAll(selector));
        return [
            all("button, select, input").filter(e => !named(e)),
            all("table").filter(e => !e.caption?.textContent.trim()),
            all("[role=img], [role=region]").filter(e => !e.getAttribute("aria-label")),
            all("th").filter(e => !e.scope),
        ].flat().map(e => e.outerHTML.slice(0, 80));
    """
    assert page.run(lacking) == []
    assert page.run("return document.querySelectorAll('h1').length") == 1
    twice = (
        "const ids = Array.from(document.querySelectorAll('[id]'), e => e.id); return ids.length - new Set(ids).size"
    )
    assert page.run(twice) == 0


def test_samples_show_predictions_attack_and_occlusion(page: Page) -> None:
    assert page.run("return document.querySelectorAll('#board-0-samples .sample').length") == 12
    assert page.run("return document.querySelectorAll('#board-0-samples .sample:first-of-type mark.attack').length") > 0
    assert page.run("return document.querySelectorAll('#board-0-samples [class*=fall-]').length") > 12
    text = page.find("#board-0-samples").get_attribute("textContent")
    assert "flip.host" in text
    assert "no occlusion of reporting: no predictor was saved" in text
