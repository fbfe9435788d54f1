"""Entries of the cache: folders of files that are stored as a whole, and verified before they are used.

``digests.json`` in each entry lists the SHA-256 of its files, so a truncated, damaged or edited file is found and the
entry is built again. A list without a secret key is no proof of who wrote the files: whoever can write to the cache can
also write a matching list. Data that have a content hash of their own are compared with it too (``check`` of `verify`).

Hashing 50 MB takes as long as 1 % of a short cell or more, so an entry is hashed once per state of its files, and a run
passes the states that it has verified on to its workers (`verified`, `trust`).
"""

import contextlib
import json
import logging
import os
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from pathlib import Path

from harness import hashing
from harness.errors import UserError
from harness.storage.atomic_write import TEMPORARY_PREFIX

DIGESTS = "digests.json"
_READ_ONLY = 0o444  # so that a program that opens a cached file for writing fails instead of changing it
_log = logging.getLogger(__name__)

# Device, inode, size, and the times of the last change of content and of attributes. Unlike the modification time, the
# latter cannot be set by a program.
FileState = tuple[int, int, int, int, int]
EntryState = tuple[tuple[str, FileState], ...]  # by path within the entry, with forward slashes, sorted
_verified: dict[str, EntryState] = {}  # by folder


class DamagedEntry(Exception):
    """A cached file is missing, was changed, or is not what it should be; the message says which and how."""


def is_intact(folder: Path, what: str, check: Callable[[Path], None] = lambda folder: None) -> bool:
    """Whether an entry exists and passes verification; a damaged entry is deleted, and the user is told.

    Args:
        folder: folder of the entry.
        what: what is stored there, for the message.
        check: see `verify`.
    """
    try:
        verify(folder, check)
        return True
    except FileNotFoundError:
        if not folder.is_symlink() and not folder.exists():
            return False
        reason = f"{DIGESTS} is missing"
    except DamagedEntry as damage:
        reason = str(damage)
    except OSError as error:
        reason = error.strerror or str(error)
    _log.warning("note: the cached %s in %s is not used and is built again: %s", what, folder, reason)
    with contextlib.suppress(OSError):
        delete(folder)
    return False


def verify(folder: Path, check: Callable[[Path], None] = lambda folder: None) -> None:
    """Compares the files of an entry with their digests, unless this state of the files has been verified before.

    Args:
        folder: folder of the entry.
        check: called with the folder if the digests are right; verifies the content and raises `DamagedEntry`.

    Raises:
        DamagedEntry: a file is missing, was changed, does not belong to the entry, or is not a regular file.
        OSError: the entry does not exist or cannot be read.
    """
    state = _state(folder)
    if _verified.get(str(folder)) == state:
        return
    digests = _read_digests(folder)
    names = {name for name, _ in state} - {DIGESTS}
    for name in sorted(names | set(digests)):
        if name not in digests:
            raise DamagedEntry(f"{name!r} does not belong to it")
        if name not in names:
            raise DamagedEntry(f"{name!r} is missing")
        if hashing.of_file(folder / name) != digests[name]:
            raise DamagedEntry(f"{name!r} was changed or truncated after it was stored")
    check(folder)
    owner = folder.stat().st_uid
    if owner not in (os.geteuid(), 0):
        _log.warning(
            "note: %s was written by another user (uid %d), who could have changed it together with its digests",
            folder,
            owner,
        )
    _verified[str(folder)] = state


def store(folder: Path, write: Callable[[Path], None]) -> None:
    """Stores an entry: its files are written to a temporary folder, which is renamed when it is complete.

    The permissions follow the umask, so that users can share a cache or keep it to themselves.

    Args:
        folder: folder of the entry.
        write: writes the files, also into subfolders, below the folder that it is called with.

    Raises:
        OSError: the entry cannot be written, or another process has stored it in the meantime.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(6)}")
    temporary.mkdir()
    try:
        write(temporary)
        digests = {name: hashing.of_file(temporary / name) for name, _ in _state(temporary)}
        (temporary / DIGESTS).write_text(json.dumps(digests), encoding="utf-8")
        for name in (*digests, DIGESTS):
            path = temporary / name
            path.chmod(path.stat().st_mode & _READ_ONLY)
        temporary.rename(folder)
        _verified[str(folder)] = _state(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def delete(folder: Path) -> None:
    """Deletes an entry: it is renamed first, so that no other process sees a part of it.

    A process that has mapped its files can still read them. Of a symbolic link only the link is deleted.
    """
    if folder.is_symlink() or not folder.is_dir():
        folder.unlink()
        return
    renamed = folder.rename(folder.with_name(f"{TEMPORARY_PREFIX}{secrets.token_hex(6)}"))
    shutil.rmtree(renamed, ignore_errors=True)


def verified() -> Mapping[str, EntryState]:
    """Returns the state of every entry that this process has verified, stored or been told of, by folder."""
    return dict(_verified)


def trust(states: Mapping[str, EntryState]) -> None:
    """Adds entries that another process of the run has verified; does not replace what this process knows."""
    for folder, state in states.items():
        _verified.setdefault(folder, state)


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Holds the lock file of an entry or a cached file, ``PATH.lock``, so that only one process builds it.

    Where files cannot be locked, the block runs without: entries are renamed as a whole, so that the worst that can
    happen is that two processes build the same one.
    """
    import filelock

    held = filelock.FileLock(f"{path}.lock")
    try:
        held.acquire()
    except (OSError, NotImplementedError) as error:
        _note_without_lock(path.parent, getattr(error, "strerror", None) or str(error))
        yield
        return
    try:
        yield
    finally:
        held.release()


@cache
def _note_without_lock(folder: Path, reason: str) -> None:
    _log.warning("note: %s is used without locks, so processes may do the same work twice: %s", folder, reason)


def unwritable(folder: Path, error: OSError) -> UserError:
    """Returns the error of a cache folder that cannot be written to."""
    return UserError(
        f"the cache folder {folder} cannot be written to ({error.strerror or error}); free space or permit writing "
        "there, or set HARNESS_CACHE to another folder."
    )


def file_state(status: os.stat_result) -> FileState:
    """Returns the state of a file, which is different after every change of the file."""
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def _state(folder: Path) -> EntryState:
    if folder.is_symlink() or not folder.is_dir():
        if not os.path.lexists(folder):
            raise FileNotFoundError(folder)
        raise DamagedEntry("it is not a folder")
    return tuple(sorted(_states(folder, "")))


def _states(folder: Path, inside: str) -> Iterator[tuple[str, FileState]]:
    """Yields the path within an entry and the state of every file of a folder in it."""
    with os.scandir(folder) as files:
        for file in files:
            name, status = inside + file.name, file.stat(follow_symlinks=False)
            if stat.S_ISDIR(status.st_mode):
                yield from _states(folder / file.name, f"{name}/")
            elif stat.S_ISREG(status.st_mode):
                yield name, file_state(status)
            else:
                raise DamagedEntry(f"{name!r} is not a regular file")


def _read_digests(folder: Path) -> dict[str, str]:
    from pydantic import TypeAdapter, ValidationError

    try:
        return TypeAdapter(dict[str, str]).validate_json((folder / DIGESTS).read_bytes(), strict=True)
    except ValidationError as error:
        raise DamagedEntry(f"{DIGESTS} is not a list of digests") from error
