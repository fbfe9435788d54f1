"""The events of running tasks, and the interface of executors."""

from collections.abc import Generator, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from harness.execution.budget import CellUsage
from harness.execution.cell import Outcome, Task
from harness.records.schema import FailureKind, Provenance


@dataclass(frozen=True)
class Started:
    """A worker started the task."""

    task: Task


@dataclass(frozen=True)
class TrialStarted:
    """A running cell started a trial; ``number`` counts from 0."""

    task: Task
    number: int


@dataclass(frozen=True)
class Finished:
    """A task ended with an outcome; ``where`` describes the machine that ran it if it is not this one."""

    task: Task
    outcome: Outcome
    wall_seconds: float
    where: Provenance | None = None


@dataclass(frozen=True)
class Failed:
    """A task ended without an outcome; ``usage`` is None if its process died; ``where`` as in `Finished`."""

    task: Task
    kind: FailureKind
    reason: str
    detail: str
    wall_seconds: float
    usage: CellUsage | None = None
    where: Provenance | None = None


@dataclass(frozen=True)
class Note:
    """A task has something to tell the user, in one sentence; for example that it could not use the cache."""

    task: Task
    text: str


Event = Started | TrialStarted | Finished | Failed | Note


class Executor(Protocol):
    """Runs tasks on this machine or on others, and reports their events."""

    @property
    def workers(self) -> int:
        """Number of tasks that run at the same time."""
        ...

    def run(
        self, tasks: Iterable[tuple[Task, Path]], device_tasks: Iterable[tuple[Task, Path]] = ()
    ) -> Generator[Event, None, None]:
        """Runs tasks and yields their events as they happen.

        Args:
            tasks: pairs of a task and its log file; the next pair is requested only when a worker is free.
            device_tasks: the same for tasks on a GPU, which run beside the others.

        Closing the generator kills the running tasks.
        """
        ...
