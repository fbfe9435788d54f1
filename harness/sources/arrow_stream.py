"""Reads Arrow files and streams of untrusted origin in bounded memory.

Arrow reads a record batch at once, and allocates what its compressed buffers state. So each message is looked at before
Arrow sees it: a table of FlatBuffers with the places of the buffers, whose first eight bytes are their size after
unpacking (https://arrow.apache.org/docs/format/Columnar.html#encapsulated-message-format). A file is a stream between
two marks and a footer, so it is read as one.
"""

import io
import struct
from collections.abc import Collection, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, TYPE_CHECKING

from harness.errors import UserError
from harness.storage.bounded import SizeLimit, in_words
from harness.storage.parquet import BATCH_BYTES, BATCH_ROWS, MAX_LIST_BYTES, in_microseconds, value_bytes

if TYPE_CHECKING:
    import pyarrow as pa

FILE_MARK = b"ARROW1\0\0"
CONTINUATION = b"\xff\xff\xff\xff"  # begins a message, since Arrow 0.15
MAX_BATCH_BYTES = 512 * 2**20  # of a record batch, and of all dictionaries, after unpacking
_MAX_METADATA_BYTES = 16 * 2**20
_DICTIONARY, _BATCH = 2, 3  # types of messages
_ROW_BYTES = 256  # least that a row counts: a batch of nulls may state any number of rows


class ArrowStream:
    """An Arrow file or stream, to be used in a ``with`` statement, which turns Arrow's errors into `UserError`.

    Attributes:
        schema: of its columns.
    """

    def __init__(self, title: str, stream: IO[bytes], packed: int) -> None:
        """Prepares to read a stream of a file.

        Args:
            title: of the file, for errors.
            stream: of its bytes after unpacking.
            packed: size of the file.
        """
        self._title, self._packed = title, packed
        self._messages = _Messages(title, stream)
        self.schema: pa.Schema

    def __enter__(self) -> "ArrowStream":
        try:
            self.schema = self._messages.schema()
        except BaseException as error:
            self.__exit__(type(error), error, None)
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        import pyarrow as pa

        if isinstance(error, pa.ArrowException | struct.error | _Damaged):
            reason = " ".join(str(error).split())[:300]
            raise UserError(f"{self._title} is not an Arrow file, or damaged ({reason}).") from error

    def batches(self, columns: Collection[str]) -> "Iterator[pa.RecordBatch]":
        """Yields the rows in batches of bounded size.

        Raises:
            UserError: a batch exceeds a limit, or a column has a type that is not read.
        """
        import pyarrow as pa

        names = sorted(columns)
        for name in names:
            if not _is_plain(self.schema.field(name).type):
                raise UserError(
                    f"{self._title}: the column {name} has the type {self.schema.field(name).type}, which is not read; "
                    "write it as text or a number."
                )
        options = pa.ipc.IpcReadOptions(included_fields=[self.schema.get_field_index(name) for name in names])
        with pa.ipc.open_stream(self._messages, options=options) as reader:
            total = SizeLimit(Path(self._title), self._packed)
            for batch in reader:
                arrays = [_checked(batch.column(name)) for name in names]
                yield from self._slices(in_microseconds(pa.RecordBatch.from_arrays(arrays, names)), total)

    def _slices(self, batch: "pa.RecordBatch", total: SizeLimit) -> "Iterator[pa.RecordBatch]":
        """Yields a batch in parts whose values take a bounded size, and counts them."""
        size = sum(map(value_bytes, batch.columns)) + len(batch) * _ROW_BYTES
        if len(batch) <= 1 and size > MAX_LIST_BYTES:
            raise UserError(f"{self._title}: a row takes {in_words(size)}; the limit is {in_words(MAX_LIST_BYTES)}.")
        if len(batch) <= 1 or (len(batch) <= BATCH_ROWS and size <= BATCH_BYTES):
            total.add(size)
            yield batch
        else:
            half = len(batch) // 2
            yield from self._slices(batch.slice(0, half), total)
            yield from self._slices(batch.slice(half), total)


class _Damaged(ValueError):
    """Raised for a message that is not in order."""


