"""Numbers in records that others wrote: what is not finite, in range or consistent is refused, in a sentence."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness import UserError
from harness.boards.json_export import to_json
from harness.records import old_predictions
from harness.records.store import Store, read
from tests.conftest import Shell
from tests.harness.boards.boards import record

NAN, INFINITY = float("nan"), float("inf")


def edited(folder: Path, place: str, value: Any) -> Path:
    """A stored record with another value at a place, such as ``result/metrics/id``."""
    path = Store(folder).put(record("majority", "planted-95", 0, 0.5))
    plain = json.loads(path.read_text(encoding="utf-8"))
    *way, last = place.split("/")
    inner = plain
    for name in way:
        inner = inner[int(name) if isinstance(inner, list) else name]
    inner[int(last) if isinstance(inner, list) else last] = value
    path.write_text(json.dumps(plain), encoding="utf-8")
    return path


@pytest.mark.parametrize(
    ("place", "value", "complaint"),
    [
        ("result/metrics/id/macro_f1", NAN, "NaN is not a JSON number"),
        ("result/metrics/id/macro_f1", INFINITY, "Infinity is not a JSON number"),
        ("result/metrics/id/macro_f1", 1e308, "result.metrics.id: macro_f1 must be from -1 to 1"),
        ("result/metrics/id/rows", -1, "result.metrics.id: rows must be above 0"),
        ("result/trials/0/macro_f1", 1.5, "result.trials.0.macro_f1"),
        ("result/trials/0/number", -1, "result.trials.0.number"),
        ("result/trials/0/number", 3, "the trials are numbered"),
        ("result/trials/0/seed", 2**64, "result.trials.0.seed"),
        ("result/trials/0/reports", [[1, 10**400]], "result.trials.0.reports"),
        ("result/params", {"c": 10**400}, "result.params: it must consist of"),
        ("result/best_trial", 9, "best_trial is 9"),
        ("result/classes", [], "result.classes"),
        ("result/classes", ["a", "a"], "a name occurs more than once"),
        ("result/classes/0", "", "result.classes.0"),
        ("result/units", ["b", "a"], "result.units: they are not sorted"),
        ("result/units/1", "CVE-2000-00000", "result.units: they are not sorted, or a name occurs more than once"),
        ("result/rows", {"train": 1}, "rows must have train and validation"),
        ("result/rows/train", -5, "result.rows.train"),
        ("result/predictions/id", "g" * 64, "result.predictions.id"),
        ("result/confidence/id/0", -1, "result.confidence.id.0"),
        ("result/counts/id", "0 0 0 1 1e308", "counts are not rows of 5 integers"),
        ("result/counts/id", f"0 0 0 1 {2**63}", "counts contain too large numbers"),
        ("result/counts/id", f"{-(2**70)} 0 0 1 1", "counts contain too large numbers"),
        ("result/counts/id", "0 0 0 1 -3", "a row count below 1"),
        ("result/counts/id", "0 0 99 1 1", "refer to a predicted class that the record does not have"),
        ("result/counts/id", "99999 0 0 1 1", "refer to a unit that the record does not have"),
        ("result/counts/id", "-1 0 0 1 1", "refer to a unit that the record does not have"),
        ("result/counts/id", "0 0 0 99 1", "do not match the bins"),
        ("result/counts/id", "", "the counts of id are empty"),
        ("result/counts/other", "0 0 0 1 1", "the cell does not list the environment other"),
        ("result/flips/flip.host", "99999 1 1 1", "the flips of flip.host refer to a unit"),
        ("result/flips/flip.host", "0 -1 1 1", "the flips of flip.host contain a negative number"),
        ("result/occlusion", "-1 1 1 1", "the occlusion refer to a unit"),
        ("provenance/compute_seconds", 1e308, "provenance.compute_seconds"),
        ("provenance/peak_memory_mb", -1, "provenance.peak_memory_mb"),
        ("cell/seed", -1, "cell.seed"),
        ("cell/seconds", 0, "cell.seconds"),
        ("cell/sizes", [1, 2], "cell.sizes"),
        ("cell/sizes/0", 0, "cell.sizes.0"),
        ("cell/corpus", "C" * 64, "cell.corpus"),
        ("key", "0" * 63, "key: "),
        ("status", "failed", "the status failed does not match"),
        ("result/metrics/novel", {"rows": 3.0}, "the scored environment novel has no macro_f1"),
    ],
)
def test_a_value_that_cannot_be_is_refused(tmp_path: Path, place: str, value: Any, complaint: str) -> None:
    path = edited(tmp_path, place, value)
    with pytest.raises(UserError) as caught:
        read(path)
    assert str(path) in str(caught.value)
    assert complaint in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b'{"schema_version": 4, "schema_version": 4}', "it has the key schema_version more than once"),
        (b"[" * 200_000, "it is nested too deeply"),
        (b'{"schema_version": ' + b"9" * 10_000 + b"}", "is not a complete record"),
        (b'{"schema_version": [4]}', "is not a complete record"),
        (b'{"schema_version": 4, "key": 1e999}', "is not a complete record"),
        (b"\xff\xfe", "is not a complete record"),
        (b"null", "is not a complete record"),
    ],
)
def test_json_that_readers_read_differently_is_refused(tmp_path: Path, content: bytes, complaint: str) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(content)
    with pytest.raises(UserError, match=complaint):
        read(path)


def test_nested_parameters_are_refused_before_they_are_written(tmp_path: Path) -> None:
    deep: Any = 1
    for _ in range(300):
        deep = [deep]
    with pytest.raises(UserError, match="nested more than 20 levels deep"):
        read(edited(tmp_path, "result/params", {"deep": deep}))


def test_the_leaderboard_is_valid_json(shell: Shell) -> None:
    """NaN in a record's metrics once gave a leaderboard.json that strict readers refuse."""
    edited(shell.folder / "results/local", "result/metrics/id/accuracy", NAN)
    Store(shell.folder / "results/local").put(record("nearest-neighbor", "planted-95", 0, 0.5))
    done = shell("leaderboard", "--results", "results/local")
    assert done.returncode == 0, done.stderr
    assert "1 unreadable record" in done.stderr
    text = (shell.folder / "leaderboard.json").read_text(encoding="utf-8")

    def refuse(name: str) -> None:
        raise AssertionError(name)

    assert len(json.loads(text, parse_constant=refuse)["records"]) == 1


