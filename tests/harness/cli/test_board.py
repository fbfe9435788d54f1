"""``harness results board`` and ``compare``: what a folder says, without running anything."""

import csv
import io
import json
from pathlib import Path

import pytest

from harness.records.store import Store
from tests.conftest import Shell
from tests.harness.boards.boards import records


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("stored")
    for record in records({"good": 0.7, "better": 0.8}, seeds=3, preset="quick"):
        Store(path).put(record)
    return path


@pytest.mark.parametrize("form", ["table", "csv", "latex", "json", "markdown"])
def test_a_board_is_printed_in_every_format(shell: Shell, folder: Path, form: str) -> None:
    done = shell("results", "board", "--results", folder, "--format", form)
    assert done.returncode == 0, done.stderr
    assert done.stdout.index("better") < done.stdout.index("good")
    if form == "csv":
        rows = list(csv.DictReader(io.StringIO(done.stdout)))
        assert [row["method"] for row in rows] == ["better", "good"]
    if form == "json":
        assert json.loads(done.stdout)["boards"][0]["methods"][0]["method"] == "better"


def test_two_methods_are_compared_by_scenario(shell: Shell, folder: Path) -> None:
    done = shell("results", "compare", "better", "good", "--results", folder)
    assert done.returncode == 0, done.stderr
    lines = {line.split()[2]: line.split() for line in done.stdout.splitlines() if "quick" in line}
    assert set(lines) == {"planted-95", "cve-disjoint", "score"}
    assert all(float(line[4]) > 0 for line in lines.values())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("board", "--format", "tex"), "--format tex is unknown; did you mean latex"),
        (("compare", "better", "god"), "there is no record of the method god; did you mean good?"),
    ],
)
def test_mistakes_are_one_sentence(shell: Shell, folder: Path, arguments: tuple[str, ...], message: str) -> None:
    done = shell("results", *arguments, "--results", folder)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
