"""Locks of cells, so that several runs on one results folder share the work: no cell runs twice, none is lost.

Each cell is one byte of one lock file (POSIX record locks, fcntl(2)). The kernel releases a lock when the process that
holds it ends, even if it is killed, so there are no stale lock files to clean up. Byte-range locks also work on network
file systems with locking (NFS 4), which job arrays on a shared folder need.
"""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_FILE = ".claims"
_PRESENCE_BYTE = 0  # every run holds a shared lock on it; only a run that is alone gets an exclusive one
_FIRST_CELL_BYTE = 1


class CellLocks:
    """The cell locks of one run in one results folder.

    Args:
        root: the results folder; it must exist.
    """

    def __init__(self, root: Path) -> None:
        self._handle = os.open(root / _FILE, os.O_RDWR | os.O_CREAT, 0o644)

    @contextmanager
    def open(self) -> Iterator[bool]:
        """Registers this run in the folder; yields whether no other run was registered at that moment."""
        try:
            # An exclusive lock on the presence byte succeeds only if no other run shares it. Locking the same byte
            # again converts the lock, so the exclusive one becomes shared and later runs can register too.
            alone = self._lock(_PRESENCE_BYTE, fcntl.LOCK_EX)
            fcntl.lockf(self._handle, fcntl.LOCK_SH, 1, _PRESENCE_BYTE)
            yield alone
        finally:
            os.close(self._handle)  # releases every lock of this process

    def acquire(self, key: str) -> bool:
        """Locks a cell without waiting; returns False if another run holds its lock."""
        return self._lock(_offset(key), fcntl.LOCK_EX)

    def release(self, key: str) -> None:
        """Releases the lock of a cell."""
        fcntl.lockf(self._handle, fcntl.LOCK_UN, 1, _offset(key))

    def _lock(self, offset: int, kind: int) -> bool:
        try:
            fcntl.lockf(self._handle, kind | fcntl.LOCK_NB, 1, offset)
        except (BlockingIOError, PermissionError):
            return False
        return True


def _offset(key: str) -> int:
    """Returns the byte of a cell: the first 60 bits of its key.

    The lock file stays empty; locks may lie beyond its end. Two cells almost never share a byte, and if they do, one
    of them only waits for the other.
    """
    return _FIRST_CELL_BYTE + int(key[:15], 16)
