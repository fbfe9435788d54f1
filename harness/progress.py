"""Live progress of a run: a bar in a terminal, plain lines elsewhere."""

import time
from types import TracebackType
from typing import TYPE_CHECKING

from harness.executor import Event, Failed, Finished, Started, TrialStarted

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID


class Progress:
    """Shows cells done, running, cached and failed, the current trials, time elapsed and remaining.

    Args:
        console: where to show it; a console that is no terminal gets a line per finished cell.
        waiting: how many cells will run.
        cached: how many cells have a record already.
    """

    def __init__(self, console: "Console", waiting: int, cached: int) -> None:
        self._console = console
        self._cells = waiting
        self._cached = cached
        self._began = time.monotonic()
        self._done = 0
        self._failed = 0
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> "Progress":
        from rich import progress as bars

        self._bars = bars.Progress(
            bars.TextColumn("{task.description}", markup=False),
            bars.BarColumn(bar_width=24),
            bars.MofNCompleteColumn(),
            bars.TextColumn("{task.fields[note]}", markup=False),
            bars.TimeElapsedColumn(),
            console=self._console,
            disable=not self._console.is_terminal,
            transient=True,
        )
        self._bars.start()
        self._total = self._bars.add_task("cells", total=self._cells, note="")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def on_event(self, event: Event) -> None:
        """Takes an event of the executor."""
        task = event.task
        if isinstance(event, Started):
            self._tasks[task.label] = self._bars.add_task(f"  {task.label}", total=task.budget.trials, note="starting")
        elif isinstance(event, TrialStarted):
            note = f"trial {event.number + 1} of {task.budget.trials}"
            self._bars.update(self._tasks[task.label], completed=event.number, note=note)
        else:
            self._bars.remove_task(self._tasks.pop(task.label))
            if task.part is None:
                self._finish(event)
            elif not self._console.is_terminal:
                self._say(f"shared step {task.label}: {event.wall_seconds:.1f} s")

    def _finish(self, event: Finished | Failed) -> None:
        self._done += 1
        self._failed += isinstance(event, Failed)
        note = f"{self._failed} failed, {self._cached} cached, about {self._remaining():.0f} s left"
        self._bars.update(self._total, completed=self._done, note=note)
        if isinstance(event, Failed):
            self._say(f"failed: {event.task.label}: {event.reason}")
        elif not self._console.is_terminal:
            self._say(
                f"[{self._done}/{self._cells}] {event.task.label}: {event.wall_seconds:.1f} s; "
                f"{len(self._tasks)} running, {note}"
            )

    def _say(self, line: str) -> None:
        self._bars.console.print(line, markup=False, highlight=False, soft_wrap=True)

    def _remaining(self) -> float:
        """Seconds left, from what cells have cost so far."""
        elapsed = time.monotonic() - self._began
        return elapsed / self._done * (self._cells - self._done)
