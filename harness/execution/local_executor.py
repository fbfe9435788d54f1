"""The local executor: one process per cell, forked from a server that has already imported the heavy libraries.

Cells on a GPU run one after the other in a single process, since starting CUDA may take longer than a cell.
"""

import contextlib
import multiprocessing
import multiprocessing.util
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
from harness.execution.events import Event, Failed, Finished, Note, Started, TrialStarted
from harness.execution.worker import FORK_SERVER_FOLDER, SAFE_PATH, serve, work
from harness.protocol import STOP_FACTOR, THREADS
from harness.records.schema import FailureKind
from harness.storage import cache_entry

_EXIT_SECONDS = 5.0  # seconds that a process may take to exit after its final message
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
    start: float
    log: Path
    finished: bool = False
    serves: bool = False  # the process runs further tasks, on a GPU
    cpu_before: float = 0.0  # processor seconds of its process before the task

    @property
    def age(self) -> float:
        return time.monotonic() - self.start

    @property
    def deadline(self) -> float:
        return self.start + self.task.budget.wall_limit


class LocalExecutor:
    """Runs tasks on this machine.

    Args:
        workers: number of cells that run at the same time, with one thread each.
        memory: limit on the private memory of a cell, in bytes; None for no limit.
        preload: modules that the fork server imports once before it forks.
    """

    def __init__(self, workers: int, memory: int | None, preload: Iterable[str]) -> None:
        self.workers = workers
        self.memory = memory
        self._preload = sorted({"harness.execution.preload", *preload})

    def run(
        self, tasks: Iterable[tuple[Task, Path]], device_tasks: Iterable[tuple[Task, Path]] = ()
    ) -> Generator[Event, None, None]:
        """See `Executor.run`; at most one of the tasks on a GPU runs at a time."""
        context = process_context(self._preload)
        waiting, waiting_for_device = iter(tasks), iter(device_tasks)
        running: list[_Running] = []
        idle: _Running | None = None  # the process of the GPU, if it has no task
        ended: list[tuple[_Running, Event]] = []
        try:
            while True:
                while len(running) < self.workers:
                    on_device = None if any(r.serves for r in running) else next(waiting_for_device, None)
                    if on_device is not None:
                        running.append(self._start_on_device(idle, *on_device))
                        idle = None
                    elif (pair := next(waiting, None)) is not None:
                        running.append(self._start(context, *pair))
                    else:
                        break
                    yield Started(running[-1].task)
                # Ended processes are joined and reported only after their successors have started, so that no worker
                # is idle while the coordinator writes records.
                for cell, last in ended:
                    if not (cell.serves and cell.finished):
                        _stop_process(cell)
                    yield last
                if not running:
                    return
                timeout = max(0.0, min(r.deadline for r in running) - time.monotonic())
                ready = wait([r.connection for r in running], timeout)
                ended = []
                for cell in list(running):
                    event = self._receive(cell) if cell.connection in ready else None
                    if not isinstance(event, Finished | Failed):
                        event = self._check_wall_limit(cell) or event
                    if isinstance(event, Finished | Failed):
                        cell.finished = isinstance(event, Finished)
                        running.remove(cell)
                        ended.append((cell, event))
                        if cell.serves and cell.finished:
                            idle = cell
                    elif event is not None:
                        yield event
        finally:
            for cell in running:
                _stop_process(cell)
            if idle is not None:
                idle.connection.close()  # which ends the process
                _stop_process(idle)

    def _start_on_device(self, idle: _Running | None, task: Task, log: Path) -> _Running:
        """Gives a task to the process of the GPU, and starts that first if there is none.

        It is spawned, not forked: a library that was imported in the fork server may have asked for GPUs, and CUDA does
        not work in a process that was forked after that.
        """
        if idle is None:
            context = multiprocessing.get_context("spawn")
            connection, other = context.Pipe()
            arguments = task.device, self.memory, tuple(self._preload), other
            process: BaseProcess = context.Process(target=serve, args=arguments, daemon=True)
            start_process(process)
            other.close()
        else:
            process, connection = idle.process, idle.connection
        used = _cpu_usage(process)
        connection.send((task, str(log), cache_entry.verified()))
        spent = 0.0 if used is None else used.compute_seconds
        return _Running(task, process, connection, time.monotonic(), log, serves=True, cpu_before=spent)

    def _start(self, context: BaseContext, task: Task, log: Path) -> _Running:
        receiver, sender = context.Pipe(duplex=False)
        arguments = task, self.memory, str(log), sender, cache_entry.verified()
        process = context.Process(target=work, args=arguments, daemon=True)  # type: ignore[attr-defined]
        start_process(process)
        sender.close()  # only the worker holds it now, so its death is an end of file at our end
        return _Running(task, process, receiver, time.monotonic(), log)

    def _receive(self, cell: _Running) -> Event | None:
        """Reads one message; an end of file before the final message means that the process died."""
        try:
            message = cell.connection.recv()
        except (EOFError, OSError):
            cell.process.join(_EXIT_SECONDS)
            kind, reason = describe_exit(cell.process.exitcode, self.memory)
            return Failed(cell.task, kind, reason, _tail(cell.log), cell.age)
        if message[0] == "trial":
            return TrialStarted(cell.task, message[1])
        if message[0] == "note":
            return Note(cell.task, message[1])
        if message[0] == "done":
            outcome, wall_seconds, verified = message[1:]
            cache_entry.trust(verified)
            return Finished(cell.task, outcome, wall_seconds)
        if message[0] == "failed":
            kind, reason, detail, usage = message[1:]
            return Failed(cell.task, kind, reason, detail, cell.age, usage)
        return None

    def _check_wall_limit(self, cell: _Running) -> Event | None:
        budget = cell.task.budget
        if cell.age < budget.wall_limit:
            return None
        reason = f"still running after {budget.wall_limit:g} s, the wall limit of {budget.seconds:g} s of budget"
        return Failed(
            cell.task, "wall-limit", reason, _tail(cell.log), cell.age, _cpu_usage(cell.process, cell.cpu_before)
        )


