"""The status of runs, for other terminals: each run keeps a small status file in its results folder while it runs."""

import contextlib
import functools
import os
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal

from pydantic import Field

from harness.errors import UserError
from harness.records.fields import Amount, Count, StrictModel, Text
from harness.records.provenance import host
from harness.records.store import content, read
from harness.storage import bounded, safe_json
from harness.storage.atomic_write import atomic_write

WRITE_SECONDS = 1.0  # minimum seconds between two writes of a status file
HEARTBEAT = 10.0  # seconds after which a status file is rewritten even without a change
SILENT = 60.0  # seconds without a write after which a run on another host counts as silent
_PREFIX = ".status-"
_MAX_BYTES = 16 * 2**20  # of a status file
_START_TOLERANCE = 2.0  # seconds by which two readings of a process's start time may differ


class RunningCell(StrictModel):
    """A running cell, or the running preparation of a shared step for one part of the scenario."""

    method: Text
    scenario: Text
    seed: Count
    part: Text | None
    trial: Count = Field(description="from 1; 0 before the first")
    trials: Count
    began: Amount = Field(description="seconds since 1970")


class MethodProgress(StrictModel):
    """Counts of the cells of one method that a run has to run itself; ``done`` includes failed ones."""

    cells: Count
    done: Count
    failed: Count


class RunProgress(StrictModel):
    """The progress of a run.

    ``cached`` counts the cells whose records come from other runs, earlier or simultaneous ones.
    """

    methods: dict[Text, MethodProgress]
    cached: Count
    running: list[RunningCell]
    remaining: Amount | None = Field(description="seconds left; None before any cell has ended")


State = Literal["running", "silent", "dead"]


class RunStatus(StrictModel):
    """The content of one run's status file."""

    pid: Count
    born: Amount = Field(description="start time of the process; tells it from a later process with the same pid")
    host: Text
    command: Text
    written: Amount
    standing: RunProgress

    def state(self, now: float) -> State:
        """Returns whether the run is alive.

        A process on this host is looked up. For one on another host only the time of its last write is known.
        """
        if self.host != host():
            return "running" if now - self.written < SILENT else "silent"
        start = _start_time(self.pid)
        return "dead" if start is None or abs(start - self.born) > _START_TOLERANCE else "running"


def _start_time(pid: int) -> float | None:
    """Returns the start time of a process in seconds since 1970, or None if it does not exist or is a zombie."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.NoSuchProcess:
        return None


def _path(root: Path) -> Path:
    return root / f"{_PREFIX}{host()}-{os.getpid()}.json"


@contextlib.contextmanager
def publish_status(root: Path, command: str, get_progress: Callable[[], RunProgress]) -> Iterator[None]:
    """Keeps the status file of this run up to date until the block ends, then deletes it.

    The file is replaced as a whole, at most once per `WRITE_SECONDS`.

    Args:
        root: the results folder; it must exist.
        command: the command line.
        get_progress: returns the progress of the run; called from another thread.
    """
    pid = os.getpid()
    make = functools.partial(RunStatus, pid=pid, born=_start_time(pid) or 0.0, host=host(), command=command)
    path = _path(root)
    stop = threading.Event()

    def write_periodically() -> None:
        previous, written = None, 0.0
        while True:
            progress, now = get_progress(), time.time()
            current = progress.model_copy(update={"remaining": None})  # the estimate alone is no reason to write
            if current != previous or now - written >= HEARTBEAT:
                _write(path, make(standing=progress, written=now))
                previous, written = current, now
            if stop.wait(WRITE_SECONDS):
                return

    writer = threading.Thread(target=write_periodically, name="status", daemon=True)
    writer.start()
    try:
        yield
    finally:
        stop.set()
        writer.join()
        path.unlink(missing_ok=True)


def _write(path: Path, status: RunStatus) -> None:
    with contextlib.suppress(OSError), atomic_write(path) as file:  # the record store reports a full disk
        file.write_text(status.model_dump_json(), encoding="utf-8")


def sweep(root: Path) -> None:
    """Deletes the status files of other runs, which must be dead: call it only in a run that is alone in the folder."""
    own = _path(root).stem
    for path in root.glob(f"{_PREFIX}*"):
        if path.stem != own:
            path.unlink(missing_ok=True)


def runs(root: Path) -> tuple[list[RunStatus], list[str]]:
    """Returns the status of every run in a results folder, the oldest run first, and why a file cannot be read."""
    statuses, unreadable = list[RunStatus](), list[str]()
    for path in root.glob(f"{_PREFIX}*.json"):
        try:
            statuses.append(RunStatus.model_validate(safe_json.loads(bounded.read(path, _MAX_BYTES))))
        except FileNotFoundError:
            continue  # the run has just ended
        except OSError as error:
            unreadable.append(f"{path} cannot be read ({error.strerror}).")
        except ValueError:
            unreadable.append(f"{path} is not a status file of this version; delete it if no such run is alive.")
    return sorted(statuses, key=lambda status: (status.born, status.pid)), sorted(unreadable)


_METHOD = re.compile(rb'"method":\s*"([a-z0-9-]+)"')
_STATE = re.compile(rb'"status":\s*"([a-z-]+)"\s*}\s*$')


def states(root: Path) -> tuple[dict[str, Counter[str]], dict[str, str]]:
    """Counts the records of a results folder by method and status.

    Also returns why a file cannot be read, by its path relative to the folder.

    Both are searched in the text of a file, where `Store.put` writes them: this counts 10,000 records in a third of a
    second, whereas parsing them takes twenty seconds. Files that were written differently are parsed.
    """
    counts: dict[str, Counter[str]] = {}
    unreadable: dict[str, str] = {}
    for path in sorted(root.glob("*/*/*.json")):
        try:
            name, status = _method_and_state(path)
        except UserError as error:
            unreadable[path.relative_to(root).as_posix()] = str(error)
            continue
        counts.setdefault(name, Counter())[status] += 1
    return dict(sorted(counts.items())), unreadable


def _method_and_state(path: Path) -> tuple[str, str]:
    text = content(path)
    method, state = _METHOD.search(text), _STATE.search(text, max(0, len(text) - 64))
    if method and state:
        return method[1].decode(), state[1].decode()
    record = read(path)
    return record.cell.method, record.status
