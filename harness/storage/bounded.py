"""Reads files of untrusted origin within limits of memory: whole files, compressed files, and JSON.

A file of a few hundred bytes can unpack to gigabytes, and a JSON text can take a hundred times its size as Python
objects. So a limit applies to bytes after unpacking, and JSON is measured before it is parsed.
"""

import bz2
import gzip
import io
import json
import lzma
import os
import sys
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import numpy as np

from harness.errors import UserError

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

MAX_SOURCE_BYTES = 64 * 2**30  # of a source after unpacking
SOURCE_VARIABLE = "HARNESS_MAX_SOURCE_GIB"  # environment variable that replaces this limit
MAX_RATIO = 200  # size after unpacking, relative to the size of the file
RATIO_FROM = 256 * 2**20  # bytes; below this size, any ratio is accepted
MAX_WEIGHTS_BYTES = 16 * 2**30  # of a file of arrays
MAX_WEIGHTS_HEADER_BYTES = 2**20  # names and shapes of some ten thousand arrays
JSON_MEMORY = 2**30  # bytes that a JSON text may take as Python objects
LZMA_MEMORY = 256 * 2**20  # bytes; ``xz -9`` needs 65 MiB to unpack
_CHUNK_BYTES = 2**16  # bytes per read of a compressed file

# Bytes of memory that a character outside of strings can cost, measured with CPython 3.11: `[0]`, `{"": 0}`, and an
# integer or a short string with its place in a list.
_COSTS = {ord("["): 112, ord("{"): 208, ord(","): 80}
_LARGEST_COST = max(_COSTS.values())


class TooLarge(ValueError):
    """Raised for data beyond a limit; the message says the limit, and begins with a verb."""


def read(path: Path, most: int) -> bytes:
    """Returns the bytes of a file.

    Raises:
        OSError: it cannot be read.
        TooLarge: it has more than ``most`` bytes.
    """
    with path.open("rb") as stream:
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
    if path.stat().st_size > MAX_WEIGHTS_BYTES:
        raise TooLarge(f"is larger than {in_words(MAX_WEIGHTS_BYTES)}")
    with path.open("rb") as stream:
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


def load_json(data: bytes, memory: int = JSON_MEMORY) -> Any:
    """Returns the value of a JSON text.

    Raises:
        TooLarge: it can take more than ``memory`` bytes.
        ValueError: it is not JSON, is nested too deeply, or has an integer that is too long.
    """
    if len(data) * _LARGEST_COST > memory:  # rarely, so nothing is counted for a usual line
        check_json(data, memory)
    try:
        return json.loads(data)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error
    except UnicodeDecodeError as error:
        raise ValueError("it is not UTF-8") from error
    except json.JSONDecodeError:
        raise
    except ValueError as error:  # Python's advice is to raise its limit
        raise ValueError(f"it has an integer of more than {sys.get_int_max_str_digits()} digits") from error


def check_json(data: bytes, memory: int = JSON_MEMORY) -> None:
    """Checks that a JSON text cannot take more than ``memory`` bytes as Python objects.

    Raises:
        TooLarge: it can.
    """
    # The text, and the strings of the values, have one to four bytes per character, as the widest character needs.
    text = len(data) * (1 + 2 * _width(data))
    if text + sum(cost * data.count(character) for character, cost in _COSTS.items()) <= memory:
        return
    if text + _structure_cost(data) > memory:
        raise TooLarge(f"takes more than {in_words(memory)} of memory as JSON values")


def _width(data: bytes) -> int:
    if b"\\u" in data:
        return 4
    highest = int(np.frombuffer(data, np.uint8).max(initial=0))
    return 4 if highest >= 0xF0 else 2 if highest >= 0xC4 else 1


def _structure_cost(data: bytes) -> int:
    """Returns the cost of the characters outside of strings, where commas and brackets have no meaning."""
    plain = np.frombuffer(data.replace(b"\\\\", b"").replace(b'\\"', b""), np.uint8)
    outside = ~np.logical_xor.accumulate(plain == ord('"'))
    return sum(cost * int(np.count_nonzero(outside & (plain == character))) for character, cost in _COSTS.items())


def open_unpacked(path: Path) -> IO[bytes]:
    """Opens a file for reading from its start to its end; gzip, bzip2 and xz are unpacked, as the content says.

    Reading raises UserError beyond the limits of `SizeLimit`, and OSError, EOFError or zlib.error if the file is
    damaged. Memory does not depend on the file's size or content.
    """
    with path.open("rb") as stream:
        head = stream.read(6)
    if head.startswith(b"\x1f\x8b"):
        inner: IO[bytes] = gzip.GzipFile(path)  # type: ignore[assignment]
    elif head.startswith(b"BZh"):
        inner = bz2.BZ2File(path)
    elif head == b"\xfd7zXZ\x00":
        inner = io.BufferedReader(_Xz(path), _CHUNK_BYTES)
    else:
        return path.open("rb")
    return io.BufferedReader(_Counted(inner, path), _CHUNK_BYTES)


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

    def __init__(self, inner: IO[bytes], path: Path) -> None:
        self._inner, self._total = inner, SizeLimit(path, path.stat().st_size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        size: int = self._inner.readinto(buffer)  # type: ignore[attr-defined]
        self._total.add(size)
        return size

    def close(self) -> None:
        self._inner.close()
        super().close()


class _Xz(io.RawIOBase):
    """Reads an xz file; `lzma.open` would allocate whatever size of dictionary the file states."""

    def __init__(self, path: Path) -> None:
        self._stream = path.open("rb")
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
