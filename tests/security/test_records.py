"""Records that others wrote or edited: what is written can be read, and what cannot be read costs itself alone."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness import UserError
from harness.records.schema import CellInfo, PerturbationCounts, PerturbationOptions, Record
from harness.records.store import Store, read
from tests.conftest import ROOT, Shell
from tests.harness.boards.boards import record
from tests.security.rounds import FULL, full_rounds

TEXTS = {
    "lone surrogate": "a\ud800b",
    "bytes of a command line": "caf\udce9",
    "NUL": "a\0b",
    "escape sequence": "\x1b]0;title\x07\x1b[31m",
    "right to left": "\u202egnp.exe",
    "line break": "a\nb\r\u2028",
    "very long": "é" * 200_000,
}
Place = tuple[str | int, ...]


def whole() -> dict[str, Any]:
    """A record in plain values in which every field of the schema holds something."""
    plain = record("majority", "planted-95", 0, 0.5, tags=("text",)).model_dump(mode="json")
    plain["cell"] |= {"view": "length", "scenario": "planted-95@length", "adapter": {"labels": {"a": ["b"]}}}
    plain["cell"]["perturbations"] = {"depth": 1, "draws": 3}
    plain["cell"]["environments"]["perturbed.sql"] = {"version": 1, "kind": "perturbed", "subject": "sql"}
    plain["result"]["counts"]["perturbed.sql"] = "0 0 0 1 2"
    plain["result"]["perturbations"] = {
        "perturbed.sql": {"left_out": {"reason": 1}, "draws": {"case": {"kept": 1}}, "base": "0 0 0 2", "worst": ""}
    }
    plain["result"]["perturbations"]["perturbed.sql"]["worst"] = "0 0 1 2"
    plain["result"]["params"] = plain["result"]["trials"][0]["params"] = {"kernel": "rbf"}
    plain["result"]["trials"][0]["reason"] = "none"
    plain["result"]["notes"] = ["a note"]
    plain["provenance"] |= {
        "created": "2026",
        "command": "harness run",
        "packages": {"numpy": "2"},
        "source": {"a": "b"},
    }
    return plain


def failed() -> dict[str, Any]:
    return record("majority", "iid", 0, 0.5, failure="it broke").model_dump(mode="json")


def texts(value: Any, place: Place = ()) -> Iterator[Place]:
    """The places of all texts in plain values, of at most two items of a list; keys of objects are marked by a #."""
    if isinstance(value, str):
        yield place
    elif isinstance(value, list):
        for index, inner in enumerate(value[:2]):
            yield from texts(inner, (*place, index))
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from texts(inner, (*place, name))
            yield (*place, f"#{name}")


def changed(plain: dict[str, Any], place: Place, value: Any) -> dict[str, Any]:
    plain = json.loads(json.dumps(plain))
    inner: Any = plain
    for part in place[:-1]:
        inner = inner[part]
    last = place[-1]
    if isinstance(last, str) and last.startswith("#"):
        inner[value] = inner.pop(last[1:])
    else:
        inner[last] = value
    return plain


def test_the_record_below_has_every_field_of_the_schema() -> None:
    plain = whole()
    assert plain.keys() | {"failure"} == Record.model_fields.keys()
    assert plain["cell"].keys() == CellInfo.model_fields.keys()
    assert plain["cell"]["perturbations"].keys() == PerturbationOptions.model_fields.keys()
    assert plain["result"]["perturbations"]["perturbed.sql"].keys() == PerturbationCounts.model_fields.keys()
    Record.model_validate(plain)


FEWER = {name: TEXTS[name] for name in ("lone surrogate", "escape sequence")}
ROUNDS = TEXTS if FULL else FEWER


@pytest.mark.parametrize("text", ROUNDS.values(), ids=ROUNDS)
@pytest.mark.parametrize("make", [whole, failed])
def test_what_is_put_is_read_whatever_its_texts(tmp_path: Path, make: Any, text: str) -> None:
    """Each text of the schema in turn: the record comes back as it was put, or is refused before it is written."""
    plain, store = make(), Store(tmp_path)
    places = list(texts(plain))
    assert len(places) > 30
    kept = 0
    for place in places:
        try:
            made = Record.model_validate(changed(plain, place, text))
        except ValueError:
            continue
        kept += 1
        path = store.put(made)
        assert read(path) == made, place
        path.unlink()
    assert kept > 15
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_copy_that_was_not_validated_is_refused_before_it_is_written(tmp_path: Path) -> None:
    made = record("majority", "iid", 0, 0.5)
    assert made.result is not None
    wrong = made.model_copy(update={"result": made.result.model_copy(update={"metrics": {"id": {"macro_f1": 1e308}}})})
    with pytest.raises(UserError, match=r"the record cannot be written \(result.metrics.id: macro_f1 must be from -1"):
        Store(tmp_path).put(wrong)
    copied = made.model_copy(update={"provenance": made.provenance.model_copy(update={"command": "caf\udce9"})})
    assert read(Store(tmp_path).put(copied)).provenance.command == "caf\\udce9"
    assert len(list(tmp_path.rglob("*.json"))) == 1


