"""The process of one cell, or of all cells on a GPU: sets its limits, runs cells and sends messages to the executor."""

import ctypes
import importlib
import io
import logging
import os
import signal
import sys
import time
import traceback
from collections.abc import Mapping
from multiprocessing.connection import Connection
from pathlib import Path

from harness.errors import UserError, format_error
from harness.execution.budget import Ledger
from harness.execution.cell import Task
from harness.execution.devices import forget_tasks, is_device_memory, is_out_of_memory, start_device
from harness.execution.run_cell import run_cell
from harness.execution.tuning import CellFailure
from harness.records.schema import FailureKind
from harness.storage import cache_entry

SAFE_PATH = {"PYTHONSAFEPATH": "harness"}  # keeps the current folder off the import path; any value does
FORK_SERVER_FOLDER = "HARNESS_FORK_SERVER_FOLDER"  # environment variable with the temporary folder of the fork server
_PR_SET_PDEATHSIG = 1


def work(
    task: Task, memory: int | None, log: str, connection: Connection, verified: Mapping[str, cache_entry.EntryState]
) -> None:
    """Runs a task and sends messages about it; never returns, but exits the process.

    Messages are ("trial", number), ("report", step, score) and ("note", text), then one of ("done", outcome, wall
    seconds, verified cache entries) and ("failed", kind, reason, detail, usage).

    Args:
        task: the task to run.
        memory: limit on private memory, in bytes beyond what the process holds at its start; None for no limit.
        log: file that receives standard output and standard error.
        connection: sends the messages to the executor.
        verified: cache entries that the executor's process has verified.
    """
    end_with_parent()
    restore_environment()
    redirect_output(Path(log))
    logging.getLogger("harness").addHandler(_NoteSender(connection))
    if memory is not None:
        limit_memory(memory)
    _run(task, memory, connection, verified)
    connection.close()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # a normal exit would wait for threads of the method and run its atexit handlers


def serve(device: str, memory: int | None, preload: tuple[str, ...], connection: Connection) -> None:
    """Runs the tasks that it receives one after the other, on a device; never returns, but exits the process.

    Messages are those of `work`. After a failure the executor replaces the process, since the device may be in a state
    in which nothing runs on it any more.

    Args:
        device: the device, which is started with the first task.
        memory: see `work`; counted once the device has started, which takes much memory itself.
        preload: modules to import before the first task.
        connection: receives pairs of a task, its log file and verified cache entries; ends the process when closed.
    """
    end_with_parent()
    restore_environment()
    os.environ.pop(FORK_SERVER_FOLDER, None)  # it is the fork server's to delete
    logging.getLogger("harness").addHandler(_NoteSender(connection))
    is_ready = False
    while True:
        try:
            task, log, verified = connection.recv()
        except EOFError:
            os._exit(0)
        redirect_output(Path(log))
        if not is_ready:
            for module in preload:
                importlib.import_module(module)
            start_device(device)
            if memory is not None:
                limit_memory(memory)
            is_ready = True
        forget_tasks(device, task.cell.seed)
        _run(task, memory, connection, verified)


def _run(
    task: Task, memory: int | None, connection: Connection, verified: Mapping[str, cache_entry.EntryState]
) -> None:
    """Runs a task in this process, and sends the messages that `work` describes."""
    cache_entry.trust(verified)
    start = time.perf_counter()
    ledger = Ledger(task.budget, device=task.device)

    def fail(kind: FailureKind, reason: str, detail: str) -> None:
        connection.send(("failed", kind, " ".join(reason.split())[:500], detail[-8000:], ledger.usage()))

    try:
        outcome = run_cell(
            task,
            ledger,
            lambda number: connection.send(("trial", number)),
            lambda step, score: connection.send(("report", step, score)),
        )
    except CellFailure as failure:
        fail(failure.kind, str(failure), failure.detail)
    except UserError as error:
        fail("exception", str(error), "")
    except Exception as error:
        if is_out_of_memory(error):
            fail("memory", _memory_reason(error, memory, task.device), traceback.format_exc())
        else:
            fail("exception", format_error(error), traceback.format_exc())
    else:
        connection.send(("done", outcome, time.perf_counter() - start, cache_entry.verified()))


class _NoteSender(logging.Handler):
    """Sends what the harness logs to the executor, since the standard error of a worker is a file."""

    def __init__(self, connection: Connection) -> None:
        super().__init__(logging.WARNING)
        self._connection = connection

    def emit(self, record: logging.LogRecord) -> None:
        self._connection.send(("note", record.getMessage()))


def _memory_reason(error: Exception, memory: int | None, device: str) -> str:
    if is_device_memory(error):
        return f"out of memory on the device {device}: {str(error).partition('. ')[0]}"
    limit = "" if memory is None else f" of {memory / 2**30:.1f} GB per worker (--memory)"
    return f"out of memory: the cell needs more than the limit{limit}"


def end_with_parent() -> None:
    """Makes Linux kill this process when its parent dies, so that a killed run leaves no workers (prctl(2), PDEATHSIG).

    The parent of a worker is the fork server, not the coordinator. The fork server exits when the last writing end of
    its "alive" pipe is closed. Workers inherit a copy of that end, which would keep the server alive as long as any
    worker runs; so each worker closes its copy. Then the chain works even if the coordinator is killed by SIGKILL: the
    kernel closes its end, the server exits, and the kernel kills the workers.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    server = sys.modules.get("multiprocessing.forkserver")
    if server is not None and server._forkserver._forkserver_alive_fd is not None:
        os.close(server._forkserver._forkserver_alive_fd)
        server._forkserver._forkserver_alive_fd = None
    for number in (signal.SIGINT, signal.SIGHUP):  # Ctrl-C and a closed terminal are the coordinator's to handle
        signal.signal(number, signal.SIG_IGN)


def restore_environment() -> None:
    """Removes `SAFE_PATH` from the environment, so that programs that a method starts import as they do elsewhere."""
    for name, value in SAFE_PATH.items():
        if os.environ.get(name) == value:
            del os.environ[name]


def redirect_output(log: Path) -> None:
    """Redirects standard output and standard error of this process to a file, appending to it.

    If the file cannot be opened, for example because the disk is full, the output is dropped: it is not worth a cell.
    """
    try:
        target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    except OSError:
        target = os.open(os.devnull, os.O_WRONLY)
    os.dup2(target, 1)  # at the level of file descriptors, so that native libraries and child processes are included
    os.dup2(target, 2)
    os.close(target)
    for stream in (sys.stdout, sys.stderr):  # a log can hold every character, whatever the terminal of the run can show
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def limit_memory(memory: int) -> None:
    """Limits the private memory of this process.

    RLIMIT_DATA counts private writable memory, heap and anonymous mappings. It leaves out mapped files, such as the
    corpus, which RLIMIT_AS would count against the method.

    Args:
        memory: bytes beyond what the process holds now, so that libraries loaded before the fork are not counted.
    """
    import resource

    import psutil

    used = psutil.Process().memory_info().data if sys.platform == "linux" else 0
    resource.setrlimit(resource.RLIMIT_DATA, (used + memory, used + memory))
