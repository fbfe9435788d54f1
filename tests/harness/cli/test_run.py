"""The life of cells, through the command line and real processes."""

import json
import os
import time
from pathlib import Path

from tests.conftest import Shell, results_of

METHODS = "all" if os.environ.get("HARNESS_FULL_ROUNDS") else "majority,tfidf-logreg,tfidf-xgboost,byte-cnn"
FAST = ("--method", "majority,tfidf-logreg", "--trials", 2)


def test_a_second_run_is_all_cached(shell: Shell, mapped: tuple[str, ...]) -> None:
    first = shell("run", *FAST, *mapped)
    assert first.returncode == 0, first.stderr
    assert "group-disjoint/test" in first.stdout
    times = {path: path.stat().st_mtime_ns for path in shell.folder.glob("results/local/*/*/*.json")}
    assert len(times) == 6
    second = shell("run", *FAST, *mapped)
    assert second.returncode == 0
    assert "0 to run, 6 with a record" in second.stdout
    assert {path: path.stat().st_mtime_ns for path in times} == times


def test_one_worker_and_two_give_identical_records(shell: Shell, mapped: tuple[str, ...]) -> None:
    for workers in (1, 2):
        done = shell("run", *FAST, "--method", METHODS, *mapped, "--seeds", 1, "--scenario", "group-disjoint",
                     "--rows", "100,50,100", "--workers", workers, "--results", f"r{workers}")  # fmt: skip
        assert done.returncode == 0, done.stdout
    one, two = (results_of(shell.folder / name) for name in ("r1", "r2"))
    assert one == two
    assert len(one) >= 4


def test_kill_9_loses_no_finished_cell(shell: Shell, mapped: tuple[str, ...]) -> None:
    arguments = ("run", *FAST, *mapped, "--seeds", 2, "--workers", 1)
    folder = shell.folder / "results/local"
    run = shell.start(*arguments)
    deadline = time.monotonic() + 60
    while len(list(folder.glob("*/*/*.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.01)
    run.kill()
    run.wait()
    finished = {path: path.stat().st_mtime_ns for path in folder.glob("*/*/*.json")}
    assert 3 <= len(finished) < 12
    assert shell(*arguments).returncode == 0
    assert {path: path.stat().st_mtime_ns for path in finished} == finished
    assert shell(*arguments, "--results", "undisturbed").returncode == 0
    assert results_of(folder) == results_of(shell.folder / "undisturbed")


BAD = """
import ctypes, os, time
import numpy as np
from harness import Method, Predictor, register_method

class Table(Predictor):
    def __init__(self, make): self.make = make
    def predict_proba(self, payloads): return self.make(len(payloads))

def register(name, fit):
    @register_method(name, version=1, summary=name)
    class Bad(Method):
        def fit(self, train, validation, params, context): return fit(len(context.classes))

def raises(k): raise RuntimeError("on purpose")
def hangs(k): time.sleep(3600)
def eats(k):
    held = []
    while True: held.append(np.ones(1 << 24))

register("raises", raises)
register("hangs", hangs)
register("eats", eats)
register("exits", lambda k: os._exit(3))
register("crashes", lambda k: ctypes.string_at(0))
register("nan", lambda k: Table(lambda n: np.full((n, k), np.nan)))
register("shape", lambda k: Table(lambda n: np.ones((n, k + 1))))
register("prints", lambda k: print("noise") or Table(lambda n: np.full((n, k), 1 / k)))
"""


def test_failures_stay_small_and_are_named(shell: Shell, mapped: tuple[str, ...]) -> None:
    plugin = shell.folder / "bad.py"
    plugin.write_text(BAD, encoding="utf-8")
    bad = "raises,hangs,eats,exits,crashes,nan,shape"
    arguments = ("run", "--plugin", plugin, "--method", f"{bad},prints,majority", *mapped,
                 "--scenario", "random", "--seconds", 2, "--memory", 1)  # fmt: skip
    done = shell(*arguments)
    assert done.returncode == 1, done.stderr
    for name, reason in {
        "raises": "RuntimeError: on purpose",
        "hangs": "the wall limit of 2 s of budget",
        "eats": "out of memory: the cell needs more than the limit of 1.0 GB",
        "exits": "exit code 3",
        "crashes": "SIGSEGV",
        "nan": "NaN",
        "shape": "shape (",
    }.items():
        assert f"failed: {name} on random, seed 0: " in done.stdout
        assert reason in done.stdout, name
    folder = shell.folder / "results/local"
    status = {r["cell"]["method"]: r["status"] for r in results_of(folder).values()}  # type: ignore[index]
    assert status == {**dict.fromkeys(bad.split(","), "failed"), "prints": "done", "majority": "done"}
    provenances = {}
    for path in folder.glob("*/*/*.json"):
        record = json.loads(path.read_text(encoding="utf-8"))
        provenances[record["cell"]["method"]] = record["provenance"]
    assert len(provenances["nan"]["trials"]) == 1, "failed cells are charged"
    assert provenances["eats"]["peak_memory_mb"] > 500
    assert provenances["hangs"]["compute_seconds"] >= 0
    times = {path: path.stat().st_mtime_ns for path in folder.glob("*/*/*.json")}
    again = shell(*arguments)
    assert again.returncode == 1
    assert "0 to run" in again.stdout
    assert {path: path.stat().st_mtime_ns for path in times} == times
    retried = shell(*arguments, "--method", "raises,majority", "--retry-failed")
    assert retried.returncode == 1
    assert "1 to run, 2 with a record" in retried.stdout
    log = next((folder / ".logs").glob("prints-*"))
    assert "noise" in log.read_text(encoding="utf-8")


def test_a_failed_trial_is_charged_and_the_cell_goes_on(shell: Shell, mapped: tuple[str, ...]) -> None:
    plugin = shell.folder / "flaky.py"
    plugin.write_text(
        BAD + "from harness import Float\n"
        "@register_method('flaky', version=1, summary='')\n"
        "class Flaky(Method):\n"
        "    space = {'a': Float(0, 1, default=0.5)}\n"
        "    def fit(self, train, validation, params, context):\n"
        "        if params['a'] == 0.5: raise ValueError('not this one')\n"
        "        return Table(lambda n: np.full((n, len(context.classes)), 1 / len(context.classes)))\n",
        encoding="utf-8",
    )
    done = shell("run", "--plugin", plugin, "--method", "flaky", *mapped, "--scenario", "random", "--trials", 3)
    assert done.returncode == 0, done.stdout
    (record,) = (json.loads(p.read_text()) for p in shell.folder.glob("results/local/*/*/*.json"))
    assert [t["state"] for t in record["result"]["trials"]] == ["failed", "complete", "complete"]
    assert record["result"]["best_trial"] == 1
    assert len(record["provenance"]["trials"]) == 3


def test_the_spy_finds_nothing_but_train_and_validation(shell: Shell, mapped: tuple[str, ...]) -> None:
    """A plug-in that searches its arguments, its frames and the whole heap for other rows finds none."""
    plugin = shell.folder / "spy.py"
    plugin.write_text((Path(__file__).parent / "spy_plugin.py").read_text(encoding="utf-8"), encoding="utf-8")
    done = shell("run", "--plugin", plugin, "--method", "spy", *mapped, "--scenario", "group-disjoint", "--trials", 1)
    assert done.returncode == 0, done.stdout + done.stderr
