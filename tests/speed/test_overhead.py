"""What the harness costs beside the methods: per cell, per worker, against a plain script, and for a large plan."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from harness import registry
from harness.benchmark import BenchmarkRef
from harness.execution.budget import Budget, peak_megabytes, reset_peak_memory
from harness.execution.plan import choose_scenarios, make_plan
from harness.records.store import Store
from harness.scenario import Sizes
from tests.conftest import ROOT, Shell

FULL = bool(os.environ.get("HARNESS_FULL_ROUNDS"))
CELLS = 200 if FULL else 12
SPIN = """
import time
import numpy as np
from harness import Method, Predictor, register_method

class Even(Predictor):
    def __init__(self, classes): self.classes = classes
    def predict_proba(self, payloads): return np.full((len(payloads), self.classes), 1 / self.classes, np.float32)

@register_method("spin", version=1, summary="computes for a second")
class Spin(Method):
    def fit(self, train, validation, params, context):
        end = time.process_time() + 1
        while time.process_time() < end: pass
        return Even(len(context.classes))
"""


def timed(shell: Shell, *arguments: object) -> float:
    began = time.perf_counter()
    done = shell("run", *arguments, timeout=3600)
    assert done.returncode == 0, done.stdout + done.stderr
    return time.perf_counter() - began


@pytest.mark.timeout(3600)
def test_cells_cost_little_beside_their_methods_and_two_workers_share_them(
    shell: Shell, mapped: tuple[str, ...], benchmark: BenchmarkFixture
) -> None:
    plugin = shell.folder / "spin.py"
    plugin.write_text(SPIN, encoding="utf-8")
    arguments = ("--plugin", plugin, "--method", "spin", *mapped, "--scenario", "random", "--trials", 1)
    assert shell("run", *arguments, "--seeds", "900,", "--results", "warm").returncode == 0
    walls = {w: timed(shell, *arguments, "--seeds", CELLS, "--workers", w, "--results", f"r{w}") for w in (1, 2)}
    inside = 0.0
    for path in (shell.folder / "r2").glob("*/*/*.json"):
        provenance = json.loads(path.read_text(encoding="utf-8"))["provenance"]
        inside += sum(trial["wall_seconds"] for trial in provenance["trials"])
    start = timed(shell, *arguments, "--seeds", "900,", "--results", "warm")
    per_cell = (2 * (walls[2] - start) - inside) / CELLS
    benchmark.pedantic(lambda: None, rounds=1)
    print(
        f"{CELLS} cells of {inside / CELLS:.2f} s: overhead {1 - inside / 2 / walls[2]:.1%} of the wall time of two "
        f"workers, {per_cell * 1000:.0f} ms per cell; two workers are {walls[1] / walls[2]:.2f} times faster than one"
    )
    assert walls[1] / walls[2] >= (1.7 if FULL else 1.3)
    assert walls[2] <= (1.15 if FULL else 2) * inside / 2


@pytest.mark.timeout(3600)
def test_a_plain_optuna_script_is_hardly_faster(
    shell: Shell, mapped: tuple[str, ...], requests_file: Path, benchmark: BenchmarkFixture
) -> None:
    seeds, trials = (60, 8) if FULL else (6, 4)
    arguments = ("--method", "tfidf-logreg", *mapped, "--scenario", "random", "--trials", trials, "--workers", 1)
    assert shell("run", *arguments, "--seeds", "900,", "--results", "warm").returncode == 0
    ours = timed(shell, *arguments, "--seeds", seeds)
    began = time.perf_counter()
    program = (sys.executable, "-m", "tests.speed.plain_sweep", str(requests_file), str(seeds), str(trials))
    single = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    subprocess.run(program, check=True, cwd=ROOT, env={**shell.environment, **single}, stdout=subprocess.DEVNULL)
    plain = time.perf_counter() - began
    benchmark.pedantic(lambda: None, rounds=1)
    print(
        f"{seeds} seeds x {trials} trials: harness {ours:.1f} s, plain Optuna script {plain:.1f} s, {ours / plain:.2f}"
    )
    assert ours <= (1.3 if FULL else 3) * plain


def test_a_plan_of_50000_cells_is_small(cache: Path, tmp_path: Path, benchmark: BenchmarkFixture) -> None:
    registry.discover()
    opened = registry.open_benchmark(BenchmarkRef("synthetic"))
    methods = [info for info in registry.methods().values() if info.kind == "ranked"]
    specs = choose_scenarios(opened, [], quick=False)
    seeds = range(50_000 // (len(methods) * len(specs)) + 1)
    corpus = opened.meta()
    reset_peak_memory()
    before = peak_megabytes()
    began = time.perf_counter()
    plan = make_plan(
        [(spec, methods) for spec in specs], opened, corpus, seeds, Budget(4, 300), Sizes(), "standard", Store(tmp_path)
    )
    seconds = time.perf_counter() - began
    grown = peak_megabytes() - before
    benchmark.pedantic(lambda: None, rounds=1)
    print(f"a plan of {len(plan.cells)} cells: {seconds:.1f} s, {grown:.0f} MB")
    assert len(plan.cells) >= 50_000
    assert grown < 400
