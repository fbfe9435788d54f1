"""Reads the files of a source, a folder or an archive, one by one; nothing is written to disk.

Sources are untrusted. An archive is read in memory, member by member. An archive with a member whose path points
outside of it is rejected. The number and size of files are limited, so that no archive expands to more than a machine
can read.
"""

import lzma
import os
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO

from harness import regular_file
from harness.errors import UserError
from harness.sources.archives import ERRORS, LINK, MAX_FILES, Entry, TarMembers, is_tar, zip_members
from harness.sources.tally import SourceTally
from harness.storage import bounded

# What reading a stream of a damaged source can raise.
READ_ERRORS = (OSError, EOFError, zlib.error, lzma.LZMAError, zipfile.BadZipFile, tarfile.TarError)
_ARCHIVES = (".zip", ".tar", ".tgz", ".tar.gz", ".tar.xz", ".tar.bz2")
_PACKED = (".gz", ".bz2", ".xz")
_LICENCE_NAMES = ("licence", "license", "copying")
_LICENCE_BYTES = 64 * 2**10  # bytes of a licence file that are read


@dataclass(frozen=True)
class SourceFile:
    """One file: its path within the source, with forward slashes, and its bytes."""

    path: str
    data: bytes


@dataclass(frozen=True)
class SourceStream:
    """One file: its path within the source, with forward slashes, its size, and a stream of its unpacked bytes."""

    path: str
    size: int
    stream: IO[bytes]


class Tree:
    """A folder, an archive (tar, also compressed, or zip) or a single file.

    Attributes:
        root: its path.
        commit: the commit that an archive of ``git archive`` names; set once the files were read.
        licence: the text of the first licence file; set once the files were read.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.commit = ""
        self.licence = ""

    def files(self, suffixes: tuple[str, ...], largest: int, tally: SourceTally) -> Iterator[SourceFile]:
        """Yields the files with one of the suffixes; files with ``.gz`` after the suffix are unpacked.

        Args:
            suffixes: with their dot, in lower case.
            largest: maximum size of a file in bytes.
            tally: counts larger files, links and inner archives, which are left out.

        Raises:
            UserError: the source cannot be read, has a member outside of its folder, or exceeds the limits.
        """
        total = bounded.SizeLimit(self.root)
        with _readable(self.root):
            for count, entry in enumerate(self._entries(suffixes, tally)):
                if count == MAX_FILES:
                    raise UserError(f"{self.root} exceeds the limit of {MAX_FILES} files.")
                path, size = entry.path, entry.size
                total.add(size)
                name = PurePosixPath(path).name.lower()
                wanted = _is_one_of(name, suffixes)
                is_licence = name.partition(".")[0] in _LICENCE_NAMES and not self.licence
                if not wanted and not is_licence:
                    if name.endswith(_ARCHIVES):
                        tally.skip("an archive inside the source; unpack it first", path)
                    continue
                data = _unpacked(name, entry.read, largest + 1 if wanted else _LICENCE_BYTES)
                total.add(max(len(data) - size, 0))  # of a file that was packed
                if is_licence:
                    self.licence = data[:_LICENCE_BYTES].decode("utf-8", "replace")
                if wanted and len(data) > largest:
                    tally.skip(f"larger than {largest >> 20} MiB", path)
                elif wanted:
                    yield SourceFile(path, data)

    def streams(self, tally: SourceTally) -> Iterator[SourceStream]:
        """Yields every file as a stream, which has to be read before the next one is asked for.

        Files whose name ends with ``.gz``, ``.bz2`` or ``.xz`` are unpacked, if their content is packed.

        Args:
            tally: counts links, which are left out.

        Raises:
            UserError: see `files`; reading a stream raises `READ_ERRORS` if the source is damaged.
        """
        total = bounded.SizeLimit(self.root)
        with _readable(self.root):
            for count, entry in enumerate(self._entries(("",), tally)):
                if count == MAX_FILES:
                    raise UserError(f"{self.root} exceeds the limit of {MAX_FILES} files.")
                total.add(entry.size)
                with entry.open() as opened:
                    stream: IO[bytes] = opened
                    if entry.path.lower().endswith(_PACKED):
                        stream = bounded.unpacked(opened, self.root / entry.path, entry.size)
                    yield SourceStream(entry.path, entry.size, stream)

    def _entries(self, suffixes: tuple[str, ...], tally: SourceTally) -> Iterator[Entry]:
        if self.root.is_dir():
            return _of_folder(self.root, tally)
        regular_file.check(self.root, self.root)  # zipfile and tarfile would wait for the writer of a named pipe
        if zipfile.is_zipfile(self.root):
            return zip_members(self.root)
        if is_tar(self.root):
            return self._of_tar(tally)
        if not _is_one_of(self.root.name, suffixes):
            raise EOFError(f"it is neither a tar or zip archive nor a {' or '.join(suffixes)} file")
        return iter([_of_file(self.root, self.root.name)])

    def _of_tar(self, tally: SourceTally) -> Iterator[Entry]:
        members = TarMembers(self.root, tally.skip)
        for entry in members:
            self.commit = members.commit
            yield entry


def _is_one_of(name: str, suffixes: tuple[str, ...]) -> bool:
    return name.lower().removesuffix(".gz").endswith(suffixes)


@contextmanager
def _readable(root: Path) -> Iterator[None]:
    """Turns the errors of a damaged source into a `UserError`."""
    try:
        yield
    except ERRORS as error:
        raise UserError(f"{root} cannot be read; it may be truncated or damaged: {error}.") from error


def _of_folder(root: Path, tally: SourceTally) -> Iterator[Entry]:
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name != ".git")
        for name in sorted(names):
            path = Path(folder, name)
            name_in_root = path.relative_to(root).as_posix()
            if path.is_symlink() or not path.is_file():
                tally.skip(LINK, name_in_root)
            else:
                yield _of_file(path, name_in_root)


def _of_file(path: Path, name: str) -> Entry:
    return Entry(name, path.stat().st_size, partial(_head, path), partial(regular_file.open_file, path))


def _head(path: Path, most: int) -> bytes:
    with regular_file.open_file(path) as stream:
        return stream.read(most)


def _unpacked(name: str, read: Callable[[int], bytes], most: int) -> bytes:
    """Returns at most ``most`` bytes of a file's content."""
    data = read(most)
    return bounded.gunzip(data, most) if name.endswith(".gz") else data
