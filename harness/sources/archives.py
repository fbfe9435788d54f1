"""Reads the members of zip and tar archives one by one, in bounded memory; nothing is written to disk.

The libraries do not limit what a header takes, such as a tar header with gigabytes of names, nor what some members
give. So headers are read from a stream that counts, and members by functions with a limit.
"""

import bz2
import copy
import io
import lzma
import re
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path, PurePosixPath
from typing import IO, Any, cast

from harness.errors import UserError
from harness.storage.bounded import LZMA_MEMORY, SizeLimit, in_words, open_unpacked, unpack

MAX_FILES = 2_000_000
MAX_HEADER_BYTES = 2**20  # of one tar member: names, extended attributes, the map of a sparse file
MAX_DIRECTORY_BYTES = 512 * 2**20  # of the table of contents of a zip archive
ERRORS = (  # that the libraries raise for a damaged or hostile archive
    OSError, EOFError, ArithmeticError, LookupError, NotImplementedError, RecursionError, ValueError,
    lzma.LZMAError, struct.error, tarfile.TarError, zipfile.BadZipFile, zlib.error,
)  # fmt: skip
_ZIP_ENTRY = b"PK\x01\x02"  # begins an entry of the table of contents
_ENCRYPTED = 0x1  # flag of a zip member

Skip = Callable[[str, str], None]  # see `SourceTally.skip`

LINK = "a link, not a file"
_MAX_MEMBER_BYTES = 64 * 2**20  # of a member of a zip archive that cannot be unpacked piece by piece


@dataclass(frozen=True)
class Entry:
    """A file of a source.

    Attributes:
        path: within the source.
        size: in bytes, as the source states it.
        read: returns at most as many of its first bytes as asked for.
        open: returns a stream of its bytes, which ends before the next entry is asked for.
    """

    path: str
    size: int
    read: Callable[[int], bytes]
    open: "Callable[[], io.BufferedReader[Any]]"


def zip_members(root: Path) -> Iterator[Entry]:
    """Yields the files of a zip archive.

    Raises:
        UserError: a member points outside of the archive or is encrypted, or the archive exceeds a limit.
    """
    with _ZipFile(root) as stream, zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        SizeLimit(root, root.stat().st_size).add(sum(info.file_size for info in members))
        for info in members:
            if PurePosixPath(info.filename).is_absolute() or ".." in PurePosixPath(info.filename).parts:
                raise _outside(root, info.filename)
            if not info.is_dir():
                read = partial(_read_zip_member, root, archive, info)
                opened = partial(_open_member, root, archive, info)
                yield Entry(info.filename, info.file_size, read, opened)


