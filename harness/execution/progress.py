"""Progress of a run: finished, failed and running cells by method, and the remaining time."""

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING

from harness.execution.cell import PrepareTask, Task
from harness.execution.events import Event, Failed, Finished, Note, Started, TrialStarted
from harness.execution.expected_time import NO_FORECAST, Forecast
from harness.execution.scheduler import FinishedElsewhere
from harness.execution.status import MethodProgress, RunningCell, RunProgress
from harness.safe_text import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

MOST_LINES = 100  # without a terminal, a run of up to this many cells prints a line for each
LINE_SECONDS = 2.0  # seconds between the lines of a longer run
_LEAST_LEFT = 0.1  # a running cell is expected to run on for at least this share of its time so far


def duration(seconds: float) -> str:
    """Formats a duration for people: 40 s, 12 min or 3.2 h."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 90 * 60 else f"{seconds / 3600:.1f} h"


@dataclass
class _MethodCells:
    """Counts of the cells of one method; ``done`` includes failed ones."""

    cells: int
    done: int = 0
    failed: int = 0
    seconds: float = 0.0  # wall seconds of the finished cells


@dataclass
class _Running:
    task: Task
    start: float
    trial: int = 0


class ProgressState:
    """The state of a run, updated by events; an update takes constant time, whatever the number of cells.

    Args:
        waiting: number of cells to run, by method.
        cached: number of cells that already have a record.
        workers: returns the number of cells that run at the same time, which changes on a cluster.
        expected: expected times of these cells.
    """

    def __init__(
        self, waiting: Mapping[str, int], cached: int, workers: Callable[[], int], expected: Forecast = NO_FORECAST
    ) -> None:
        self.groups = {name: _MethodCells(cells) for name, cells in waiting.items()}
        self.cached = cached
        self.running: dict[tuple[str, str | None], _Running] = {}
        self._workers = workers
        self._expected = expected
        self._shared_seconds = 0.0  # wall seconds of the finished preparations of shared steps

    @property
    def cells(self) -> int:
        """Number of cells that this run has to run itself."""
        return sum(group.cells for group in self.groups.values())

    @property
    def done(self) -> int:
        """Number of finished cells, failed ones included."""
        return sum(group.done for group in self.groups.values())

    @property
    def failed(self) -> int:
        """Number of failed cells."""
        return sum(group.failed for group in self.groups.values())

    def update(self, event: Started | TrialStarted | Finished | Failed | FinishedElsewhere) -> None:
        """Updates the counts by an event."""
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
            if isinstance(task, PrepareTask):
                self._shared_seconds += event.wall_seconds
                return
            group = self.groups[task.cell.method]
            group.done += 1
            group.failed += isinstance(event, Failed)
            group.seconds += event.wall_seconds

    def remaining(self) -> float | None:
        """Estimates the remaining seconds; None before any cell has finished if no time was expected.

        A cell is expected to take the mean time of its method's finished cells. If its method has none yet, it takes
        its expected time, in proportion to the times of the finished cells, or the mean of all finished cells. Time
        that running cells have already spent is subtracted; one that takes longer than expected runs on for a tenth
        of it.
        """
        mean = self._means()
        if not mean:
            return None
        work = sum(mean[name] * (group.cells - group.done) for name, group in self.groups.items())
        shared, now = max(0.0, self._expected.shared * self._pace() - self._shared_seconds), time.time()
        for cell in self.running.values():
            spent = now - cell.start
            if isinstance(cell.task, PrepareTask):
                shared = max(0.0, shared - spent)
            else:
                work -= min(spent, mean[cell.task.cell.method] - _LEAST_LEFT * spent)
        # The last cells do not use all workers: divide by as many as there are cells left.
        return max(0.0, work + shared) / max(1, min(self._workers(), self.cells - self.done))

    def _pace(self) -> float:
        """Returns the time of the finished cells as a multiple of their expected time; 1 before any has finished."""
        pairs = [
            (group.seconds, group.done * self._expected.cells[name])
            for name, group in self.groups.items()
            if group.done and name in self._expected.cells
        ]
        expected = sum(seconds for _, seconds in pairs)
        return sum(seconds for seconds, _ in pairs) / expected if expected else 1.0

    def _means(self) -> dict[str, float]:
        """Returns the expected seconds of a cell of each method; empty if nothing is known of any."""
        done, pace = self.done, self._pace()
        means = {name: group.seconds / group.done for name, group in self.groups.items() if group.done}
        for name in self.groups.keys() & self._expected.cells.keys() - means.keys():
            means[name] = pace * self._expected.cells[name]
        if done:
            typical = sum(group.seconds for group in self.groups.values()) / done
        elif means:
            typical = sum(means.values()) / len(means)
        else:
            return {}
        return {name: means.get(name, typical) for name in self.groups}

    def snapshot(self) -> RunProgress:
        """Returns the state in plain values."""
        return RunProgress(
            methods={n: MethodProgress(cells=g.cells, done=g.done, failed=g.failed) for n, g in self.groups.items()},
            cached=self.cached,
            running=[_running_cell(cell) for cell in self.running.values()],
            remaining=self.remaining(),
        )

    def summary(self) -> str:
        """Returns the numbers of failed and cached cells and the remaining time, as text."""
        seconds = self.remaining()
        ending = "" if seconds is None else f", about {duration(seconds)} left"
        return f"{self.failed} failed, {self.cached} cached{ending}"


def _running_cell(cell: _Running) -> RunningCell:
    task = cell.task
    return RunningCell(
        method=task.cell.method,
        scenario=task.cell.scenario,
        seed=task.cell.seed,
        part=task.part if isinstance(task, PrepareTask) else None,
        trial=cell.trial,
        trials=task.cell.trials,
        began=cell.start,
    )


class Progress:
    """Shows the state of a run: in a terminal bars by method and the running cells, elsewhere plain lines.

    In a terminal every failure is printed as a line too. Without one, a run of more than `MOST_LINES` cells prints at
    most one line every `LINE_SECONDS`; cells in between are in the counts, and failures are listed below the board.

    Args:
        console: output console.
        state: state to show and to update.
        silent: update the state without showing it.
    """

    def __init__(self, console: "Console", state: ProgressState, silent: bool = False) -> None:
        self._console = console
        self._silent = silent
        self._state = state
        self._lock = threading.Lock()  # the terminal display and the status file read the state in threads of their own
        self._start = time.time()
        self._printed = 0.0
        self._notes: set[str] = set()

    def __enter__(self) -> "Progress":
        from rich.live import Live

        # Without redirection: rich would interpret the escape sequences of everything that is printed meanwhile.
        self._live = Live(
            get_renderable=self._table,
            console=self._console,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        if self._console.is_terminal and not self._silent:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def snapshot(self) -> RunProgress:
        """Returns the state in plain values; may be called from any thread."""
        with self._lock:
            return self._state.snapshot()

    def on_event(self, event: Event | FinishedElsewhere) -> None:
        """Updates the state by an event and prints a line if one is due."""
        if isinstance(event, Note):
            if event.text not in self._notes:  # many cells may have the same one
                self._notes.add(event.text)
                self._print(event.text)
            return
        with self._lock:
            self._state.update(event)
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
                f"{len(state.running)} running, {state.summary()}"
            )

    def _due(self) -> bool:
        now = time.monotonic()
        state = self._state
        if state.cells > MOST_LINES and now - self._printed < LINE_SECONDS and state.done < state.cells:
            return False
        self._printed = now
        return True

    def _print(self, line: str) -> None:
        self._console.print(printable(line), markup=False, highlight=False, soft_wrap=True)

    def _table(self) -> "Table":
        """Returns the terminal display: a bar for all cells, then one per method followed by its running cells."""
        from rich.progress_bar import ProgressBar
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 1))

        def bar(name: str, done: int, cells: int, note: str, since: str) -> None:
            table.add_row(Text(name), ProgressBar(max(1, cells), done, width=24), f"{done}/{cells}", Text(note), since)

        with self._lock:
            state, now = self._state, time.time()
            bar("cells", state.done, state.cells, state.summary(), duration(now - self._start))
            for name, group in state.groups.items():
                bar(f"  {name}", group.done, group.cells, f"{group.failed} failed" if group.failed else "", "")
                for cell in (cell for cell in state.running.values() if cell.task.cell.method == name):
                    trial = f"trial {cell.trial} of {cell.task.cell.trials}" if cell.trial else "starting"
                    table.add_row(Text(f"    {cell.task.label}"), "", "", trial, duration(now - cell.start))
        return table
