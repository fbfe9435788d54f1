"""A board from a thousand cells (ten thousand in the full rounds), with 2,000 rounds of the bootstrap on the score.

The alternative is to read the same records, each validated whole by its schema, and to do nothing with them.
"""

import os
import resource
import subprocess
import sys
from pathlib import Path

from pytest_benchmark.fixture import BenchmarkFixture

from tests.conftest import ROOT
from tests.harness.boards.boards import RUN
from tests.speed.stores import filled

METHODS, SEEDS = (35, 96) if os.environ.get("HARNESS_FULL_ROUNDS") else (14, 24)  # times three scenarios
BOUND = 25  # times reading them
REPORT_BOUND = 35
READ = """
import sys
from pathlib import Path
from harness.records.schema import Record
for path in sorted(Path(sys.argv[1]).glob("*/*/*.json")):
    Record.model_validate_json(path.read_bytes())
"""


def processor_time(*command: object) -> float:
    """Seconds of processor time that a command takes, start included."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *map(str, command)], check=True, cwd=ROOT, capture_output=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def test_a_board_costs_little_more_than_reading_its_records(tmp_path: Path, benchmark: BenchmarkFixture) -> None:
    store = filled(tmp_path / "results", METHODS, SEEDS)
    board = ("-m", "harness", "leaderboard", "--results", store.root, "--output", tmp_path / "b.md")
    spent = benchmark.pedantic(lambda: processor_time(*board), rounds=1)
    reading = processor_time("-c", READ, store.root)
    print(f"\n{METHODS * len(RUN) * SEEDS} cells: {spent:.1f} s, {spent / reading:.1f} times reading them")
    assert "| 1 (1–1) |" in (tmp_path / "b.md").read_text(encoding="utf-8")
    assert spent <= BOUND * reading


def test_a_report_of_a_thousand_cells_is_soon_there_and_not_large(tmp_path: Path, benchmark: BenchmarkFixture) -> None:
    store = filled(tmp_path / "results", 14, 24)
    page = tmp_path / "report.html"
    command = ("-m", "harness", "report", "--results", store.root, "--output", page)
    spent = benchmark.pedantic(lambda: processor_time(*command), rounds=1)
    reading = processor_time("-c", READ, store.root)
    size = page.stat().st_size / 1e6
    print(f"\n1,008 cells: {spent:.1f} s, {spent / reading:.1f} times reading them; {size:.1f} MB")
    assert size <= 8
    assert spent <= REPORT_BOUND * reading
