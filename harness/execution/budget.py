"""The budget of a cell, the ledger that measures its use, and the peak memory of a process."""

import contextlib
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, cast

from harness.execution import devices
from harness.protocol import STOP_FACTOR, WALL_FACTOR
from harness.records.schema import CPU, CellInfo
from harness.storage.shared_steps import SharedSteps

Sampler = Literal["random", "tpe"]
Pruner = Literal["none", "median", "hyperband"]
_INTERRUPT_SHARE = 0.97  # of the stop limit: interrupt the trial shortly before the kernel kills the process (SIGXCPU)


@dataclass(frozen=True)
class Budget:
    """The tuning budget of a cell, the same for every method of a run.

    Attributes:
        trials: number of configurations to try, the default one included.
        seconds: compute seconds (process CPU time) per cell after which no new trial starts.
        sampler: draws the configurations of all trials but the first.
        pruner: stops trials whose reported scores are worse than those of earlier trials.
    """

    trials: int
    seconds: float
    sampler: Sampler = "random"
    pruner: Pruner = "none"

    @classmethod
    def of(cls, cell: CellInfo) -> "Budget":
        """Returns the budget in the description of a cell."""
        return cls(cell.trials, cell.seconds, cast(Sampler, cell.sampler), cast(Pruner, cell.pruner))

    @property
    def wall_limit(self) -> float:
        """Wall-clock seconds after which the process of a cell is killed."""
        return self.seconds * WALL_FACTOR


class OverBudget(Exception):
    """A trial kept running although the cell has used `STOP_FACTOR` times its compute seconds."""


@dataclass
class TrialUsage:
    """Seconds and memory of one trial; ``peak_memory_mb`` is that of the whole process during the trial."""

    compute_seconds: float
    shared_seconds: float
    wall_seconds: float
    peak_memory_mb: float


@dataclass(frozen=True)
class CellUsage:
    """Compute seconds and memory of a cell, up to its end or its failure.

    Attributes:
        compute_seconds: compute seconds of tuning, without shared steps.
        shared_seconds: full recorded cost of the shared steps of tuning and of scoring the selected predictor.
        predict_seconds: compute seconds of scoring the selected predictor.
        trial_scoring_seconds: compute seconds of scoring the predictors of the other trials, with the shared steps that
            only these needed.
        peak_memory_mb: peak memory of its process, in MB.
        trials: one entry per trial that started.
        peak_device_memory_mb: most memory of the GPU that torch had allocated, in MB; None on the processor.
    """

    compute_seconds: float
    shared_seconds: float = 0.0
    predict_seconds: float = 0.0
    trial_scoring_seconds: float = 0.0
    peak_memory_mb: float = 0.0
    trials: tuple[TrialUsage, ...] = ()
    peak_device_memory_mb: float | None = None


