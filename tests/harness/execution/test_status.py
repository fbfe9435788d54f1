"""`harness results status`, from another terminal, of runs that live, end and die."""

import json
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from harness.execution.status import RunProgress, RunStatus, runs
from harness.records.provenance import host
from tests.conftest import Shell

SLOW = """
import time
import numpy as np
from harness import Float, Method, Predictor, register_method

class Even(Predictor):
    def __init__(self, classes): self.classes = classes
    def predict_proba(self, payloads): return np.full((len(payloads), self.classes), 1 / self.classes, np.float32)

@register_method("sleeper", version=1, summary="")
class Sleeper(Method):
    space = {"x": Float(0.0, 1.0, default=0.5)}
    def fit(self, train, validation, params, context):
        if params["x"] != 0.5: time.sleep(3600)
        return Even(len(context.classes))
"""


@pytest.fixture
def arguments(shell: Shell, mapped: tuple[str, ...]) -> tuple[object, ...]:
    (shell.folder / "slow.py").write_text(SLOW, encoding="utf-8")
    options = ("--plugin", "slow.py", "--method", "majority,sleeper", "--scenario", "random", "--workers", 1)
    return ("run", *options, *mapped, "--seeds", 2)


def started(shell: Shell, arguments: tuple[object, ...]) -> "subprocess.Popen[str]":
    """A run whose second cell is in its second trial, without end."""
    run = shell.start(*arguments)
    deadline = time.monotonic() + 120
    folder = shell.folder / "results/local"
    while time.monotonic() < deadline:
        statuses = runs(folder)[0] if folder.is_dir() else []
        if any(cell.trial == 2 for status in statuses for cell in status.standing.running):
            return run
        time.sleep(0.05)
    run.kill()
    raise AssertionError(f"the run never got there: {run.communicate()[0]}")


def files(shell: Shell) -> list[Path]:
    return list((shell.folder / "results/local").glob(".status-*"))


def test_a_run_is_seen_from_outside_killed_found_dead_and_swept(shell: Shell, arguments: tuple[object, ...]) -> None:
    run = started(shell, arguments)
    seen = shell("results", "status")
    assert seen.returncode == 0, seen.stderr
    assert f"pid {run.pid}, running for" in seen.stdout
    assert "1 of 4 cells done, 0 failed, 0 cached" in seen.stdout
    sleeper = next(line.split() for line in seen.stdout.splitlines() if line.startswith(" sleeper"))
    assert sleeper[:9] == ["sleeper", "0/2", "0", "random,", "seed", "0", "2", "of", "2"]
    assert [line.split() for line in seen.stdout.splitlines()[-2:]] == [["majority", "1"], []]
    run.kill()
    run.communicate(timeout=60)  # comes back only when no process of the run is left to write
    dead = shell("results", "status")
    assert dead.returncode == 0
    assert f"pid {run.pid} is dead" in dead.stdout
    assert "the same command continues from there: harness run --plugin slow.py" in dead.stdout
    assert len(files(shell)) == 1
    only_majority = tuple("majority" if a == "majority,sleeper" else a for a in arguments)
    assert shell(*only_majority).returncode == 0
    assert files(shell) == []
    assert "No run is writing" in shell("results", "status").stdout


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_run_that_is_told_to_end_leaves_no_file(
    shell: Shell, arguments: tuple[object, ...], number: signal.Signals
) -> None:
    run = started(shell, arguments)
    run.send_signal(number)
    assert run.wait(timeout=60) == 130
    assert files(shell) == []


def test_a_run_does_not_sweep_the_file_of_one_that_lives(shell: Shell, arguments: tuple[object, ...]) -> None:
    first = started(shell, arguments)
    others = tuple("majority" if a == "majority,sleeper" else 4 if a == 2 else a for a in arguments)
    assert shell(*others).returncode == 0
    assert [status.pid for status in runs(shell.folder / "results/local")[0]] == [first.pid]
    first.kill()
    first.communicate(timeout=60)


def status(**changes: object) -> RunStatus:
    standing = RunProgress(methods={}, cached=0, running=[], remaining=None)
    plain = {"pid": 1, "born": 0.0, "host": "elsewhere", "command": "harness run", "written": 1000.0}
    return RunStatus.model_validate({**plain, "standing": standing, **changes})


def test_of_a_run_on_another_host_only_its_silence_tells() -> None:
    assert status().state(now=1030.0) == "running"
    assert status().state(now=1090.0) == "silent"


def test_a_process_that_got_a_dead_runs_number_is_not_taken_for_it() -> None:
    assert status(host=host(), pid=os.getpid(), born=0.0).state(now=1000.0) == "dead"


def test_records_are_counted_by_method_and_state_however_they_are_written(
    shell: Shell, mapped: tuple[str, ...]
) -> None:
    assert shell("run", "--method", "majority", "--scenario", "random", "--seeds", 3, *mapped).returncode == 0
    first, second, _ = sorted((shell.folder / "results/local").glob("*/*/*.json"))
    record = json.loads(first.read_text(encoding="utf-8"))
    first.write_text(json.dumps(record, indent=1), encoding="utf-8")
    failure = {"kind": "died", "reason": "gone", "detail": ""}
    shuffled = {"status": "failed", **{k: v for k, v in record.items() if k != "status"}, "failure": failure}
    second.write_text(json.dumps({**shuffled, "result": None}), encoding="utf-8")
    done = shell("results", "status")
    assert done.returncode == 0, done.stderr
    table = [line.split() for line in done.stdout.splitlines() if line.strip()]
    assert table[-3] == ["method", "done", "failed"]
    assert table[-1] == ["majority", "2", "1"]


def test_a_folder_without_runs_and_one_with_a_broken_file_are_said(shell: Shell) -> None:
    missing = shell("results", "status", "--results", "nosuch")
    assert missing.returncode == 2
    assert "there is no such folder" in missing.stderr
    folder = shell.folder / "results/local"
    folder.mkdir(parents=True)
    (folder / ".status-x-1.json").write_text("{}", encoding="utf-8")
    broken = shell("results", "status")
    assert broken.returncode == 0
    assert "No run is writing to results/local." in broken.stdout
    assert "is not a status file of this version" in broken.stderr
