"""The budget binds every method, and the ledger tells what it bought."""

import json
from pathlib import Path

import pytest

from tests.conftest import Shell

PLUGIN = """
import time
import numpy as np
from harness import Float, Method, Predictor, register_method

class Even(Predictor):
    def __init__(self, classes): self.classes = classes
    def predict_proba(self, payloads): return np.full((len(payloads), self.classes), 1 / self.classes, np.float32)

def spin(seconds):
    end = time.process_time() + seconds
    while time.process_time() < end: pass

@register_method("deaf", version=1, summary="heeds no clock")
class Deaf(Method):
    space = {"x": Float(0.0, 1.0, default=0.5)}
    def fit(self, train, validation, params, context):
        spin(3600)

@register_method("native", version=1, summary="never comes back to Python")
class Native(Method):
    def fit(self, train, validation, params, context):
        import re
        re.match(r"(a+)+$", "a" * 64 + "b")

@register_method("late", version=1, summary="a quick trial, then one without end")
class Late(Method):
    space = {"x": Float(0.0, 1.0, default=0.5)}
    def fit(self, train, validation, params, context):
        if params["x"] != 0.5: spin(3600)
        return Even(len(context.classes))

@register_method("steps", version=1, summary="reports, counts and heeds")
class Steps(Method):
    space = {"x": Float(0.0, 1.0, default=1.0)}
    def fit(self, train, validation, params, context):
        for step in range(4):
            context.count(10, 1)
            context.report(step, params["x"])
            if context.should_stop(): break
        return Even(len(context.classes))
"""


@pytest.fixture
def plugin(shell: Shell) -> Path:
    path = shell.folder / "budgeted.py"
    path.write_text(PLUGIN, encoding="utf-8")
    return path


def records(folder: Path) -> dict[str, dict]:
    contents = [json.loads(path.read_text(encoding="utf-8")) for path in folder.glob("*/*/*.json")]
    return {record["cell"]["method"]: record for record in contents}


def test_a_method_that_ignores_the_clock_is_stopped_and_marked(
    shell: Shell, plugin: Path, mapped: tuple[str, ...]
) -> None:
    done = shell("run", "--plugin", plugin, "--method", "deaf,native,late,majority", *mapped,
                 "--scenario", "random", "--seconds", 2, "--trials", 2)  # fmt: skip
    assert done.returncode == 1, done.stderr
    by_method = records(shell.folder / "results/local")
    for name in ("deaf", "native"):
        assert by_method[name]["failure"]["kind"] == "over-budget", by_method[name]["failure"]
    assert "still running after" in by_method["deaf"]["failure"]["reason"]
    late = by_method["late"]
    assert late["status"] == "done"
    assert late["result"]["limited_by"] == "seconds"
    assert [trial["state"] for trial in late["result"]["trials"]] == ["complete", "over-budget"]
    costs = late["provenance"]["trials"]
    assert sum(cost["compute_seconds"] for cost in costs) <= 1.5 * 2
    assert costs[1]["peak_memory_mb"] > 10


def test_trials_that_fall_behind_are_pruned_charged_and_no_candidates(
    shell: Shell, plugin: Path, mapped: tuple[str, ...]
) -> None:
    arguments = ("run", "--plugin", plugin, "--method", "steps", *mapped, "--scenario", "random", "--trials", 4)
    assert shell(*arguments, "--pruner", "median").returncode == 0
    pruned = records(shell.folder / "results/local")["steps"]
    states = [trial["state"] for trial in pruned["result"]["trials"]]
    assert states == ["complete", "pruned", "pruned", "pruned"]
    assert [trial["steps"] for trial in pruned["result"]["trials"]] == [4, 2, 2, 2]
    assert pruned["result"]["trials"][0]["examples"] == 40
    assert len(pruned["result"]["trials"][1]["reports"]) == 2
    assert len(pruned["provenance"]["trials"]) == 4
    assert pruned["result"]["best_trial"] == 0
    assert shell(*arguments, "--results", "whole").returncode == 0
    whole = records(shell.folder / "whole")["steps"]
    assert {trial["state"] for trial in whole["result"]["trials"]} == {"complete"}
    assert whole["key"] != pruned["key"]


def test_an_unknown_pruner_is_one_sentence(shell: Shell) -> None:
    done = shell("run", "--pruner", "mediam")
    assert done.returncode == 2
    assert "--pruner mediam is unknown; known: none, median, hyperband" in done.stderr
