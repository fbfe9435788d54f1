"""Checks of submitted records: valid records pass, changed ones are reported."""

import json
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import registry
from harness.boards.submission import check
from harness.records.schema import Record
from harness.records.store import Store
from tests.conftest import Shell


@pytest.fixture(scope="module")
def submitted(cache: Path, requests_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Records of two methods under the preset standard."""
    folder = tmp_path_factory.mktemp("run")
    mapping = ("--bench", f"files:{requests_file}", "--map", "payload=raw,label=class,group=cve,date=published")
    arguments = ("--method", "majority,nearest-neighbor", *mapping, "--preset", "standard", "--seeds", 2)
    done = Shell(folder, cache)("run", *arguments, "--scenario", "group-disjoint", "--results", "mine")
    assert done.returncode == 0, done.stderr
    return folder / "mine"


@pytest.fixture
def folder(submitted: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(submitted, tmp_path / "mine"))


def findings(folder: Path) -> list[str]:
    registry.discover()
    return [f"{finding.path}: {finding.text}" for finding in check(folder, iter(()))[1]]


def of(folder: Path, method: str = "nearest-neighbor") -> Path:
    return next(folder.glob(f"*/*/{method}-s0-*.json"))


def test_what_a_run_left_is_in_order(shell: Shell, folder: Path) -> None:
    saved = of(folder).with_suffix(".model")
    saved.mkdir()
    (saved / "parts.json").write_text("{}", encoding="utf-8")  # a saved predictor is no record
    done = shell("results", "check", folder)
    assert done.returncode == 0, done.stdout
    assert done.stdout.splitlines() == ["4 records, no problems", "  majority: 2", "  nearest-neighbor: 2"]


def change(**parts: Any) -> Callable[[dict[str, Any]], None]:
    def apply(record: dict[str, Any]) -> None:
        for place, value in parts.items():
            *way, last = place.split("__")
            inner = record
            for name in way:
                inner = inner[name]
            inner[last] = value

    return apply


def choose_worse(record: dict[str, Any]) -> None:
    """Names the worst trial as the best."""
    trials = [trial for trial in record["result"]["trials"] if trial["state"] == "complete"]
    record["result"]["best_trial"] = min(trials, key=lambda trial: float(trial["macro_f1"]))["number"]


@pytest.mark.parametrize(
    ("edit", "complaint"),
    [
        (change(result__metrics__test__macro_f1=0.99), "it has test/macro_f1 = 0.99, but its counts give 0."),
        (change(result__metrics__id__calibration_error=0.0), "it has id/calibration_error = 0.0"),
        (change(result__counts__test="0 0 99 3 1"), "the counts of test refer to a predicted class"),
        (change(result__counts__test="0 0"), "counts are not rows of 5 integers"),
        (change(cell__trials=40), "its trials are 40, but those of the preset standard are 8"),
        (change(cell__trials=40), "its key does not match its cell"),
        (change(cell__sizes=[9, 9, 9]), "its sizes are [9, 9, 9], but those of the preset"),
        (change(cell__protocol=0), "it was made with protocol 0; the current one is 3"),
        (change(cell__method_version=9), "it was made with version 9 of nearest-neighbor"),
        (change(cell__method="unheard-of"), "no method of this name is registered"),
        (change(key="0" * 64), "its path should be"),
        (change(provenance__compute_seconds=1e5), "it used 100000 compute seconds; its budget is 300"),
        (choose_worse, "is not the best of its trials by macro_f1"),
        (change(result__predictions={}), "its metrics, counts and predictions cover different environments"),
    ],
)
def test_what_was_changed_is_named(folder: Path, edit: Callable[[dict[str, Any]], None], complaint: str) -> None:
    path = of(folder)
    record = json.loads(path.read_text(encoding="utf-8"))
    edit(record)
    path.write_text(json.dumps(record), encoding="utf-8")
    assert any(complaint in line for line in findings(folder)), findings(folder)


def test_a_file_that_is_no_record_is_named_and_the_rest_is_checked(shell: Shell, folder: Path) -> None:
    of(folder).write_text("{", encoding="utf-8")
    done = shell("results", "check", folder)
    assert done.returncode == 1
    assert "is not a complete record" in done.stdout
    assert "3 records, 1 with problems" in done.stdout


def test_test_rows_that_no_other_method_has_are_named(folder: Path) -> None:
    path = of(folder, "majority")
    record = next(r for r in Store(folder).contents().records if r.cell.method == "majority" and r.cell.seed == 0)
    others = [r for r in Store(folder).contents().records if r.cell.seed == 0]
    assert record.result is not None
    text = record.result.counts["test"]
    result = record.result.model_copy(
        update={"counts": {**record.result.counts, "test": ";".join(text.split(";")[1:])}}
    )
    path.write_text(record.model_copy(update={"result": result}).model_dump_json(), encoding="utf-8")
    registry.discover()
    texts = [finding.text for finding in check(folder, existing(others))[1]]
    assert "its test rows differ from those of other methods with the same scenario and seed" in texts


def existing(records: list[Any]) -> Iterator[Any]:
    return iter([record for record in records if record.cell.method != "majority"])


def test_an_empty_folder_is_a_mistake(shell: Shell) -> None:
    (shell.folder / "mine").mkdir()
    done = shell("results", "check", "mine")
    assert done.returncode == 2
    assert "the folder has no records" in done.stderr


def test_records_that_were_searched_or_computed_otherwise_than_those_that_stand_are_named(folder: Path) -> None:
    def existing(**cell: str) -> list[Record]:
        found = Store(folder).contents().records
        return [r.model_copy(update={"cell": r.cell.model_copy(update=cell), "key": r.key[::-1]}) for r in found]

    registry.discover()
    (precision,) = {record.cell.precision for record in Store(folder).contents().records}
    texts = [finding.text for finding in check(folder, existing(precision="other", sampler="tpe"))[1]]
    differences = f"sampler random instead of tpe, precision {precision} instead of other"
    assert texts == [f"its setting differs from the existing records: {differences}"] * 4
    other = {finding.text for finding in check(folder, existing(precision="other", corpus="f" * 64))[1]}
    (corpus,) = {record.cell.corpus[:8] for record in Store(folder).contents().records}
    assert other == {f"no existing record has this corpus, files-requests {corpus}"}


def test_a_preset_that_does_not_rank_is_named(folder: Path) -> None:
    for path in folder.glob("*/*/*.json"):
        edited = json.loads(path.read_text(encoding="utf-8"))
        edited["cell"]["preset"] = "quick"
        path.write_text(json.dumps(edited), encoding="utf-8")
    assert sum("the preset quick does not rank" in found for found in findings(folder)) == 4