class _ZipFile(io.FileIO):
    """A zip archive whose table of contents, which `zipfile` reads at once, is limited."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._path = path

    def read(self, size: int | None = -1, /) -> bytes:
        if size is not None and size > MAX_DIRECTORY_BYTES:
            raise UserError(f"{self._path}: its table of contents is larger than {in_words(MAX_DIRECTORY_BYTES)}.")
        data = super().read(size)
        if data.startswith(_ZIP_ENTRY) and data.count(_ZIP_ENTRY) > MAX_FILES:
            raise UserError(f"{self._path} exceeds the limit of {MAX_FILES} files.")
        return data


def _open_member(root: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> "io.BufferedReader[Any]":
    if info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) and not info.flag_bits & _ENCRYPTED:
        return io.BufferedReader(archive.open(info))
    data = _read_zip_member(root, archive, info, _MAX_MEMBER_BYTES)
    if len(data) == _MAX_MEMBER_BYTES:
        raise UserError(f"{root}: unpack it first: its member {info.filename!r} is large, and not packed by deflate.")
    return io.BufferedReader(io.BytesIO(data))


def _read_zip_member(root: Path, archive: zipfile.ZipFile, info: zipfile.ZipInfo, most: int) -> bytes:
    if info.flag_bits & _ENCRYPTED:
        raise UserError(f"{root}: the member {info.filename!r} is encrypted; write the archive without a password.")
    if info.compress_type in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        with archive.open(info) as stream:
            return stream.read(most)
    # `zipfile` unpacks bzip2 and LZMA without a limit, so it only gives the packed bytes, as if they were stored.
    packed = copy.copy(info)
    packed.compress_type, packed.file_size = zipfile.ZIP_STORED, info.compress_size
    del packed.CRC  # of the unpacked bytes
    with archive.open(packed) as stream:
        if info.compress_type == zipfile.ZIP_BZIP2:
            data = unpack(stream, bz2.BZ2Decompressor(), most)
        elif info.compress_type == zipfile.ZIP_LZMA:
            unpacker = lzma.LZMADecompressor(lzma.FORMAT_ALONE, memlimit=LZMA_MEMORY)
            properties = stream.read(9)[4:]  # after two bytes for the version, and two for their length
            unpacker.decompress(properties + b"\xff" * 8, 0)  # with an unknown size, the header of a .lzma file
            data = unpack(stream, unpacker, min(most, info.file_size))
        else:
            raise UserError(
                f"{root}: the member {info.filename!r} is packed by the method {info.compress_type}, which cannot be "
                "read; write the archive with deflate."
            )
    if len(data) < most and (len(data) != info.file_size or zlib.crc32(data) != info.CRC):
        raise zipfile.BadZipFile(f"the member {info.filename!r} is not what its header says")
    return data


class TarMembers:
    """Iterates over the files of a tar archive, also one packed with gzip, bzip2 or xz.

    Attributes:
        commit: the commit that an archive of ``git archive`` names; set once the first member was read.
    """

    def __init__(self, root: Path, skip: Skip) -> None:
        """Prepares to read an archive; ``skip`` counts links and special files, which are left out."""
        self._root, self._skip = root, skip
        self.commit = ""

    def __iter__(self) -> Iterator[Entry]:
        with open_unpacked(self._root) as unpacked:
            stream = _TarStream(unpacked, self._root)
            with tarfile.open(fileobj=stream, mode="r:") as archive:  # type: ignore[call-overload]
                for count in range(MAX_FILES + 1):
                    if count:  # tarfile has read the first header already
                        stream.start_of_header(archive.offset)
                    if (member := archive.next()) is None:
                        break
                    if count == MAX_FILES:
                        raise UserError(f"{self._root} exceeds the limit of {MAX_FILES} files.")
                    stream.end_of_header()
                    archive.members = []  # tarfile would keep all of them in memory
                    yield from self._entry(archive, member)
            stream.check_end()

    def _entry(self, archive: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[Entry]:
        comment = archive.pax_headers.get("comment", "")
        self.commit = self.commit or (comment if re.fullmatch("[0-9a-f]{4,64}", comment) else "")
        if sum(len(name) + len(value) for name, value in archive.pax_headers.items()) > MAX_HEADER_BYTES:
            raise UserError(f"{self._root}: its global headers are larger than {in_words(MAX_HEADER_BYTES)}.")
        try:
            tarfile.data_filter(member, str(self._root.parent))
        except tarfile.FilterError as error:
            raise _outside(self._root, member.name) from error
        content = archive.extractfile(member) if member.isreg() else None
        if content is not None:
            opened = partial(io.BufferedReader, cast(Any, content))
            yield Entry(member.name, member.size, content.read, opened)
        elif not member.isdir():
            self._skip(LINK, member.name)


class _TarStream:
    """What `tarfile` reads from: an unpacked stream from start to end, with a limit for the header of a member."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self._stream, self._path = stream, path
        self._position = self._header = 0
        self._in_header = True
        self._last = b""

    def start_of_header(self, offset: int) -> None:
        """Skips the rest of a member, and limits what is read from here on."""
        if offset > self._position:
            self.seek(offset)
        self._in_header, self._header = True, 0

    def end_of_header(self) -> None:
        """Lifts the limit."""
        self._in_header = False

    def tell(self) -> int:
        return self._position

    def read(self, size: int) -> bytes:
        self._header += size
        if self._in_header and self._header > MAX_HEADER_BYTES:
            raise UserError(
                f"{self._path}: the header of a member at byte {self._position} is larger than "
                f"{in_words(MAX_HEADER_BYTES)}."
            )
        self._last = self._stream.read(size)
        self._position += len(self._last)
        return self._last

    def seek(self, offset: int) -> None:
        if offset < self._position:
            raise ValueError("its members are not in order")
        while offset > self._position and (skipped := self._stream.read(min(offset - self._position, 2**16))):
            self._position += len(skipped)

    def check_end(self) -> None:
        """Raises EOFError if the last block of the archive is missing, which tarfile does not check."""
        if self._last != bytes(tarfile.BLOCKSIZE):
            raise EOFError("its end is missing")


def is_tar(root: Path) -> bool:
    """Whether a file begins with the header of a tar member, after unpacking."""
    with open_unpacked(root) as stream:
        block = stream.read(tarfile.BLOCKSIZE)
    try:
        tarfile.TarInfo.frombuf(block, tarfile.ENCODING, "surrogateescape")
    except tarfile.TarError:
        return block == bytes(tarfile.BLOCKSIZE)  # the end of an archive without members
    return True


def _outside(root: Path, member: str) -> UserError:
    return UserError(f"{root}: the member {member!r} points outside of the archive; such archives are rejected.")