class _Messages(io.RawIOBase):
    """Reads a stream of messages, each of which is checked before the first of its bytes is given."""

    def __init__(self, title: str, stream: IO[bytes]) -> None:
        self._title, self._stream = title, stream
        self._waiting = b""
        self._dictionaries = 0

    def schema(self) -> "pa.Schema":
        """Returns the schema, the first message, which is read again."""
        import pyarrow as pa

        head = self._stream.read(len(FILE_MARK))
        self._waiting = self._message(b"" if head == FILE_MARK else head)
        return pa.ipc.read_schema(pa.py_buffer(self._waiting))

    def readable(self) -> bool:
        return True

    def read(self, size: int | None = -1, /) -> bytes:
        if not self._waiting:
            self._waiting = self._message(b"")
        whole = size is None or size < 0 or size >= len(self._waiting)
        piece = self._waiting if whole else self._waiting[:size]
        self._waiting = b"" if whole else self._waiting[size:]
        return piece

    def _message(self, head: bytes) -> bytes:
        """Returns the next message with its body; empty at the end."""
        head = head or self._stream.read(4)
        if head[:4] == CONTINUATION:
            head = head if len(head) == 8 else head + self._stream.read(4)
            size = int.from_bytes(head[4:8], "little", signed=True)
            prefix = 8
        else:  # before Arrow 0.15
            size = int.from_bytes(head[:4], "little", signed=True)
            prefix = 4
        if size == 0 or not head:
            return head
        if size < 0 or size > _MAX_METADATA_BYTES:
            raise UserError(f"{self._title}: a message has metadata of more than {in_words(_MAX_METADATA_BYTES)}.")
        metadata = head[prefix:] + self._stream.read(size - (len(head) - prefix))
        if len(metadata) < size:
            raise _Damaged("it ends within a message")
        table = _Table.root(metadata)
        kind, header = table.number(1, "<B"), table.table(2)
        length = table.number(3, "<q")
        if not 0 <= length <= MAX_BATCH_BYTES:
            raise self._too_large(length)
        body = self._stream.read(length)
        if len(body) < length:
            raise _Damaged("it ends within a record batch")
        if kind in (_BATCH, _DICTIONARY) and header:
            batch = header if kind == _BATCH else header.table(1)
            unpacked = max(length, _unpacked_bytes(batch, body) if batch else 0)
            self._dictionaries += unpacked if kind == _DICTIONARY else 0
            if max(unpacked, self._dictionaries) > MAX_BATCH_BYTES:
                raise self._too_large(max(unpacked, self._dictionaries))
        return head[:prefix] + metadata + body

    def _too_large(self, size: int) -> UserError:
        return UserError(
            f"{self._title}: a record batch takes {in_words(size)}; the limit is {in_words(MAX_BATCH_BYTES)}. Write it "
            "with fewer rows in a batch."
        )


def _unpacked_bytes(batch: "_Table", body: bytes) -> int:
    """Returns how many bytes the compressed buffers of a batch state."""
    if batch.table(3) is None:
        return 0
    total = 0
    for offset, length in batch.pairs(2):
        if not 0 <= offset <= offset + length <= len(body):
            raise _Damaged("a buffer lies outside of its message")
        if length >= 8:
            total += max(int.from_bytes(body[offset : offset + 8], "little", signed=True), 0)
    return total


class _Table:
    """A table of FlatBuffers: its fields by number."""

    def __init__(self, data: bytes, at: int) -> None:
        self._data, self._at = data, at
        self._fields = at - self._get("<i", at)
        self._size = self._get("<H", self._fields)

    @classmethod
    def root(cls, data: bytes) -> "_Table":
        """Returns the table at the root of a buffer."""
        return cls(data, int.from_bytes(data[:4], "little"))

    def number(self, field: int, form: str) -> int:
        """Returns a number; 0 if it is absent."""
        at = self._place(field)
        return self._get(form, at) if at else 0

    def table(self, field: int) -> "_Table | None":
        """Returns a table in this one; None if it is absent."""
        at = self._place(field)
        return _Table(self._data, at + self._get("<I", at)) if at else None

    def pairs(self, field: int) -> Iterator[tuple[int, int]]:
        """Yields the structs of a vector, each of two 64-bit numbers."""
        if at := self._place(field):
            at += self._get("<I", at)
            for index in range(self._get("<I", at)):
                place = at + 4 + 16 * index
                yield self._get("<q", place), self._get("<q", place + 8)

    def _place(self, field: int) -> int:
        slot = 4 + 2 * field
        offset = self._get("<H", self._fields + slot) if slot < self._size else 0
        return self._at + offset if offset else 0

    def _get(self, form: str, at: int) -> int:
        if at < 0:
            raise _Damaged("its metadata are damaged")
        return int(struct.unpack_from(form, self._data, at)[0])


def _is_plain(kind: "pa.DataType") -> bool:
    """Whether values of a type take as much memory as their bytes in the file, or a dictionary of such values."""
    import pyarrow as pa

    t = pa.types
    if t.is_dictionary(kind):
        return _is_plain(kind.value_type) and not kind.value_type.num_fields
    if t.is_list(kind) or t.is_large_list(kind):
        return _is_plain(kind.value_type) and not _is_view(kind.value_type)
    if t.is_struct(kind):
        return all(
            _is_plain(kind.field(at).type) and not _is_view(kind.field(at).type) for at in range(kind.num_fields)
        )
    is_text = t.is_string(kind) or t.is_large_string(kind) or t.is_binary(kind) or t.is_large_binary(kind)
    return is_text or _is_view(kind) or t.is_fixed_size_binary(kind) or t.is_primitive(kind) or t.is_null(kind)


def _is_view(kind: "pa.DataType") -> bool:
    return str(kind) in ("string_view", "binary_view")


def _checked(array: "pa.Array") -> "pa.Array":
    """Returns a column whose offsets and indices are in order; its text may be any bytes."""
    import pyarrow as pa
    import pyarrow.compute as pc

    t = pa.types
    if t.is_string(array.type) or t.is_large_string(array.type):
        array.view(pa.binary() if t.is_string(array.type) else pa.large_binary()).validate(full=True)
    elif t.is_dictionary(array.type):
        array.dictionary.validate()
        array.indices.validate(full=True)
        bounds = pc.min_max(array.indices).as_py()
        if bounds["max"] is not None and not 0 <= bounds["min"] <= bounds["max"] < len(array.dictionary):
            raise _Damaged("a value refers outside of its dictionary")
        _checked(array.dictionary)
    elif _is_view(array.type):
        array.view(pa.binary_view()).validate(full=True)
    else:
        array.validate(full=True)
    return array
