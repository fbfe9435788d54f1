"""Locks of cells, so that several runs on one results folder share the work: no cell runs twice, none is lost.

Each cell is one byte of one lock file (POSIX record locks, fcntl(2)). The kernel releases a lock when the process that
holds it ends, even if it is killed, so there are no stale lock files to clean up. Byte-range locks also work on network
file systems with locking (NFS 4), which job arrays on a shared folder need.

Where the folder has no locks, or its lock file cannot be opened since another user created it, the run goes on without
them and says so. A run without locks still skips the cells that have a record by the time it reaches them.
"""

import contextlib
import errno
import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import UserError

_FILE = ".claims"
_PRESENCE_BYTE = 0  # every run holds a shared lock on it; only a run that is alone gets an exclusive one
_FIRST_CELL_BYTE = 1
_HELD = (errno.EAGAIN, errno.EACCES)  # another process has the lock
_NOT_PERMITTED = (errno.EACCES, errno.EPERM)
_log = logging.getLogger(__name__)


class CellLocks:
    """The cell locks of one run in one results folder.

    Args:
        root: the results folder; it must exist.

    Raises:
        UserError: the lock file cannot be created, for example because the disk is full.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._handle: int | None = None  # None: without locks
        try:
            self._handle = os.open(root / _FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            if error.errno not in _NOT_PERMITTED:
                raise UserError(
                    f"--results {root}: the file {_FILE} cannot be written there ({error.strerror})."
                ) from error
            self._go_without(error)

    @contextmanager
    def open(self) -> Iterator[bool]:
        """Registers this run in the folder; yields whether no other run was registered at that moment."""
        try:
            # An exclusive lock on the presence byte succeeds only if no other run shares it. Locking the same byte
            # again converts the lock, so the exclusive one becomes shared and later runs can register too.
            alone = self._lock(_PRESENCE_BYTE, fcntl.LOCK_EX)
            self._lock(_PRESENCE_BYTE, fcntl.LOCK_SH)
            yield alone and self._handle is not None
        finally:
            if self._handle is not None:
                os.close(self._handle)  # releases every lock of this process

    def acquire(self, key: str) -> bool:
        """Locks a cell without waiting; returns False if another run holds its lock, True in a folder without locks."""
        return self._lock(_offset(key), fcntl.LOCK_EX)

    def release(self, key: str) -> None:
        """Releases the lock of a cell."""
        if self._handle is not None:
            with contextlib.suppress(OSError):  # a lost lock server; the lock ends with this process
                fcntl.lockf(self._handle, fcntl.LOCK_UN, 1, _offset(key))

    def _lock(self, offset: int, kind: int) -> bool:
        if self._handle is None:
            return True
        try:
            fcntl.lockf(self._handle, kind | fcntl.LOCK_NB, 1, offset)
        except OSError as error:
            if error.errno in _HELD:
                return False
            os.close(self._handle)
            self._handle = None
            self._go_without(error)
        return True

    def _go_without(self, error: OSError) -> None:
        _log.warning(
            "note: cells in %s cannot be locked (%s): runs that share the folder may run a cell twice; give each its "
            "own part with --shard",
            self._root,
            error.strerror or error,
        )


def _offset(key: str) -> int:
    """Returns the byte of a cell: the first 60 bits of its key.

    The lock file stays empty; locks may lie beyond its end. Two cells almost never share a byte, and if they do, one
    of them only waits for the other.
    """
    return _FIRST_CELL_BYTE + int(key[:15], 16)
