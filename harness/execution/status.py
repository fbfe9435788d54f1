"""What the runs on a results folder are doing, for another terminal: each keeps one small file there while it lives."""

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

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from harness.errors import UserError
from harness.records.provenance import host
from harness.records.store import read
from harness.storage.atomic_write import atomic_write

EVERY = 1.0  # seconds between two writes, at least
HEARTBEAT = 10.0  # seconds after which a file is written anew though nothing happened
SILENT = 60.0  # seconds without a write after which a run on another host is taken for dead
_PREFIX = ".status-"
_SAME = 2.0  # seconds by which two looks at when a process began may differ


class _Plain(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class RunningCell(_Plain):
    """A cell under way, or the shared step of one part of it."""

    method: str
    scenario: str
    seed: int
    part: str | None
    trial: int = Field(description="from 1; 0 before the first")
    trials: int
    began: float = Field(description="seconds since 1970")


class MethodProgress(_Plain):
    """The cells of one method that are a run's own to do; ``done`` counts failed ones as well."""

    cells: int
    done: int
    failed: int


class RunProgress(_Plain):
    """Where a run stands.

    ``cached`` counts the cells whose records others made, before the run or beside it.
    """

    methods: dict[str, MethodProgress]
    cached: int
    running: list[RunningCell]
    remaining: float | None = Field(description="seconds left; None before any cell has ended")


State = Literal["running", "silent", "dead"]


class RunStatus(_Plain):
    """One run's file."""

    pid: int
    born: float = Field(description="when the process began: another one may get its number later")
    host: str
    command: str
    written: float
    standing: RunProgress

    def state(self, now: float) -> State:
        """Returns whether the run lives; of one on another host only how long ago it wrote can tell."""
        if self.host != host():
            return "running" if now - self.written < SILENT else "silent"
        born = _born(self.pid)
        return "dead" if born is None or abs(born - self.born) > _SAME else "running"


def _born(pid: int) -> float | None:
    """When a living process began, in seconds since 1970; None where there is none."""
    import psutil

    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else float(process.create_time())
    except psutil.NoSuchProcess:
        return None


def _path(root: Path) -> Path:
    return root / f"{_PREFIX}{host()}-{os.getpid()}.json"


@contextlib.contextmanager
def published(root: Path, command: str, look: Callable[[], RunProgress]) -> Iterator[None]:
    """Keeps this run's file in a results folder until the end: whole at any moment, written once a second at most.

    Args:
        root: the folder, which exists.
        command: what was typed.
        look: returns where the run stands; called from a thread.
    """
    pid = os.getpid()
    make = functools.partial(RunStatus, pid=pid, born=_born(pid) or 0.0, host=host(), command=command)
    path = _path(root)
    ended = threading.Event()

    def keep() -> None:
        told, written = None, 0.0
        while True:
            standing, now = look(), time.time()
            news = standing.model_copy(update={"remaining": None})
            if news != told or now - written >= HEARTBEAT:
                _write(path, make(standing=standing, written=now))
                told, written = news, now
            if ended.wait(EVERY):
                return

    keeper = threading.Thread(target=keep, name="status", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()
        path.unlink(missing_ok=True)


def _write(path: Path, status: RunStatus) -> None:
    with contextlib.suppress(OSError), atomic_write(path) as file:  # the record store reports a full disk
        file.write_text(status.model_dump_json(), encoding="utf-8")


def sweep(root: Path) -> None:
    """Drops what other runs left, which are dead; only for a run that is alone in the folder."""
    own = _path(root).stem
    for path in root.glob(f"{_PREFIX}*"):
        if path.stem != own:
            path.unlink(missing_ok=True)


def runs(root: Path) -> list[RunStatus]:
    """Returns the files of all runs on a folder, the longest-lived first.

    Raises:
        UserError: one cannot be read, or another version of the harness wrote it.
    """
    found = []
    for path in root.glob(f"{_PREFIX}*.json"):
        try:
            found.append(RunStatus.model_validate_json(path.read_bytes()))
        except FileNotFoundError:
            continue  # the run has just ended
        except OSError as error:
            raise UserError(f"{path} cannot be read ({error.strerror}).") from error
        except ValidationError as error:
            raise UserError(f"{path} is no status of a run of this version; remove it if no such run lives.") from error
    return sorted(found, key=lambda status: (status.born, status.pid))


_METHOD = re.compile(rb'"method":\s*"([a-z0-9-]+)"')
_STATE = re.compile(rb'"status":\s*"([a-z-]+)"\s*}\s*$')


def states(root: Path) -> dict[str, Counter[str]]:
    """Returns how many records there are, by method and state.

    It takes both from a file's text, where `Store.put` writes them: 10,000 records are counted in a third of a second,
    and read whole in twenty.

    Raises:
        UserError: a file is no whole record.
    """
    found: dict[str, Counter[str]] = {}
    for path in sorted(root.glob("*/*/*.json")):
        text = path.read_bytes()
        method, state = _METHOD.search(text), _STATE.search(text, max(0, len(text) - 64))
        if method and state:
            name, ending = method[1].decode(), state[1].decode()
        else:
            record = read(path)
            name, ending = record.cell.method, record.status
        found.setdefault(name, Counter())[ending] += 1
    return dict(sorted(found.items()))
