"""Cache of computation steps that several cells share, such as embeddings or a frozen trunk's activations.

A step is computed once, and its full cost is charged to every cell that uses it. The cache key is the step's name and
the hash of its input, so a cell can only read results for data that it already has. The first cell computes the step
under a file lock while the others wait. Entries are verified when they are read (`harness.storage.cache_entry`).
"""

import contextlib
import logging
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from harness import hashing
from harness.storage import cache_entry
from harness.storage.cache_dir import cache_root

Arrays = Mapping[str, np.ndarray[Any, Any]]
LAYOUT = 3  # version of an entry's files; raise it to invalidate every entry
CAP_BYTES = 8 * 2**30  # beyond this size, the least recently used entries are deleted
_MOST_SECONDS = 1e8  # compute seconds of a step, three years; larger values are not costs
_COST = "cost.json"
_log = logging.getLogger(__name__)


_Seconds = Annotated[float, Field(ge=0, le=_MOST_SECONDS, allow_inf_nan=False)]


class _Cost(BaseModel):
    """The recorded cost of an entry: its own compute seconds, and those of the other entries that it uses, by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)
    compute_seconds: _Seconds
    uses: dict[Annotated[str, StringConstraints(pattern="^[0-9a-f]{32}$")], _Seconds]


class SharedSteps:
    """The shared-step cache of one cell, with the cell's account of compute seconds.

    A step may use other steps. Its entry records its own cost without theirs, and lists them, so that a cell that finds
    the entry in the cache is charged for every step behind it, and for each one once.

    Attributes:
        charged: compute seconds of all entries that this cell has used, whichever cell computed them.
        computed: compute seconds of the entries that this cell computed itself (part of the process's own time).
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = root or cache_root() / "shared"
        self._used: dict[str, float] = {}
        self._open_uses: list[dict[str, float]] = []  # steps used so far by each step in progress, outermost first
        self.computed = 0.0
        self.clock: Callable[[], float] = time.process_time  # compute seconds of this process

    @property
    def charged(self) -> float:
        """Compute seconds of every entry used so far, each entry counted once."""
        return sum(self._used.values())

    def __call__(self, step: str, content: str, compute: Callable[[], Arrays]) -> Arrays:
        """Returns the memory-mapped arrays of a step; computes and stores them first if they are not cached.

        Args:
            step: name of the computation, including its version and every setting that affects the result.
            content: hash of the input data.
            compute: returns the arrays by name; called under the entry's lock.
        """
        folder = self._root / hashing.of_json([LAYOUT, step, content])[:32]
        found = self._read(folder)  # without the lock: in a cache of another user it may not be possible to take it
        if found is None:
            with cache_entry.lock(folder) if self._can_write() else contextlib.nullcontext():
                found = self._read(folder) or self._compute(folder, compute)
            _evict(self._root, keep=folder)
        arrays, cost = found
        for uses in (self._used, *self._open_uses):
            uses.update({folder.name: cost.compute_seconds, **cost.uses})
        return arrays

    def _can_write(self) -> bool:
        with contextlib.suppress(OSError):  # reported when the entry is stored
            self._root.mkdir(parents=True, exist_ok=True)
            return True
        return False

    def _read(self, folder: Path) -> tuple[Arrays, _Cost] | None:
        """Returns the memory-mapped arrays and the cost of an entry; None if it is missing or was damaged."""
        if not cache_entry.is_intact(folder, "shared step", _check_cost):
            return None
        with contextlib.suppress(OSError):  # the modification time of the folder is the time of last use
            os.utime(folder)
        try:
            cost = _Cost.model_validate_json((folder / _COST).read_bytes())
            return {path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))}, cost
        except FileNotFoundError:
            return None  # another process has just deleted it, to make space

    def _compute(self, folder: Path, compute: Callable[[], Arrays]) -> tuple[Arrays, _Cost]:
        """Computes and stores an entry; if it cannot be stored, returns the computed arrays instead of mapped ones."""
        uses: dict[str, float] = {}
        start, computed_before = self.clock(), self.computed
        self._open_uses.append(uses)
        try:
            arrays = compute()
        finally:
            self._open_uses.pop()
        # Steps that `compute` itself computed have been added to `self.computed`; subtract them from this step's cost.
        seconds = self.clock() - start - (self.computed - computed_before)
        self.computed += seconds
        cost = _Cost(compute_seconds=max(0.0, round(seconds, 3)), uses=uses)
        try:
            cache_entry.store(folder, lambda place: _write(place, arrays, cost))
        except OSError as error:
            if (found := self._read(folder)) is not None:  # another process has stored it first
                return found
            _log.warning(
                "note: shared steps are not cached, so each cell computes its own: %s cannot be written to (%s)",
                self._root,
                error.strerror or error,
            )
        return self._read(folder) or (_read_only(arrays), cost)


def _write(folder: Path, arrays: Arrays, cost: _Cost) -> None:
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array, allow_pickle=False)
    (folder / _COST).write_text(cost.model_dump_json(), encoding="utf-8")


def _check_cost(folder: Path) -> None:
    try:
        _Cost.model_validate_json((folder / _COST).read_bytes())
    except (OSError, ValidationError) as error:
        raise cache_entry.DamagedEntry(f"{_COST} is missing or is not a cost in seconds") from error


def _read_only(arrays: Arrays) -> Arrays:
    """Returns views of arrays that cannot be written to, as mapped ones cannot."""
    views = {name: np.asarray(array).view() for name, array in arrays.items()}
    for view in views.values():
        view.flags.writeable = False
    return views


def _evict(root: Path, keep: Path) -> None:
    """Deletes the least recently used entries beyond `CAP_BYTES`, except those locked by another process."""
    import filelock

    with contextlib.suppress(OSError):  # an entry of another user, or one that was deleted in the meantime
        entries = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
        newest_first = sorted(((_modified(path), path) for path in entries), reverse=True)
        total = 0
        for _, folder in newest_first:
            total += sum(path.stat().st_size for path in folder.glob("*.npy") if path.exists())
            if total > CAP_BYTES and folder != keep:
                with contextlib.suppress(OSError), filelock.FileLock(f"{folder}.lock", timeout=0):
                    cache_entry.delete(folder)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
