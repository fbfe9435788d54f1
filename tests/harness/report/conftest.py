"""A real browser, and results folders that real runs have filled."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Shell
from tests.harness.report.browser import NoBrowser, start
from tests.harness.report.hostile import MAPPED, write_corpus
from tests.harness.report.page import Page

PLUGIN = """
import numpy as np
from harness import Float, Method, Predictor, register_method


class Uniform(Predictor):
    def __init__(self, classes):
        self.classes = classes

    def predict_proba(self, payloads):
        return np.full((len(payloads), self.classes), 1 / self.classes, np.float32)


@register_method("reporting", version=1, summary="reports a score per step")
class Reporting(Method):
    space = {"unused": Float(0.0, 1.0, default=0.5)}

    def fit(self, train, validation, params, context):
        for step in range(1, 6):
            context.report(step, step / 10)
        return Uniform(len(context.classes))


@register_method("breaking", version=1, summary="fails with markup in its message")
class Breaking(Method):
    space = {}

    def fit(self, train, validation, params, context):
        raise RuntimeError("<img src=x onerror='window.ran=1'> | **bold** \\x1b[31mred \\u202eturned &lt; </script>")
"""


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium of this machine; tests that use it are skipped if there is none."""
    try:
        started = start()
    except NoBrowser as error:
        pytest.skip(f"no browser test: {error}")
    yield started
    started.quit()


def _shell(folder: Path, cache: Path) -> Shell:
    (folder / "plugin.py").write_text(PLUGIN, encoding="utf-8")
    return Shell(folder, cache)


@pytest.fixture(scope="session")
def ran(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Shell:
    """A folder in which four methods ran on planted cues and without, their predictors kept; two boards and a curve."""
    shell = _shell(tmp_path_factory.mktemp("report"), cache)
    common = ("run", "--workers", 2, "--rows", "110,33,33", "--save-models")
    planted = ("--scenario", "planted-95,iid", "--preset", "standard", "--seeds", 2, "--trials", 3)
    methods = "majority,tfidf-logreg,nearest-neighbor,reporting"
    done = shell(*common, *planted, "--method", methods, "--plugin", "plugin.py", "--perturb", "encoding")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "harness report" in done.stdout
    assert shell(*common, "--method", "majority", "--scenario", "iid").returncode == 0
    sizes = ("--scenario", "cve-disjoint", "--rows", "22,44", "--seeds", 2, "--trials", 1)
    assert shell("curve", "--method", "majority,nearest-neighbor", *sizes).returncode == 0
    return shell


@pytest.fixture(scope="session")
def made(ran: Shell) -> Path:
    """The report of that folder."""
    done = ran("report", "--plugin", "plugin.py")
    assert done.returncode == 0, done.stdout + done.stderr
    return ran.folder / "report.html"


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> tuple[Shell, str]:
    """A folder with records of a corpus that is full of markup, and what its run printed."""
    shell = _shell(tmp_path_factory.mktemp("hostile"), cache)
    write_corpus(shell.folder)
    done = shell(
        *("run", *MAPPED, "--plugin", "plugin.py", "--seeds", 1, "--trials", 1),
        *("--method", "majority,tfidf-logreg,breaking,exec:false <img/src=x/onerror=window.ran=1>", "--save-models"),
        *("--labels", "none=-"),
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return shell, done.stdout


@pytest.fixture
def page(browser: Any, made: Path) -> Page:
    """The report, opened anew."""
    return Page(browser, made)