def test_infinities_of_a_board_are_null() -> None:
    from harness.boards.build import boards
    from harness.boards.rules import RULES

    (board,) = boards([record("majority", "planted-95", seed, 0.5) for seed in range(2)], RULES)
    rows = tuple(replace(row, by_seed={0: INFINITY, 1: NAN}) for row in board.rows)
    plain = to_json([replace(board, rows=rows)], {})
    assert json.loads(json.dumps(plain, allow_nan=False))["boards"][0]["methods"][0]["score_by_seed"] == {
        "0": None,
        "1": None,
    }


def test_predictions_beyond_their_type_are_a_fault(tmp_path: Path) -> None:
    import gzip

    path = tmp_path / "a.json.gz"
    plain = {"format": 1, "key": "k", "benchmark": {}, "environments": {"id": {"rows": [0], "classes": [0]}}}
    for part, value in (("rows", 2**70), ("classes", 70_000), ("classes", -1), ("rows", -1), ("rows", [1])):
        environments = {"id": {"rows": [0], "classes": [0], part: [value]}}
        path.write_bytes(gzip.compress(json.dumps(plain | {"environments": environments}).encode()))
        with pytest.raises(ValueError, match=r".+"):
            old_predictions.read(path)
    path.write_bytes(gzip.compress(b"[" * 200_000))
    with pytest.raises(ValueError, match="nested too deeply"):
        old_predictions.read(path)


def test_a_status_file_of_others_costs_itself_alone(shell: Shell) -> None:
    folder = shell.folder / "results/local"
    Store(folder).put(record("majority", "iid", 0, 0.5))
    status = {"pid": 1, "born": 0, "host": "a", "command": "\ud800", "written": NAN, "standing": {}}
    (folder / ".status-a-1.json").write_text(json.dumps(status), encoding="utf-8")
    (folder / ".status-b-1.json").write_text("[" * 200_000, encoding="utf-8")
    done = shell("results", "status")
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("is not a status file of this version") == 2
    assert "majority" in done.stdout


def test_a_command_line_that_is_no_text_is_in_the_status_file(tmp_path: Path) -> None:
    """The thread that writes the file once ended with an error."""
    program = f"""
import sys, time
from pathlib import Path
from harness.execution.status import RunProgress, publish_status, runs
root = Path({str(tmp_path)!r})
standing = RunProgress(methods={{}}, cached=0, running=[], remaining=None)
with publish_status(root, "harness run caf\\udce9", lambda: standing):
    for _ in range(200):
        if runs(root)[0]:
            print(ascii(runs(root)[0][0].command))
            break
        time.sleep(0.05)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ascii("harness run caf\\udce9")
    assert done.stderr == ""
