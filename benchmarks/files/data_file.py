"""One file of a source, whose format is recognized by its first bytes, not by its name."""

import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING

from harness import sources

from .encodings import as_utf8, encoding_of, recoded

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

HEAD_BYTES = 2**16  # of a file that are looked at to recognize its format
_BLOCK_BYTES = 2**16


@dataclass(frozen=True)
class DataFile:
    """One file of a source.

    Attributes:
        title: how errors name it.
        name: its path within the source, with forward slashes; its own name if it is the source.
        path: where it is on disk; None for a member of an archive.
        size: in bytes, before unpacking.
        head: its first bytes, after unpacking, and as UTF-8 if it is text in UTF-16 or UTF-32.
        encoding: codec of UTF-16 or UTF-32; empty for any other content.
        open_bytes: returns a stream of its unpacked bytes; of a file of a folder or an archive, once.
    """

    title: str
    name: str
    path: Path | None
    size: int
    head: bytes
    encoding: str
    open_bytes: Callable[[], IO[bytes]]

    def open(self) -> IO[bytes]:
        """Returns a stream of its bytes, as UTF-8 if it is text in UTF-16 or UTF-32."""
        stream = self.open_bytes()
        return recoded(stream, self.encoding) if self.encoding else stream

    @property
    def suffix(self) -> str:
        """Suffix of its name in lower case, without that of its packing: ``.csv`` for ``A.CSV.gz``."""
        name = PurePosixPath(self.name.lower())
        return PurePosixPath(name.stem).suffix if name.suffix in (".gz", ".bz2", ".xz") else name.suffix

    @property
    def text(self) -> bytes:
        """The head without a byte order mark and white space at its start."""
        return self.head.removeprefix(b"\xef\xbb\xbf").lstrip()


def on_disk(path: Path) -> DataFile:
    """Returns a file on disk.

    Raises:
        OSError: it cannot be read; also other `sources.READ_ERRORS` if it is packed and damaged.
    """
    with sources.open_unpacked(path) as stream:
        head = stream.read(HEAD_BYTES)
    encoding = encoding_of(head)
    text, size = as_utf8(head, encoding), path.stat().st_size
    return DataFile(str(path), path.name, path, size, text, encoding, lambda: sources.open_unpacked(path))


def within(root: Path, member: sources.SourceStream) -> DataFile:
    """Returns a file of a folder or an archive; raises what reading it may raise."""
    head = member.stream.read(HEAD_BYTES)
    whole = io.BufferedReader(_Joined(head, member.stream), _BLOCK_BYTES)
    encoding = encoding_of(head)
    place = root / member.path
    title, path = (str(place), place) if root.is_dir() else (f"{root}: {member.path}", None)
    return DataFile(title, member.path, path, member.size, as_utf8(head, encoding), encoding, lambda: whole)


class _Joined(io.RawIOBase):
    """Reads the head of a stream again, and then the rest."""

    def __init__(self, head: bytes, rest: IO[bytes]) -> None:
        self._head, self._rest = head, rest

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: "WriteableBuffer", /) -> int:
        target = memoryview(buffer).cast("B")
        piece = self._head[: len(target)] or self._rest.read(len(target))
        self._head = self._head[len(piece) :]
        target[: len(piece)] = piece
        return len(piece)
