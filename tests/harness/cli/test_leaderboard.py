"""The root file: from records, checked."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Shell


def test_the_committed_leaderboard_is_up_to_date(shell: Shell) -> None:
    done = shell("leaderboard", "--check", "--results", ROOT / "results/official", "--output", ROOT / "leaderboard.md")
    assert done.returncode == 0, done.stdout


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, cache: Path) -> Path:
    """A folder with official records of one scenario under the preset quick, and a board of them."""
    shell = Shell(tmp_path_factory.mktemp("made"), cache)
    small = ("--scenario", "iid", "--seeds", 1, "--rows", "55,22,44", "--results", "results/official")
    done = shell("run", "--method", "tfidf-logreg,majority,nearest-neighbor", *small)
    assert done.returncode == 0, done.stdout + done.stderr
    assert shell("leaderboard").returncode == 0
    assert shell("leaderboard", "--check").stdout.splitlines()[-1] == "up to date"
    return shell.folder


@pytest.fixture
def official(shell: Shell, made: Path) -> Path:
    """A record in a copy of that folder."""
    shutil.copytree(made, shell.folder, dirs_exist_ok=True)
    return next(shell.folder.glob("results/official/synthetic/iid/tfidf-logreg-s0-*.json"))


def edit(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    record = json.loads(path.read_text(encoding="utf-8"))
    change(record)
    path.write_text(json.dumps(record), encoding="utf-8")


def complaints(shell: Shell) -> str:
    done = shell("leaderboard", "--check")
    assert done.returncode == 1, done.stdout
    return done.stdout


def test_check_names_a_deleted_record(shell: Shell, official: Path) -> None:
    official.unlink()
    assert f"deleted record: synthetic/iid/{official.name}" in complaints(shell)


def test_check_names_an_edited_figure_of_the_board(shell: Shell, official: Path) -> None:
    board = shell.folder / "leaderboard.md"
    text = board.read_text(encoding="utf-8")
    figure = next(word for word in text.split() if word.startswith("0.") and len(word) == 5)
    board.write_text(text.replace(figure, "0.999", 1), encoding="utf-8")
    assert "0.999" in complaints(shell)


def test_check_names_an_edited_figure_of_a_record(shell: Shell, official: Path) -> None:
    edit(official, lambda record: record["result"]["metrics"]["id"].update(macro_f1=0.99))
    assert shell("leaderboard").returncode == 0  # a board that is made of it anew does not hide it
    assert f"edited figure: synthetic/iid/{official.name} has id/macro_f1 = 0.99" in complaints(shell)


def test_check_names_a_record_of_another_budget(shell: Shell, official: Path) -> None:
    edit(official, lambda record: record["cell"].update(trials=8))
    said = complaints(shell)
    assert f"another budget: synthetic/iid/{official.name}, preset quick: trials 8 instead of 2" in said
    assert f"edited record: synthetic/iid/{official.name}" in said


def test_check_names_a_record_of_an_older_method_version(shell: Shell, official: Path) -> None:
    edit(official, lambda record: record["cell"].update(method_version=0))
    assert f"older version: synthetic/iid/{official.name} was made by version 0 of tfidf-logreg" in complaints(shell)
    assert shell("leaderboard").returncode == 0
    known = shell(
        "leaderboard", "--check"
    )  # once the board leaves it out, it is no difference any more, but still named
    assert known.returncode == 0
    assert "older version" in known.stdout


def test_a_failed_cell_scores_as_majority_and_an_older_version_is_stale(shell: Shell, mapped: tuple[str, ...]) -> None:
    plugin = shell.folder / "bad.py"
    plugin.write_text(
        "from harness import Method, register_method\n"
        "@register_method('raises', version=1, summary='')\n"
        "class Raises(Method):\n"
        "    def fit(self, train, validation, params, context): raise RuntimeError('a | pipe')\n",
        encoding="utf-8",
    )
    arguments = ("--plugin", plugin, *mapped, "--preset", "standard", "--seeds", 2, "--scenario", "group-disjoint")
    assert shell("run", "--method", "raises,majority,tfidf-logreg", *arguments).returncode == 1
    assert shell("leaderboard", "--results", "results/local").returncode == 0
    (board,) = json.loads((shell.folder / "leaderboard.json").read_text(encoding="utf-8"))["boards"]
    rows = {row["method"]: row for row in board["methods"]}
    assert rows["raises"]["score"]["mean"] == rows["majority"]["score"]["mean"]
    assert rows["tfidf-logreg"]["rank"] == 1
    assert rows["tfidf-logreg"]["score"]["half_width"] > 0
    assert r"a \| pipe" in (shell.folder / "leaderboard.md").read_text(encoding="utf-8")
    for path in shell.folder.glob("results/local/*/*/tfidf-logreg-*.json"):
        edit(path, lambda record: record["cell"].update(method_version=0))
    assert shell("leaderboard", "--results", "results/local").returncode == 0
    (board,) = json.loads((shell.folder / "leaderboard.json").read_text(encoding="utf-8"))["boards"]
    assert "tfidf-logreg" not in {row["method"] for row in board["methods"]}
    assert "2 stale records, made by version 0 of tfidf-logreg" in board["notes"]
