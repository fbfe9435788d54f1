"""What a method may spend on one cell, and what it did spend."""

import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from harness.protocol import STOP_FACTOR, WALL_FACTOR
from harness.records.schema import CellInfo
from harness.storage.shared_steps import SharedSteps

Sampler = Literal["random", "tpe"]
Pruner = Literal["none", "median", "hyperband"]
_EARLY = 0.97  # of STOP_FACTOR: the trial is interrupted a little before the system would kill the process


@dataclass(frozen=True)
class Budget:
    """The same for every method of a run.

    Attributes:
        trials: configurations tried, the default one included.
        seconds: compute seconds (process CPU time) per cell after which no trial begins.
        sampler: how trials after the first are drawn.
        pruner: whether trials whose reported scores fall behind are cut short.
    """

    trials: int
    seconds: float
    sampler: Sampler = "random"
    pruner: Pruner = "none"

    @classmethod
    def of(cls, cell: CellInfo) -> "Budget":
        """Returns the budget that a cell was planned with."""
        return cls(cell.trials, cell.seconds, cast(Sampler, cell.sampler), cast(Pruner, cell.pruner))

    @property
    def wall_limit(self) -> float:
        """Seconds of wall time after which a cell is killed."""
        return self.seconds * WALL_FACTOR


class OverBudget(Exception):
    """The cell spent `STOP_FACTOR` times its seconds, and the trial that was running did not stop by itself."""


@dataclass
class TrialUsage:
    """What one trial used; ``peak_memory_mb`` is that of the whole process while it ran."""

    compute_seconds: float
    shared_seconds: float
    wall_seconds: float
    peak_memory_mb: float


@dataclass(frozen=True)
class CellUsage:
    """What a cell used, until its end or its failure.

    Attributes:
        compute_seconds: of tuning, without shared steps.
        shared_seconds: recorded cost of the shared steps it used, in full.
        predict_seconds: of scoring, in compute seconds.
        peak_memory_mb: of its process.
        trials: one per trial that began.
    """

    compute_seconds: float
    shared_seconds: float = 0.0
    predict_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    trials: tuple[TrialUsage, ...] = ()


@dataclass
class Ledger:
    """Clock of one cell: compute seconds since it was opened, and what each trial cost.

    A shared step counts with its recorded cost, whether this process computed it or found it.
    """

    budget: Budget
    shared: SharedSteps = field(default_factory=SharedSteps)
    started: float = field(default_factory=time.process_time)
    trials: list[TrialUsage] = field(default_factory=list)
    bound: bool = False  # whether anything was ever told that the seconds are spent
    tuned: float | None = None  # own seconds when tuning ended
    elsewhere: float = 0.0  # compute seconds of processes that the method started
    _in_trial: bool = field(default=False, init=False)

    @property
    def own(self) -> float:
        """Compute seconds of this process and of those its method started, without the shared steps it computed."""
        return time.process_time() - self.started - self.shared.computed + self.elsewhere

    @property
    def spent(self) -> float:
        """Compute seconds that count: the process's own and those of every shared step it used."""
        return self.own + self.shared.charged

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stops the clock for what the harness does itself, such as opening the data: no method is charged for it."""
        before = time.process_time()
        try:
            yield
        finally:
            self.started += time.process_time() - before

    def freeze(self) -> None:
        """Says that tuning ended; what comes after is prediction."""
        self.tuned = self.own

    def bill(self) -> CellUsage:
        """Returns what was used so far."""
        own = self.own
        tuning = own if self.tuned is None else self.tuned
        peak = max([peak_megabytes(), *(trial.peak_memory_mb for trial in self.trials)])
        return CellUsage(tuning, self.shared.charged, own - tuning, peak, tuple(self.trials))

    def exhausted(self) -> bool:
        """Whether the cell's seconds are spent; methods poll it as ``context.should_stop``."""
        self.bound = self.bound or self.spent >= self.budget.seconds
        return self.bound

    def charge(self, seconds: float) -> None:
        """Charges what another process spent for this cell; methods call it as ``context.charge``.

        Raises:
            OverBudget: in a trial, as `trial` says.
        """
        self.elsewhere += seconds
        if self._in_trial:
            self._look()

    def _look(self) -> None:
        if self.spent >= _EARLY * STOP_FACTOR * self.budget.seconds:
            self.bound = True
            raise OverBudget(f"still running after {self.spent:.1f} of {self.budget.seconds:g} compute seconds")

    @contextlib.contextmanager
    def trial(self) -> Iterator[None]:
        """Charges what happens within to one more trial, and ends it where it runs on and on.

        Raises:
            OverBudget: the cell has spent `STOP_FACTOR` times its seconds. A call that never comes back to Python is
                ended by the system instead (SIGXCPU).
        """
        own, charged, wall = self.own, self.shared.charged, time.perf_counter()
        forget_peak()
        try:
            with self._limited():
                yield
        finally:
            cost = TrialUsage(
                self.own - own, self.shared.charged - charged, time.perf_counter() - wall, peak_megabytes()
            )
            self.trials.append(cost)

    @contextlib.contextmanager
    def _limited(self) -> Iterator[None]:
        import resource

        before = signal.signal(signal.SIGPROF, lambda number, frame: self._look())
        interval = max(0.02, 0.01 * self.budget.seconds)
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        left = max(0.0, STOP_FACTOR * self.budget.seconds - self.spent)
        signal.setitimer(signal.ITIMER_PROF, interval, interval)
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + left) + 1, hard))
        self._in_trial = True
        try:
            yield
        finally:
            self._in_trial = False
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, before)
            resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))


_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def forget_peak() -> bool:
    """Asks Linux to measure this process's peak memory anew (proc(5), clear_refs); elsewhere the peak only grows.

    Returns:
        Whether the system does.
    """
    try:
        _CLEAR.write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def peak_megabytes() -> float:
    """Returns the most resident memory of this process, in MB, since it began or since it was asked to forget."""
    with contextlib.suppress(OSError):
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
        for line in lines:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