@dataclass
class Ledger:
    """Measures the compute seconds and the memory of one cell, and enforces its limit on compute seconds.

    A shared step is charged with its recorded cost whether this process computed it or read it from the cache, so
    that the cost of a cell does not depend on which cell ran first.

    On a GPU (``device``), a second in which the cell holds it counts as a compute second, beside the processor's.
    """

    budget: Budget
    shared: SharedSteps = field(default_factory=SharedSteps)
    trials: list[TrialUsage] = field(default_factory=list)
    limit_reached: bool = False  # whether `exhausted` was ever true, so that the limit may have changed the result
    tuning_seconds: float | None = None  # own seconds when tuning ended
    scored: tuple[float, float] | None = None  # own and shared seconds when the selected predictor was scored
    child_seconds: float = 0.0  # compute seconds of processes that the method started
    device: str = CPU
    started: float = field(init=False)
    _in_trial: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        devices.reset_peak_memory(self.device)
        self.shared.clock = self._clock
        self.started = self._clock()

    def _clock(self) -> float:
        """Returns processor seconds; on a GPU plus wall seconds, since a cell holds it until its results are here.

        Methods return NumPy arrays, and a copy from the GPU waits for its work: no explicit synchronisation is needed.
        """
        return time.process_time() + (0.0 if self.device == CPU else time.perf_counter())

    @property
    def own_seconds(self) -> float:
        """Compute seconds of this process and of those its method started, without the shared steps it computed."""
        return self._clock() - self.started - self.shared.computed + self.child_seconds

    @property
    def total_seconds(self) -> float:
        """Compute seconds that are compared with the budget: own seconds and the cost of every shared step used."""
        return self.own_seconds + self.shared.charged

    @contextlib.contextmanager
    def paused(self) -> Iterator[None]:
        """Stops the clock while the harness itself works, for example opens the data: no method is charged for it."""
        start = self._clock()
        try:
            yield
        finally:
            self.started += self._clock() - start

    def end_tuning(self) -> None:
        """Marks the end of tuning; compute seconds after it count as prediction."""
        self.tuning_seconds = self.own_seconds

    def end_scoring(self) -> None:
        """Marks the end of scoring the selected predictor; compute seconds after it are of the other trials."""
        self.scored = self.own_seconds, self.shared.charged

    def usage(self) -> CellUsage:
        """Returns the compute seconds and the peak memory up to now."""
        own = self.own_seconds
        tuning = own if self.tuning_seconds is None else self.tuning_seconds
        scored, shared = self.scored or (own, self.shared.charged)
        others = own - scored + self.shared.charged - shared
        peak = max([peak_megabytes(), *(trial.peak_memory_mb for trial in self.trials)])
        on_device = devices.peak_megabytes(self.device)
        return CellUsage(tuning, shared, scored - tuning, others, peak, tuple(self.trials), on_device)

    def exhausted(self) -> bool:
        """Whether the compute seconds of the cell are used up; methods poll it as ``context.should_stop``."""
        self.limit_reached = self.limit_reached or self.total_seconds >= self.budget.seconds
        return self.limit_reached

    def charge(self, seconds: float) -> None:
        """Adds the compute seconds of another process to this cell; methods call it as ``context.charge``.

        Raises:
            OverBudget: during a trial, under the conditions of `trial`.
        """
        self.child_seconds += seconds
        if self._in_trial:
            self._check_limit()

    def _check_limit(self) -> None:
        if self.total_seconds >= _INTERRUPT_SHARE * STOP_FACTOR * self.budget.seconds:
            self.limit_reached = True
            raise OverBudget(f"still running after {self.total_seconds:.1f} of {self.budget.seconds:g} compute seconds")

    @contextlib.contextmanager
    def trial(self) -> Iterator[None]:
        """Records the cost of the enclosed block as one more trial, and interrupts it at the limit.

        Raises:
            OverBudget: the cell has used `STOP_FACTOR` times its compute seconds. A call that does not return to
                Python cannot be interrupted this way; the kernel kills its process instead (SIGXCPU).
        """
        own, charged, wall = self.own_seconds, self.shared.charged, time.perf_counter()
        reset_peak_memory()
        try:
            with self._with_limits():
                yield
        finally:
            cost = TrialUsage(
                self.own_seconds - own, self.shared.charged - charged, time.perf_counter() - wall, peak_megabytes()
            )
            self.trials.append(cost)

    @contextlib.contextmanager
    def _with_limits(self) -> Iterator[None]:
        # Two limits, since neither is enough alone. The profiling timer counts CPU time and interrupts Python code,
        # which leaves the cell its earlier trials; but Python runs a signal handler only between bytecodes, so a long
        # call into native code is not interrupted. RLIMIT_CPU needs no cooperation, but ends the whole process.
        import resource

        handler = signal.signal(signal.SIGPROF, lambda number, frame: self._check_limit())
        interval = max(0.02, 0.01 * self.budget.seconds)
        hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
        remaining = max(0.0, STOP_FACTOR * self.budget.seconds - self.total_seconds)
        signal.setitimer(signal.ITIMER_PROF, interval, interval)
        # The kernel counts CPU time since the process started, in whole seconds. Only the soft limit is lowered: the
        # hard one could not be raised again.
        resource.setrlimit(resource.RLIMIT_CPU, (int(time.process_time() + remaining) + 1, hard))
        self._in_trial = True
        try:
            yield
        finally:
            self._in_trial = False
            signal.setitimer(signal.ITIMER_PROF, 0)
            signal.signal(signal.SIGPROF, handler)
            resource.setrlimit(resource.RLIMIT_CPU, (hard, hard))


_STATUS, _CLEAR_REFS = Path("/proc/self/status"), Path("/proc/self/clear_refs")


def reset_peak_memory() -> bool:
    """Resets the peak memory of this process on Linux (proc(5), clear_refs), so that each trial has a peak of its own.

    Returns:
        Whether it was reset; on other systems the peak is that since the process started.
    """
    try:
        _CLEAR_REFS.write_text("5", encoding="ascii")
    except OSError:
        return False
    return True


def peak_megabytes() -> float:
    """Returns the peak resident memory of this process in MB, since it started or since `reset_peak_memory`."""
    with contextlib.suppress(OSError):
        lines = _STATUS.read_text(encoding="ascii", errors="replace").splitlines()
        for line in lines:
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
