"""What an executor tells of its tasks, and what every executor does."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.execution.budget import CellUsage
from harness.execution.cell import Outcome, Task
from harness.records.schema import FailureKind, Provenance


@dataclass(frozen=True)
class Started:
    """A worker took the cell."""

    task: Task


@dataclass(frozen=True)
class TrialStarted:
    """A running cell began a trial."""

    task: Task
    number: int


@dataclass(frozen=True)
class Finished:
    """A cell has its outcome; ``where`` tells of the machine that ran it, where that is not this one."""

    task: Task
    outcome: Outcome
    wall_seconds: float
    where: Provenance | None = None


@dataclass(frozen=True)
class Failed:
    """A cell ended without an outcome; ``spent`` is None where its process died; ``where`` as in `Finished`."""

    task: Task
    kind: FailureKind
    reason: str
    detail: str
    wall_seconds: float
    spent: CellUsage | None = None
    where: Provenance | None = None


Event = Started | TrialStarted | Finished | Failed


class Executor(Protocol):
    """Runs tasks somewhere and says what happens to them."""

    @property
    def workers(self) -> int:
        """Cells at a time."""
        ...

    def run(self, tasks: Iterable[tuple[Task, Path]]) -> Generator[Event, None, None]:
        """Runs (task, log file) pairs, taken one by one as there is room, and yields what happens, as it happens.

        Closing the generator ends what is running.
        """
        ...
