"""Reads files of untrusted origin within limits of memory: whole files, and compressed ones.

A file of a few hundred bytes can unpack to gigabytes, so a limit applies to bytes after unpacking.
"""

import bz2
import gzip
import io
import lzma
import os
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING

from harness import regular_file
from harness.errors import UserError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_SOURCE_BYTES = 64 * 2**30  # of a source after unpacking
SOURCE_VARIABLE = "HARNESS_MAX_SOURCE_GIB"  # environment variable that replaces this limit
MAX_RATIO = 200  # size after unpacking, relative to the size of the file
RATIO_FROM = 256 * 2**20  # bytes; below this size, any ratio is accepted
MAX_WEIGHTS_BYTES = 16 * 2**30  # of a file of arrays
MAX_WEIGHTS_HEADER_BYTES = 2**20  # names and shapes of some ten thousand arrays
LZMA_MEMORY = 256 * 2**20  # bytes; ``xz -9`` needs 65 MiB to unpack
_CHUNK_BYTES = 2**16  # bytes per read of a compressed file


class TooLarge(ValueError):
    """Raised for data beyond a limit; the message says the limit, and begins with a verb."""


def read(path: Path, most: int) -> bytes:
    """Returns the bytes of a file.

    Raises:
        OSError: it cannot be read.
        TooLarge: it has more than ``most`` bytes.
    """
    with regular_file.open_file(path) as stream:
        data = stream.read(most + 1)
    if len(data) > most:
        raise TooLarge(f"is larger than {in_words(most)}")
    return data


def gunzip(data: bytes, most: int) -> bytes:
    """Returns the content of a gzip file of one member; of a larger content, the first ``most`` bytes.

    Raises:
        EOFError: the data are truncated.
        zlib.error: they are not gzip.
    """
    if not data.startswith(b"\x1f\x8b"):
        raise zlib.error("it is not a gzip file")
    unpacker = zlib.decompressobj(wbits=31)
    content = unpacker.decompress(data, most)
    if len(content) < most and not unpacker.eof:
        raise EOFError("it is truncated")
    return content


def check_safetensors(path: Path) -> None:
    """Checks the sizes of a safetensors file before a library reads it.

    Raises:
        OSError: it cannot be read.
        TooLarge: the file, or its header, exceeds a limit.
    """
    with regular_file.open_file(path) as stream:
        if os.fstat(stream.fileno()).st_size > MAX_WEIGHTS_BYTES:
            raise TooLarge(f"is larger than {in_words(MAX_WEIGHTS_BYTES)}")
        length = int.from_bytes(stream.read(8), "little")
    if length > MAX_WEIGHTS_HEADER_BYTES:
        raise TooLarge(f"has a header of more than {in_words(MAX_WEIGHTS_HEADER_BYTES)}")


def unpack(stream: IO[bytes], unpacker: bz2.BZ2Decompressor | lzma.LZMADecompressor, most: int) -> bytes:
    """Returns the content of a stream packed with bzip2 or LZMA; of a larger content, the first ``most`` bytes."""
    parts, size = list[bytes](), 0
    while size < most and not unpacker.eof:
        packed = stream.read(_CHUNK_BYTES) if unpacker.needs_input else b""
        if not packed and unpacker.needs_input:
            break
        parts.append(unpacker.decompress(packed, most - size))
        size += len(parts[-1])
    return b"".join(parts)


def open_unpacked(path: Path) -> IO[bytes]:
    """Opens a file for reading from its start to its end; gzip, bzip2 and xz are unpacked, as the content says.

    Reading raises UserError beyond the limits of `SizeLimit`, and OSError, EOFError or zlib.error if the file is
    damaged. Memory does not depend on the file's size or content.
    """
    stream = regular_file.open_file(path)
    try:
        return unpacked(stream, path, path.stat().st_size)
    except BaseException:
        stream.close()
        raise


