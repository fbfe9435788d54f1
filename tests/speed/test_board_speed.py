"""A board from a thousand cells (ten thousand in the full rounds), with 2,000 rounds of the bootstrap on the score."""

import os
import resource
import subprocess
import sys
from pathlib import Path

from harness.store import Store
from tests.conftest import ROOT
from tests.harness.boards import RUN, record

METHODS, SEEDS = (35, 96) if os.environ.get("HARNESS_FULL_ROUNDS") else (14, 24)  # times three scenarios
LIMIT = 0.003  # seconds of processor time per cell, start included


def processor_time() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def test_a_board_of_a_thousand_cells_takes_three_seconds(tmp_path: Path) -> None:
    store = Store(tmp_path / "results")
    for method in range(METHODS):
        for scenario in RUN:
            for seed in range(SEEDS):
                cell = record(f"m-{method}", scenario, seed, 0.3 + method / 60)
                path = store.path(cell.cell.benchmark, scenario, cell.cell.method, seed, cell.key)
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(cell.model_dump_json(), encoding="utf-8")
    before = processor_time()
    command = [sys.executable, "-m", "harness", "leaderboard", "--results", store.root, "--output", tmp_path / "b.md"]
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True)
    spent = processor_time() - before
    print(f"\n{METHODS * len(RUN) * SEEDS} cells: {spent:.1f} s")
    assert "| 1 (1–1) |" in (tmp_path / "b.md").read_text(encoding="utf-8")
    assert spent < LIMIT * METHODS * len(RUN) * SEEDS