def _cpu_usage(process: BaseProcess, before: float = 0.0) -> CellUsage | None:
    """Returns the processor seconds of a running process since it had used some; None if they cannot be read."""
    import psutil

    with contextlib.suppress(psutil.Error):
        times = psutil.Process(process.pid).cpu_times()
        return CellUsage(max(0.0, times.user + times.system - before))
    return None


def process_context(preload: Iterable[str]) -> BaseContext:
    """Returns the multiprocessing context of workers: a fork server with preloaded modules, or spawn.

    A plain fork is not used: the coordinator has threads (status file, progress), and a lock that one of them holds at
    the moment of the fork would stay locked in the child for ever. The fork server starts no threads.
    """
    if "forkserver" not in multiprocessing.get_all_start_methods():
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(preload))
    return context


def start_process(process: BaseProcess) -> None:
    """Starts a single-threaded process that does not import the main module of this process.

    `multiprocessing` imports the parent's main module in every child, unless its name ends in ``.__main__``. Workers do
    not need it (methods of a notebook or a script are sent pickled), and a script without ``if __name__ ==
    "__main__"`` would start its run again in every worker.
    """
    main = sys.modules["__main__"]
    spec, environment = main.__spec__, dict(os.environ)
    # multiprocessing takes the main module from its spec. The fork server starts with the first process, and passes its
    # environment, with the number of threads, on to all workers. Both are restored for this process right after. The
    # server is started by ``python -c``, which would import modules from the current folder first, whoever filled it.
    main.__spec__ = ModuleSpec("harness.__main__", None)
    folder = {FORK_SERVER_FOLDER: multiprocessing.util.get_temp_dir()}
    changed = {**SINGLE_THREADED, **folder, **({} if sys.flags.safe_path else SAFE_PATH)}
    os.environ.update(changed)
    try:
        process.start()
    finally:
        main.__spec__ = spec
        for name in changed:
            os.environ.pop(name)
        os.environ.update({name: environment[name] for name in changed if name in environment})


def describe_exit(code: int | None, memory: int | None) -> tuple[FailureKind, str]:
    """Explains how a process ended.

    Args:
        code: exit code; negative for the number of a signal.
        memory: memory limit of the process in bytes; None for no limit.
    """
    if code is None or code >= 0:
        return "died", f"the process ended with exit code {code}"
    if -code == signal.SIGXCPU:
        return "over-budget", f"one call used more than {STOP_FACTOR:g} times the compute seconds of the cell"
    name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
    hint = ", possibly out of memory" if memory is not None and -code in (signal.SIGKILL, signal.SIGABRT) else ""
    return "died", f"the process was killed by {name}{hint}"


def _tail(log: Path) -> str:
    with contextlib.suppress(OSError):
        return log.read_text(encoding="utf-8", errors="replace")[-4000:]
    return ""


def _stop_process(cell: _Running) -> None:
    """Waits for the process of a finished cell, kills that of any other, and frees its resources."""
    cell.process.join(_EXIT_SECONDS if cell.finished else 0)
    if cell.process.is_alive():
        cell.process.kill()
        cell.process.join()
    cell.connection.close()
    cell.process.close()