def test_a_lone_surrogate_in_a_file_is_read_as_text(tmp_path: Path) -> None:
    """Records that earlier versions wrote and could not read."""
    path = Store(tmp_path).put(record("majority", "iid", 0, 0.5, failure="it broke"))
    path.write_text(path.read_text(encoding="utf-8").replace("it broke", "label \\ud800"), encoding="utf-8")
    failure = read(path).failure
    assert failure is not None
    assert failure.reason == "label \\ud800"


ANSWERS = """
import json, sys
for line in sys.stdin:
    print('{"id": %d, "label": "\\\\ud800"}' % json.loads(line)["id"], flush=True)
"""


def test_a_run_with_surrogates_in_answers_and_arguments_can_be_read(shell: Shell, mapped: tuple[str, ...]) -> None:
    (shell.folder / "answers.py").write_text(ANSWERS, encoding="utf-8")
    method = f"exec:{sys.executable} answers.py caf".encode() + b"\xe9"
    command: list[str | bytes] = [*Shell.command("run", *mapped, "--scenario", "random", "--method"), method]
    for waiting in ("1 to run", "0 to run, 1 with a record"):
        done = subprocess.run(command, cwd=shell.folder, env=shell.environment, capture_output=True, check=False)
        assert done.returncode == 1, done.stderr
        assert waiting in done.stdout.decode()
    (path,) = shell.folder.glob("results/local/*/*/*.json")
    stored = read(path)
    assert stored.failure is not None
    assert "the label '\\ud800'" in stored.failure.reason
    assert stored.cell.method.endswith("answers.py caf\\udce9")
    for verb in (("results", "board"), ("results", "status")):
        assert shell(*verb).returncode == 0


def folder_with_an_unreadable_file(folder: Path, content: bytes = b'{"schema_version": 4') -> Path:
    """Four methods on the same cells, and one more file."""
    store = Store(folder)
    for method in ("majority", "nearest-neighbor", "tfidf-logreg", "tfidf-xgboost"):
        for scenario in ("planted-95", "iid"):
            path = store.put(record(method, scenario, 0, 0.5))
    broken = path.with_name("majority-s9-0123456789abcdef.json")
    broken.write_bytes(content)
    return broken


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("results", "board"), 0),
        pytest.param(("results", "board", "--format", "json"), 0, marks=full_rounds),
        pytest.param(("results", "compare", "majority", "nearest-neighbor"), 0, marks=full_rounds),
        pytest.param(("results", "agreement", "results/local", "results/local"), 0, marks=full_rounds),
        (("results", "budget", "--results", "results/local"), 1),
        (("results", "status"), 0),
        (("results", "check", "results/local"), 1),
        pytest.param(("leaderboard", "--results", "results/local"), 0, marks=full_rounds),
        (("leaderboard", "--results", "results/local", "--check"), 1),
        pytest.param(("report",), 0, marks=full_rounds),
    ],
)
def test_an_unreadable_record_costs_itself_alone(shell: Shell, arguments: tuple[str, ...], code: int) -> None:
    broken = folder_with_an_unreadable_file(shell.folder / "results/local")
    if "--check" in arguments:
        assert shell(*arguments[:-1]).returncode == 0
    done = shell(*arguments)
    assert done.returncode == code, done.stdout + done.stderr
    assert f"{broken.name} is not a complete record (" in done.stdout + done.stderr
    assert "Traceback" not in done.stderr


def test_a_key_is_found_beside_an_unreadable_file(tmp_path: Path) -> None:
    broken = folder_with_an_unreadable_file(tmp_path)
    store = Store(tmp_path)
    made = record("majority", "iid", 1, 0.5).model_copy(update={"key": "ab" * 32})
    store.put(made)
    assert store.find(made.key[:12]) == made
    with pytest.raises(UserError, match="is not a complete record"):
        store.find(broken.stem[-16:])


def test_a_folder_of_unreadable_files_is_a_mistake(shell: Shell) -> None:
    folder = shell.folder / "results/local/synthetic/iid"
    folder.mkdir(parents=True)
    (folder / "a.json").write_text("{", encoding="utf-8")
    done = shell("results", "board")
    assert done.returncode == 2
    assert "none of its 1 files is a complete record; results/local/synthetic/iid/a.json is not" in done.stderr


def test_the_official_records_are_all_read() -> None:
    contents = Store(ROOT / "results" / "official").contents()
    assert contents.unreadable == {}
    assert len(contents.entries) > 800
