"""Steps that several cells share (a frozen trunk's activations, embeddings): computed once, charged to each.

An entry is addressed by the step's name and the content it was computed from, so a cell can only reach entries of data
that it already holds. A lock makes the first cell compute while the others wait; every cell that uses an entry is
charged its recorded cost in full.
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
from harness.storage.cache_dir import cache_root

Arrays = Mapping[str, np.ndarray[Any, Any]]
LAYOUT = 2  # of an entry's files; a change makes every entry stale
CAP_BYTES = 8 * 2**30  # least recently used entries beyond this are dropped


class SharedSteps:
    """The cache of shared steps as one cell sees it.

    Attributes:
        charged: compute seconds of the entries that this cell has used, whoever computed them.
        computed: compute seconds of those that it computed itself (a part of the process's own time).

    A step may use others. Its recorded cost is what it adds to theirs, and names them, so that whoever finds it is
    charged for all of them, and each is counted once.
    """

    def __init__(self, root: Path | None = None) -> None:
        self._root = root or cache_root() / "shared"
        self._used: dict[str, float] = {}
        self._within: list[dict[str, float]] = []  # what each step that is being computed has used
        self.computed = 0.0

    @property
    def charged(self) -> float:
        """Compute seconds of every entry used so far, each counted once."""
        return sum(self._used.values())

    def __call__(self, step: str, content: str, compute: Callable[[], Arrays]) -> Arrays:
        """Returns the arrays of a step, memory-mapped, computing and storing them first where they are absent.

        Args:
            step: names the computation, its version and everything it depends on but the content.
            content: hash of what it is computed from.
            compute: returns named arrays; runs under the entry's lock.
        """
        import filelock

        folder = self._root / hashing.of_json([LAYOUT, step, content])[:32]
        self._root.mkdir(parents=True, exist_ok=True)
        with filelock.FileLock(f"{folder}.lock"):
            computed = not (folder / "cost.json").exists()
            if computed:
                self._store(folder, compute)
            cost = json.loads((folder / "cost.json").read_text(encoding="utf-8"))
            (folder / "cost.json").touch()
            arrays = {path.stem: np.load(path, mmap_mode="r") for path in sorted(folder.glob("*.npy"))}
        for used in (self._used, *self._within):
            used.update({folder.name: cost["compute_seconds"], **cost["uses"]})
        if computed:
            _evict(self._root, keep=folder)
        return arrays

    def _store(self, folder: Path, compute: Callable[[], Arrays]) -> None:
        uses: dict[str, float] = {}
        began, before = time.process_time(), self.computed
        self._within.append(uses)
        try:
            arrays = compute()
        finally:
            self._within.pop()
        seconds = time.process_time() - began - (self.computed - before)
        self.computed += seconds
        temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=self._root))
        try:
            for name, array in arrays.items():
                np.save(temporary / f"{name}.npy", array)
            cost = {"compute_seconds": round(seconds, 3), "uses": uses}
            (temporary / "cost.json").write_text(json.dumps(cost), encoding="utf-8")
            temporary.rename(folder)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


def _evict(root: Path, keep: Path) -> None:
    """Drops the least recently used entries beyond the cap, unless another process is at them.

    An entry leaves by a rename, so that it is whole or gone; whoever has its arrays mapped keeps their bytes.
    """
    import filelock

    entries = [path for path in root.iterdir() if path.is_dir() and not path.name.startswith(".")]
    aged = sorted(((_modified(path / "cost.json"), path) for path in entries), reverse=True)
    total = 0
    for _, folder in aged:
        total += sum(path.stat().st_size for path in folder.glob("*.npy") if path.exists())
        if total > CAP_BYTES and folder != keep:
            with (
                contextlib.suppress(filelock.Timeout, FileNotFoundError),
                filelock.FileLock(f"{folder}.lock", timeout=0),
            ):
                gone = folder.rename(root / f".evicted-{folder.name}")
                shutil.rmtree(gone, ignore_errors=True)


def _modified(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0
