"""Claims of cells, so that several runs on one results folder share the work: no cell twice, none lost.

A claim is a lock on one byte of one file (POSIX record locks, fcntl(2)); it ends with the process that holds it,
however that ends, and leaves nothing behind. It works on network file systems that lock (NFS 4), which is what job
arrays on a shared folder need.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FILE = ".claims"
_ALONE = 0  # the byte that every run holds shared, and that a run which wants to be alone asks for
_FIRST = 1  # cells lie from here on


class CellLocks:
    """The claims of one run in one results folder.

    Args:
        root: the folder, which exists.
    """

    def __init__(self, root: Path) -> None:
        self._handle = os.open(root / _FILE, os.O_RDWR | os.O_CREAT, 0o644)

    @contextmanager
    def open(self) -> Iterator[bool]:
        """Takes part in the folder; yields whether no other run did at that moment."""
        try:
            alone = self._lock(_ALONE, fcntl.LOCK_EX)
            fcntl.lockf(self._handle, fcntl.LOCK_SH, 1, _ALONE)
            yield alone
        finally:
            os.close(self._handle)  # ends every claim of this process

    def acquire(self, key: str) -> bool:
        """Claims a cell; False where another run has it."""
        return self._lock(_place(key), fcntl.LOCK_EX)

    def release(self, key: str) -> None:
        """Ends a claim."""
        fcntl.lockf(self._handle, fcntl.LOCK_UN, 1, _place(key))

    def _lock(self, place: int, kind: int) -> bool:
        try:
            fcntl.lockf(self._handle, kind | fcntl.LOCK_NB, 1, place)
        except (BlockingIOError, PermissionError):
            return False
        return True


def _place(key: str) -> int:
    """The byte of a cell: 60 bits of its key, so that two cells share one next to never, and then only wait."""
    return _FIRST + int(key[:15], 16)
