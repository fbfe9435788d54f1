"""The process of one cell: it limits itself, runs the cell and sends home what happened."""

import ctypes
import os
import signal
import sys
import time
import traceback
from multiprocessing.connection import Connection
from pathlib import Path

from harness.errors import UserError, format_error
from harness.execution.budget import Ledger
from harness.execution.cell import Task
from harness.execution.run_cell import run_cell
from harness.execution.tuning import CellFailure
from harness.records.schema import FailureKind

_PR_SET_PDEATHSIG = 1


def work(task: Task, memory: int | None, log: str, connection: Connection) -> None:
    """Runs a task and sends ("trial", n), ("report", step, score), then ("done", ...) or ("failed", kind, ..., spent).

    Args:
        task: the cell.
        memory: most bytes of private memory beyond what the process starts with; None for no limit.
        log: file that takes what the method prints.
        connection: the way home.
    """
    end_with_parent()
    redirect_output(Path(log))
    if memory is not None:
        limit_memory(memory)
    began = time.perf_counter()
    ledger = Ledger(task.budget)

    def fail(kind: FailureKind, reason: str, detail: str) -> None:
        connection.send(("failed", kind, " ".join(reason.split())[:500], detail[-8000:], ledger.bill()))

    try:
        outcome = run_cell(
            task,
            ledger,
            lambda number: connection.send(("trial", number)),
            lambda step, score: connection.send(("report", step, score)),
        )
    except MemoryError:
        fail("memory", _memory_reason(memory), traceback.format_exc())
    except CellFailure as failure:
        fail(failure.kind, str(failure), failure.detail)
    except UserError as error:
        fail("exception", str(error), "")
    except Exception as error:
        fail("exception", format_error(error), traceback.format_exc())
    else:
        connection.send(("done", outcome, time.perf_counter() - began))
    connection.close()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0)  # nothing of the method's (threads, atexit handlers) may outlive the cell


def _memory_reason(memory: int | None) -> str:
    limit = "" if memory is None else f" of {memory / 2**30:.1f} GB per worker (--memory)"
    return f"out of memory: the cell needs more than the limit{limit}"


def end_with_parent() -> None:
    """Asks Linux to kill this process when its parent dies, so that a killed run leaves no worker behind.

    The parent is the server that forks. It ends when nobody holds the writing end of a pipe of its own any more, and
    hands that end to every worker: without our copy it ends with the coordinator, whatever the worker is at.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    server = sys.modules.get("multiprocessing.forkserver")
    if server is not None and server._forkserver._forkserver_alive_fd is not None:
        os.close(server._forkserver._forkserver_alive_fd)
        server._forkserver._forkserver_alive_fd = None
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the coordinator's to handle


def redirect_output(log: Path) -> None:
    """Sends what this process prints from now on to the end of a file."""
    target = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    os.dup2(target, 1)
    os.dup2(target, 2)
    os.close(target)


def limit_memory(memory: int) -> None:
    """Bounds the private memory of this process, in bytes beyond what it holds now."""
    import resource

    import psutil

    used = psutil.Process().memory_info().data if sys.platform == "linux" else 0
    resource.setrlimit(resource.RLIMIT_DATA, (used + memory, used + memory))
