"""What a method may spend on one cell, and what it did spend."""

import time
from dataclasses import dataclass, field
from typing import Literal

from harness.shared import SharedSteps

Sampler = Literal["random", "tpe"]
WALL_FACTOR = 10  # a cell is ended from outside after this many times its seconds


@dataclass(frozen=True)
class Budget:
    """The same for every method of a run.

    Attributes:
        trials: configurations tried, the default one included.
        seconds: compute seconds (process CPU time) per cell after which no trial begins.
        sampler: how trials after the first are drawn.
    """

    trials: int
    seconds: float
    sampler: Sampler = "random"

    @property
    def wall_limit(self) -> float:
        """Seconds of wall time after which a cell is killed."""
        return self.seconds * WALL_FACTOR


@dataclass
class Ledger:
    """Clock of one cell: compute seconds since it was opened, and what each trial cost.

    A shared step counts with its recorded cost, whether this process computed it or found it.
    """

    budget: Budget
    shared: SharedSteps = field(default_factory=SharedSteps)
    started: float = field(default_factory=time.process_time)
    trial_seconds: list[float] = field(default_factory=list)
    bound: bool = False  # whether anything was ever told that the seconds are spent

    @property
    def own(self) -> float:
        """Compute seconds of this process, without the shared steps it computed."""
        return time.process_time() - self.started - self.shared.computed

    def exhausted(self) -> bool:
        """Whether the cell's seconds are spent; methods poll it as ``context.should_stop``."""
        self.bound = self.bound or self.own + self.shared.charged >= self.budget.seconds
        return self.bound
