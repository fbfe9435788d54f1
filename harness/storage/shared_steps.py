"""Cache of computation steps that several cells share, such as embeddings or a frozen trunk's activations.

A step is computed once, and its full cost is charged to every cell that uses it. The cache key is the step's name and
the hash of its input, so a cell can only read results for data that it already has. The first cell computes the step
under a file lock while the others wait.
"""

import contextlib
import json
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness import hashing
from harness.storage.atomic_write import TEMPORARY_PREFIX
from harness.storage.cache_dir import cache_root

Arrays = Mapping[str, np.ndarray[Any, Any]]
LAYOUT = 2  # version of an entry's files; raise it to invalidate every entry
CAP_BYTES = 8 * 2**30  # beyond this size, the least recently used entries are deleted


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
        import filelock

        folder = self._root / hashing.of_json([LAYOUT, step, content])[:32]
        self._root.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{folder}.lock"):
            missing = not (folder / "cost.json").exists()
            if missing:
                self._store(folder, compute)
            cost = json.loads((folder / "cost.json").read_text(encoding="utf-8"))
            (folder / "cost.json").touch()  # the modification time is the time of last use
            arrays = {path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))}
        for uses in (self._used, *self._open_uses):
            uses.update({folder.name: cost["compute_seconds"], **cost["uses"]})
        if missing:
            _evict(self._root, keep=folder)
        return arrays

    def _store(self, folder: Path, compute: Callable[[], Arrays]) -> None:
        uses: dict[str, float] = {}
        start, computed_before = time.process_time(), self.computed
        self._open_uses.append(uses)
        try:
            arrays = compute()
        finally:
            self._open_uses.pop()
        # Steps that `compute` itself computed have been added to `self.computed`; subtract them from this step's cost.
        seconds = time.process_time() - start - (self.computed - computed_before)
        self.computed += seconds
        temporary = Path(tempfile.mkdtemp(prefix=TEMPORARY_PREFIX, dir=self._root))
        try:
            for name, array in arrays.items():
                np.save(temporary / f"{name}.npy", array)
            cost = {"compute_seconds": round(seconds, 3), "uses": uses}
            (temporary / "cost.json").write_text(json.dumps(cost, allow_nan=False), encoding="utf-8")
            temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _evict(root: Path, keep: Path) -> None:
    """Deletes the least recently used entries beyond `CAP_BYTES`, except those locked by another process.

    An entry is renamed before its files are deleted, so that no reader sees a partial entry. A process that has the
    arrays memory-mapped can still read them.
    """
    import filelock

    entries = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    newest_first = sorted(((_modified(path / "cost.json"), path) for path in entries), reverse=True)
    total = 0
    for _, folder in newest_first:
        total += sum(path.stat().st_size for path in folder.glob("*.npy") if path.exists())
        if total > CAP_BYTES and folder != keep:
            with (
                contextlib.suppress(filelock.Timeout, FileNotFoundError),
                filelock.FileLock(f"{folder}.lock", timeout=0),
            ):
                evicted = folder.rename(root / f".evicted-{folder.name}")
                shutil.rmtree(evicted, ignore_errors=True)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