def unpacked(stream: io.BufferedReader, path: Path, packed: int) -> IO[bytes]:
    """Returns a stream of the unpacked bytes of another one, at its start; see `open_unpacked`.

    Args:
        stream: of a file, or of a member of an archive.
        path: of the source, for errors.
        packed: size of the file.
    """
    head = stream.peek(6)[:6]
    if head.startswith(b"\x1f\x8b"):
        inner: IO[bytes] = gzip.GzipFile(fileobj=stream)  # type: ignore[assignment]
    elif head.startswith(b"BZh"):
        inner = bz2.BZ2File(stream)
    elif head == b"\xfd7zXZ\x00":
        inner = io.BufferedReader(_Xz(stream), _CHUNK_BYTES)
    else:
        return stream
    return io.BufferedReader(_Counted(inner, stream, SizeLimit(path, packed)), _CHUNK_BYTES)


class SizeLimit:
    """Counts the bytes that a source gives after unpacking.

    Args:
        path: of the source, for errors.
        packed: size of the file that is unpacked, if it is one; `MAX_RATIO` times as much is accepted, unless the user
            has set another limit with `SOURCE_VARIABLE`.
    """

    def __init__(self, path: Path, packed: int | None = None) -> None:
        self._count, self._most = 0, MAX_SOURCE_BYTES
        self._problem = f"{path} has more than {in_words(self._most)}; to read more, set {SOURCE_VARIABLE}"
        if text := os.environ.get(SOURCE_VARIABLE, ""):
            if not (text.isascii() and text.isdecimal() and len(text) < 10):
                raise UserError(f"{SOURCE_VARIABLE}={text}: the limit must be a whole number of GiB.")
            self._most = int(text) << 30
            self._problem = f"{path} has more than the {text} GiB of {SOURCE_VARIABLE}"
        elif packed is not None and (plausible := max(RATIO_FROM, packed * MAX_RATIO)) < self._most:
            self._most = plausible
            self._problem = (
                f"{path} has {in_words(packed)} and unpacks to more than {in_words(plausible)}; if that is intended, "
                f"set {SOURCE_VARIABLE} to the GiB that may be read"
            )

    def add(self, size: int) -> None:
        """Counts more bytes.

        Raises:
            UserError: they exceed the limit.
        """
        self._count += size
        if self._count > self._most:
            raise UserError(f"{self._problem}.")


def in_words(size: int) -> str:
    """Formats a number of bytes, such as ``64 MiB``."""
    for unit, name in ((30, "GiB"), (20, "MiB"), (10, "KiB")):
        if size >= 1 << unit:
            return f"{size / (1 << unit):.4g} {name}"
    return f"{size} bytes"


class _Counted(io.RawIOBase):
    """Reads a stream of unpacked bytes up to the limit of its file."""

    def __init__(self, inner: IO[bytes], packed: IO[bytes], total: SizeLimit) -> None:
        self._inner, self._packed, self._total = inner, packed, total

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        size: int = self._inner.readinto(buffer)  # type: ignore[attr-defined]
        self._total.add(size)
        return size

    def close(self) -> None:
        self._inner.close()
        self._packed.close()
        super().close()


class _Xz(io.RawIOBase):
    """Reads an xz file; `lzma.open` would allocate whatever size of dictionary the file states."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._unpacker = self._new()

    @staticmethod
    def _new() -> lzma.LZMADecompressor:
        return lzma.LZMADecompressor(lzma.FORMAT_XZ, memlimit=LZMA_MEMORY)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        target = memoryview(buffer).cast("B")
        piece = b""
        while not piece:
            packed = b""
            if self._unpacker.eof:  # the next of several streams, after padding
                packed = self._unpacker.unused_data.lstrip(b"\0") or self._stream.read(_CHUNK_BYTES).lstrip(b"\0")
                if not packed:
                    return 0
                self._unpacker = self._new()
            elif self._unpacker.needs_input and not (packed := self._stream.read(_CHUNK_BYTES)):
                raise EOFError("it is truncated")
            try:
                piece = self._unpacker.decompress(packed, len(target))
            except lzma.LZMAError as error:
                raise OSError(str(error)) from error
        target[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._stream.close()
        super().close()
