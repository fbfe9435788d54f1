"""Tasks without a run behind them."""

import functools
from typing import Any

from harness.benchmark import BenchmarkRef
from harness.execution.cell import PrepareTask, RunTask
from harness.records.schema import CellInfo
from tests.harness.boards.boards import record

NOWHERE = BenchmarkRef("x")


def run_task(
    method: str = "m",
    seed: int = 0,
    benchmark: BenchmarkRef = NOWHERE,
    cell: CellInfo | None = None,
    **more: Any,
) -> RunTask:
    info = cell or _cell(method, seed)
    return RunTask(f"{method}-{seed}", f"{method} on iid, seed {seed}", info, benchmark, **more)


def prepare_task(method: str, seed: int, part: str) -> PrepareTask:
    label = f"{method} on iid, seed {seed}, {part}"
    return PrepareTask(f"{method}-{seed}", label, _cell(method, seed), NOWHERE, part=part)


def _cell(method: str, seed: int) -> CellInfo:
    return _any_cell().model_copy(update={"method": method, "seed": seed})


@functools.cache
def _any_cell() -> CellInfo:
    return record("m", "iid", 0, 0.5, trials=2, seconds=10).cell
