"""The expected time of a run: times of the built-in methods' cells on one processor, and the speed of this one.

``cell_seconds.json`` holds the times; ``python -m tests.tools.cell_seconds FOLDER`` makes it from the records of a run.
"""

import functools
import json
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.execution.cell import Cell
from harness.scenario import Sizes

TEXT = "text"  # name of the shared steps on descriptions, which methods do not declare
_FILE = Path(__file__).with_name("cell_seconds.json")
_CALIBRATION_SECONDS = 0.4
_IN_BFLOAT16 = 0.7  # time of a torch method where bfloat16 is used, in relation to float32, in which the times are
_SHORT_RUN = 20.0  # expected seconds below which a run is not worth a calibration


@dataclass(frozen=True)
class MethodSeconds:
    """Compute seconds of a method's cells.

    Attributes:
        tuning: per trial and 1,000 training rows, without the common part of shared steps.
        scoring: per trial and 1,000 test rows.
    """

    tuning: float
    scoring: float


@dataclass(frozen=True)
class CellSeconds:
    """The content of ``cell_seconds.json``.

    Attributes:
        processor: the processor that the times are from.
        calibration: what `calibrate` returned there.
        start: seconds that every cell takes beside its method.
        steps: seconds of the shared steps of a scenario and seed per 1,000 rows, by name.
        methods: by name.
    """

    processor: str
    calibration: float
    start: float
    steps: Mapping[str, float]
    methods: Mapping[str, MethodSeconds]


@dataclass(frozen=True)
class Forecast:
    """The expected wall seconds of cells that run one at a time.

    Attributes:
        cells: of one cell, by method; methods that were never timed are absent.
        shared: of all shared steps.
        total: of the whole run, in which a method that was never timed counts as the mean of the others.
        longest: of the longest cell.
        untimed: names of the methods that were never timed.
    """

    cells: Mapping[str, float]
    shared: float
    total: float
    longest: float
    untimed: tuple[str, ...] = ()

    def wall_seconds(self, workers: int) -> float:
        """Returns the expected wall seconds of the run with this many workers."""
        return max(self.longest, self.total / max(1, workers))


NO_FORECAST = Forecast({}, 0.0, 0.0, 0.0)


def forecast(cells: Iterable[Cell]) -> Forecast:
    """Returns the expected time of cells on this processor; that of cells on a GPU is as if they ran on it."""
    cells = list(cells)
    known = cell_seconds()
    expected = _forecast(cells, known, 1.0)
    if expected.total < _SHORT_RUN:
        return expected
    return _forecast(cells, known, calibrate() / known.calibration)


@functools.cache
def cell_seconds() -> CellSeconds:
    """Returns the times that come with the harness."""
    content = json.loads(_FILE.read_text(encoding="utf-8"))
    methods = {name: MethodSeconds(*seconds) for name, seconds in content.pop("methods").items()}
    return CellSeconds(**content, methods=methods)


def _forecast(cells: list[Cell], known: CellSeconds, slowness: float) -> Forecast:
    seconds: dict[str, list[float]] = {}
    steps: dict[tuple[str, int, Sizes, str], float] = {}
    untimed: dict[str, int] = {}
    for cell in cells:
        name = cell.method.name
        train, tested = _rows(cell)
        factor = _IN_BFLOAT16 if cell.precision == "bfloat16" and cell.method.uses_torch else 1.0
        for step in _steps(cell):
            seconds_of_step = factor * known.steps.get(step, 0.0) * (train + tested) / 1000
            steps[cell.scenario.name, cell.seed, cell.sizes, step] = seconds_of_step
        if name not in known.methods:
            untimed[name] = untimed.get(name, 0) + 1
            continue
        one, trials = known.methods[name], cell.budget.trials
        tuning = min(trials * one.tuning * train / 1000, max(cell.budget.seconds, one.tuning * train / 1000))
        own = factor * (tuning + trials * one.scoring * tested / 1000)
        seconds.setdefault(name, []).append(slowness * (own + known.start))
    every = [value for values in seconds.values() for value in values]
    shared = slowness * sum(steps.values())
    mean = sum(every) / len(every) if every else 0.0
    return Forecast(
        {name: sum(values) / len(values) for name, values in seconds.items()},
        shared,
        sum(every) + shared + mean * sum(untimed.values()),
        max(every, default=0.0),
        tuple(untimed),
    )


def _rows(cell: Cell) -> tuple[int, int]:
    """Returns how many rows a cell trains on and how many it tests, at most."""
    rows = cell.corpus.rows
    train = rows if cell.sizes.train is None else min(rows, cell.sizes.train)
    tested = rows if cell.sizes.test is None else min(rows, cell.sizes.test)
    return train, tested * len(cell.scenario.environments)


def _steps(cell: Cell) -> list[str]:
    """Returns the names of the shared steps that a cell uses."""
    return [*([cell.method.shared] if cell.method.shared else []), *([TEXT] if "text" in cell.method.tags else [])]


def calibrate() -> float:
    """Returns the seconds of a small computation here on one thread: the fastest of those in `_CALIBRATION_SECONDS`.

    It is of the kinds of which cells are made: matrix products, passes over arrays, and Python.
    """
    from threadpoolctl import threadpool_limits

    matrix = np.linspace(-1, 1, 256 * 256, dtype=np.float32).reshape(256, 256)
    fastest, end = float("inf"), time.perf_counter() + _CALIBRATION_SECONDS
    with threadpool_limits(1):
        while time.perf_counter() < end:
            start = time.perf_counter()
            for _ in range(8):
                product = matrix @ matrix
                np.tanh(product, out=product)
            sum(len(str(number)) for number in range(4000))
            fastest = min(fastest, time.perf_counter() - start)
    return fastest
