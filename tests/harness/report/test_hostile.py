"""Markup in a corpus is shown as text in the report, leaderboard.md and the terminal, and none of it runs."""

import re
from pathlib import Path
from typing import Any

from tests.conftest import Shell
from tests.harness.report.hostile import MAPPED
from tests.harness.report.page import Page

OBEYED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def test_the_terminal_shows_it_as_text(hostile: tuple[Shell, str]) -> None:
    _, printed = hostile
    assert not OBEYED.search(printed)
    assert "onerror='window.ran=1'> | **bold** \\u001b[31mred \\u202eturned &lt; </script>" in printed


def test_the_leaderboard_shows_it_as_text(hostile: tuple[Shell, str]) -> None:
    shell, _ = hostile
    done = shell("leaderboard", "--results", "results/local", "--output", "board.md")
    assert done.returncode == 0, done.stderr
    text = (shell.folder / "board.md").read_text(encoding="utf-8")
    assert not OBEYED.search(text)
    for markup in ("<img", "<script", "</script", "<svg"):
        assert markup not in text
    assert "&lt;img" in text
    assert re.search(r"(?<!\\)\*\*bold", text) is None


def test_the_report_shows_it_as_text_and_nothing_of_it_runs(hostile: tuple[Shell, str], browser: Any) -> None:
    from selenium.common.exceptions import NoAlertPresentException

    shell, _ = hostile
    done = shell("report", *MAPPED, "--plugin", "plugin.py")
    assert done.returncode == 0, done.stderr
    assert not OBEYED.search(done.stdout)
    path = shell.folder / "report.html"
    assert not OBEYED.search(_without_scripts(path))
    page = Page(browser, path)
    assert page.draw_all() > 0
    page.run("for (const d of document.querySelectorAll('details')) d.open = true;")
    for select in ("method", "environment"):
        page.run(f"document.querySelector('[data-confusion={select}]').dispatchEvent(new Event('change'))")
    page.run("""
        for (const plot of document.querySelectorAll(".plot")) {
            const pointNumber = plot.data[0].type === "heatmap" ? [0, 0] : 0;
            Plotly.Fx.hover(plot, [{ curveNumber: 0, pointNumber }]);
        }
    """)
    assert page.run("return window.ran") is None
    try:
        page.browser.switch_to.alert.dismiss()
        raise AssertionError("a dialog is open")
    except NoAlertPresentException:
        pass
    assert page.complaints() == []  # a refusal by the page's own policy would be one
    assert page.requests() == []
    foreign = "img:not(.plot img), svg [onload], [onerror], [onload], [onclick], a[href^=javascript], svg a, iframe, b"
    assert page.run(f"return Array.from(document.querySelectorAll({foreign!r}), e => e.outerHTML)") == []
    assert page.run("return document.scripts.length") == 3
    text = page.run("return document.body.textContent")
    assert "<script>window.ran=1</script>" in text
    assert "{{ 7*7 }} %{x}" in text
    assert "\\u202eturned" in text
    ticks = page.run("return Array.from(document.querySelectorAll('.ytick text'), t => t.textContent)")
    assert any(tick.startswith("exec:false <img/src=x/") for tick in ticks)


def _without_scripts(path: Path) -> str:
    """The page without plotly's own code, which holds such characters in its tables."""
    return re.sub(r"<script>.*?</script>", "", path.read_text(encoding="utf-8"), flags=re.S)
