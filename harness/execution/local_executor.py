"""The local executor: one process per cell, forked from a server that has the heavy libraries loaded."""

import contextlib
import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Generator, Iterable
from dataclasses import dataclass
from importlib.machinery import ModuleSpec
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from pathlib import Path

from harness.execution.budget import CellUsage
from harness.execution.cell import Task
from harness.execution.events import Event, Failed, Finished, Started, TrialStarted
from harness.execution.worker import work
from harness.protocol import STOP_FACTOR, THREADS
from harness.records.schema import FailureKind

_LAST_WORDS = 5.0  # seconds a process may take to end after its final message
SINGLE_THREADED = {
    "OMP_NUM_THREADS": str(THREADS),
    "OPENBLAS_NUM_THREADS": str(THREADS),
    "MKL_NUM_THREADS": str(THREADS),
    "NUMEXPR_NUM_THREADS": str(THREADS),
    "RAYON_NUM_THREADS": str(THREADS),
    "TOKENIZERS_PARALLELISM": "false",
}


@dataclass
class _Running:
    task: Task
    process: BaseProcess
    connection: Connection
    began: float
    log: Path
    finished: bool = False

    @property
    def age(self) -> float:
        return time.monotonic() - self.began

    @property
    def deadline(self) -> float:
        return self.began + self.task.budget.wall_limit


class LocalExecutor:
    """Runs tasks on this machine.

    Args:
        workers: cells at a time, one thread each.
        memory: most bytes of private memory of a cell; None for no limit.
        preload: modules the server loads once before it forks.
    """

    def __init__(self, workers: int, memory: int | None, preload: Iterable[str]) -> None:
        self.workers = workers
        self.memory = memory
        self._preload = sorted({"harness.execution.preload", *preload})

    def run(self, tasks: Iterable[tuple[Task, Path]]) -> Generator[Event, None, None]:
        """See `Executor.run`."""
        context = processes(self._preload)
        waiting = iter(tasks)
        running: list[_Running] = []
        ended: list[tuple[_Running, Event]] = []
        try:
            while True:
                while len(running) < self.workers and (pair := next(waiting, None)) is not None:
                    running.append(self._start(context, *pair))
                    yield Started(running[-1].task)
                for cell, last in ended:  # the next cells are at work already
                    _end(cell)
                    yield last
                if not running:
                    return
                timeout = max(0.0, min(r.deadline for r in running) - time.monotonic())
                ready = wait([r.connection for r in running], timeout)
                ended = []
                for cell in list(running):
                    event = self._receive(cell) if cell.connection in ready else None
                    if not isinstance(event, Finished | Failed):
                        event = self._overdue(cell) or event
                    if isinstance(event, Finished | Failed):
                        cell.finished = isinstance(event, Finished)
                        running.remove(cell)
                        ended.append((cell, event))
                    elif event is not None:
                        yield event
        finally:
            for cell in running:
                _end(cell)

    def _start(self, context: BaseContext, task: Task, log: Path) -> _Running:
        receiver, sender = context.Pipe(duplex=False)
        process = context.Process(target=work, args=(task, self.memory, str(log), sender), daemon=True)  # type: ignore[attr-defined]
        start(process)
        sender.close()
        return _Running(task, process, receiver, time.monotonic(), log)

    def _receive(self, cell: _Running) -> Event | None:
        """Takes one message; an end of file without a final message means that the process died."""
        try:
            message = cell.connection.recv()
        except (EOFError, OSError):
            cell.process.join(_LAST_WORDS)
            kind, reason = death(cell.process.exitcode, self.memory)
            return Failed(cell.task, kind, reason, _tail(cell.log), cell.age)
        if message[0] == "trial":
            return TrialStarted(cell.task, message[1])
        if message[0] == "done":
            return Finished(cell.task, *message[1:])
        if message[0] == "failed":
            kind, reason, detail, spent = message[1:]
            return Failed(cell.task, kind, reason, detail, cell.age, spent)
        return None

    def _overdue(self, cell: _Running) -> Event | None:
        budget = cell.task.budget
        if cell.age < budget.wall_limit:
            return None
        reason = f"still running after {budget.wall_limit:g} s, the wall limit of {budget.seconds:g} s of budget"
        return Failed(cell.task, "wall-limit", reason, _tail(cell.log), cell.age, _used(cell.process))


def _used(process: BaseProcess) -> CellUsage | None:
    """Compute seconds of a process that still runs."""
    import psutil

    with contextlib.suppress(psutil.Error):
        times = psutil.Process(process.pid).cpu_times()
        return CellUsage(times.user + times.system)
    return None


def processes(preload: Iterable[str]) -> BaseContext:
    """Returns what starts processes of one thread: forked from a server that has loaded modules, where that works."""
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    return context


def start(process: BaseProcess) -> None:
    """Starts a process of one thread that does not import the main module of this one.

    A forked or spawned process imports its parent's main module, unless that is called ``….__main__``. A worker needs
    none of it (methods of a notebook or a script are sent pickled), and a script without ``if __name__ ==
    "__main__"`` would start its run again.
    """
    main = sys.modules["__main__"]
    spec, environment = main.__spec__, dict(os.environ)
    main.__spec__ = ModuleSpec("harness.__main__", None)
    os.environ.update(SINGLE_THREADED)
    try:
        process.start()
    finally:
        main.__spec__ = spec
        for name in SINGLE_THREADED:
            os.environ.pop(name)
        os.environ.update({name: environment[name] for name in SINGLE_THREADED if name in environment})


def death(code: int | None, memory: int | None) -> tuple[FailureKind, str]:
    """Returns what ended a process, by its exit code, and under which limit of memory, if any."""
    if code is None or code >= 0:
        return "died", f"the process ended by itself with exit code {code}"
    if -code == signal.SIGXCPU:
        return "over-budget", f"one call ran on past {STOP_FACTOR:g} times the compute seconds of the cell"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    hint = ", perhaps out of memory" if memory is not None and -code in (signal.SIGKILL, signal.SIGABRT) else ""
    return "died", f"the process was ended by {name}{hint}"


def _tail(log: Path) -> str:
    with contextlib.suppress(OSError):
        return log.read_text(encoding="utf-8", errors="replace")[-4000:]
    return ""


def _end(cell: _Running) -> None:
    """Leaves nothing of a cell's process behind."""
    cell.process.join(_LAST_WORDS if cell.finished else 0)
    if cell.process.is_alive():
        cell.process.kill()
        cell.process.join()
    cell.connection.close()
    cell.process.close()
