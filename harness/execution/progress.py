"""Progress of a run: what is done, failed and under way, by method, and how long the rest takes."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from harness.execution.cell import PrepareTask, Task
from harness.execution.events import Event, Failed, Finished, Started, TrialStarted
from harness.execution.scheduler import FinishedElsewhere
from harness.execution.status import MethodProgress, RunningCell, RunProgress
from harness.safe_text import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

FEW = 100  # cells up to which each gets a line where there is no terminal
EVERY = 2.0  # seconds between lines of a longer run


def duration(seconds: float) -> str:
    """Returns a length of time as a person says it, such as 40 s, 12 min or 3.2 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


@dataclass
class _Group:
    """The cells of one method; failed ones are done as well."""

    cells: int
    done: int = 0
    failed: int = 0
    seconds: float = 0.0  # wall seconds of those done


@dataclass
class _Running:
    task: Task
    began: float
    trial: int = 0


class ProgressState:
    """What has happened so far, told by events; each costs the same however many cells there are.

    Args:
        waiting: how many cells will run, by method.
        cached: how many cells have a record already.
        workers: returns how many cells run at a time, which on a cluster changes.
    """

    def __init__(self, waiting: Mapping[str, int], cached: int, workers: Callable[[], int]) -> None:
        self.groups = {name: _Group(cells) for name, cells in waiting.items()}
        self.cached = cached
        self.running: dict[tuple[str, str | None], _Running] = {}
        self._workers = workers

    @property
    def cells(self) -> int:
        """How many cells are this run's own to do."""
        return sum(group.cells for group in self.groups.values())

    @property
    def done(self) -> int:
        """How many of them have ended, failed ones included."""
        return sum(group.done for group in self.groups.values())

    @property
    def failed(self) -> int:
        """How many of them failed."""
        return sum(group.failed for group in self.groups.values())

    def take(self, event: Event | FinishedElsewhere) -> None:
        """Takes what happened."""
        task = event.task
        place = (task.key, task.part if isinstance(task, PrepareTask) else None)
        if isinstance(event, Started):
            self.running[place] = _Running(task, time.time())
        elif isinstance(event, TrialStarted):
            self.running.setdefault(place, _Running(task, time.time())).trial = event.number + 1
        elif isinstance(event, FinishedElsewhere):
            self.groups[task.cell.method].cells -= 1
            self.cached += 1
        else:
            self.running.pop(place, None)
            if not isinstance(task, PrepareTask):
                group = self.groups[task.cell.method]
                group.done += 1
                group.failed += isinstance(event, Failed)
                group.seconds += event.wall_seconds

    def remaining(self) -> float | None:
        """Seconds left; None before any cell has ended.

        A cell is taken to last as long as those of its method did on average, or as all did while none of its method
        has ended; what running cells have lasted so far counts.
        """
        done = self.done
        if not done:
            return None
        overall = sum(group.seconds for group in self.groups.values()) / done
        mean = {name: group.seconds / group.done if group.done else overall for name, group in self.groups.items()}
        left = sum(mean[name] * (group.cells - group.done) for name, group in self.groups.items())
        now = time.time()
        for cell in self.running.values():
            if not isinstance(cell.task, PrepareTask):
                left -= min(now - cell.began, mean[cell.task.cell.method])
        return max(0.0, left) / max(1, min(self._workers(), self.cells - done))

    def standing(self) -> RunProgress:
        """Returns all of it in plain values."""
        return RunProgress(
            methods={n: MethodProgress(cells=g.cells, done=g.done, failed=g.failed) for n, g in self.groups.items()},
            cached=self.cached,
            running=[_plain(cell) for cell in self.running.values()],
            remaining=self.remaining(),
        )

    def note(self) -> str:
        """Returns what a line says beside the counts."""
        left = self.remaining()
        ending = "" if left is None else f", about {duration(left)} left"
        return f"{self.failed} failed, {self.cached} cached{ending}"


def _plain(cell: _Running) -> RunningCell:
    task = cell.task
    return RunningCell(
        method=task.cell.method,
        scenario=task.cell.scenario,
        seed=task.cell.seed,
        part=task.part if isinstance(task, PrepareTask) else None,
        trial=cell.trial,
        trials=task.cell.trials,
        began=cell.began,
    )


class Progress:
    """Shows a run's state: bars by method and the cells under way in a terminal, plain lines elsewhere.

    Every failure is a line in both. Of more than `FEW` cells there is a line every `EVERY` seconds at most; what it
    passes over is in the counts, and failures stand below the board.

    Args:
        console: where to show it.
        state: what to show; this keeps it up to date.
        silent: whether to keep it up to date without showing it.
    """

    def __init__(self, console: "Console", state: ProgressState, silent: bool = False) -> None:
        self._console = console
        self._silent = silent
        self._state = state
        self._lock = threading.Lock()  # the terminal and the status file are drawn from threads of their own
        self._began = time.time()
        self._printed = 0.0

    def __enter__(self) -> "Progress":
        from rich.live import Live

        self._live = Live(get_renderable=self._table, console=self._console, transient=True)
        if self._console.is_terminal and not self._silent:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def standing(self) -> RunProgress:
        """Returns where the run stands; any thread may ask."""
        with self._lock:
            return self._state.standing()

    def on_event(self, event: Event | FinishedElsewhere) -> None:
        """Takes an event."""
        with self._lock:
            self._state.take(event)
        if isinstance(event, Finished | Failed):
            self._log(event)

    def _log(self, event: Finished | Failed) -> None:
        task, state = event.task, self._state
        failed = isinstance(event, Failed) and not isinstance(task, PrepareTask)
        if self._silent or (self._console.is_terminal and not failed) or not self._due():
            return
        if isinstance(event, Failed) and failed:
            self._print(f"failed: {task.label}: {event.reason}")
        elif isinstance(task, PrepareTask):
            self._print(f"shared step {task.label}: {event.wall_seconds:.1f} s")
        else:
            self._print(
                f"[{state.done}/{state.cells}] {task.label}: {event.wall_seconds:.1f} s; "
                f"{len(state.running)} running, {state.note()}"
            )

    def _due(self) -> bool:
        now = time.monotonic()
        if self._state.cells > FEW and now - self._printed < EVERY and self._state.done < self._state.cells:
            return False
        self._printed = now
        return True

    def _print(self, line: str) -> None:
        self._console.print(printable(line), markup=False, highlight=False, soft_wrap=True)

    def _table(self) -> "Table":
        """The terminal's picture: all cells, then each method with the cells of it that are under way."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 1))

        def bar(name: str, done: int, cells: int, note: str, since: str) -> None:
            table.add_row(Text(name), ProgressBar(max(1, cells), done, width=24), f"{done}/{cells}", Text(note), since)

        with self._lock:
            state, now = self._state, time.time()
            bar("cells", state.done, state.cells, state.note(), duration(now - self._began))
            for name, group in state.groups.items():
                bar(f"  {name}", group.done, group.cells, f"{group.failed} failed" if group.failed else "", "")
                for cell in (cell for cell in state.running.values() if cell.task.cell.method == name):
                    trial = f"trial {cell.trial} of {cell.task.cell.trials}" if cell.trial else "starting"
                    table.add_row(Text(f"    {cell.task.label}"), "", "", trial, duration(now - cell.began))
        return table
