"""Reads the headers of a Parquet file's pages, which state how many bytes each page takes.

Arrow reads a page at once, and allocates what its header states; the sizes in the footer are not compared with it.
Arrow offers no way to see the headers or to limit them, so they are read here: a struct in Thrift's compact protocol,
see https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow.parquet as pq

PLAIN, DELTA_LENGTH_BYTE_ARRAY = 0, 6  # encodings that contain every byte of every value
DICTIONARY_ENCODINGS = (2, 8)
_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3  # types of pages
_HEADER_FIELDS = {_DATA: 5, _DICTIONARY: 7, _DATA_V2: 8}  # field of a page's header for its type
_ENCODING_FIELDS = {_DATA: 2, _DICTIONARY: 2, _DATA_V2: 4}
_USUAL_HEADER_BYTES, _MAX_HEADER_BYTES = 512, 16 * 2**20  # the latter is Arrow's own limit
_MAX_DEPTH = 16  # of structs in a header


@dataclass(frozen=True)
class Page:
    """A page of a column chunk.

    Attributes:
        size: bytes after unpacking.
        values: number of values, nulls included.
        encoding: of its values.
        is_dictionary: whether it holds the values that other pages refer to.
    """

    size: int
    values: int
    encoding: int
    is_dictionary: bool


def pages(stream: IO[bytes], chunk: "pq.ColumnChunkMetaData") -> Iterator[Page]:
    """Yields the pages of a column chunk that Arrow would read.

    Raises:
        ValueError: a header is damaged.
    """
    position = chunk.data_page_offset
    if chunk.dictionary_page_offset is not None and 0 < chunk.dictionary_page_offset < position:
        position = chunk.dictionary_page_offset
    values = 0
    while values < chunk.num_values:
        fields, length = _header(stream, position)
        kind, size, packed_size = (fields.get(field) for field in (1, 2, 3))
        if not isinstance(kind, int) or not isinstance(size, int) or not isinstance(packed_size, int):
            raise ValueError("a page's header is incomplete")
        details = fields.get(_HEADER_FIELDS.get(kind, 0), {})
        if min(size, packed_size) < 0 or not isinstance(details, dict):
            raise ValueError("a page's header is damaged")
        if kind in _HEADER_FIELDS:
            count, encoding = details.get(1), details.get(_ENCODING_FIELDS[kind])
            if not isinstance(count, int) or not isinstance(encoding, int) or count < 0:
                raise ValueError("a page's header is damaged")
            yield Page(size, count, encoding, kind == _DICTIONARY)
            values += 0 if kind == _DICTIONARY else count
        position += length + packed_size


def _header(stream: IO[bytes], position: int) -> tuple[dict[int, Any], int]:
    """Returns the fields of the header at a position, and its length."""
    for most in (_USUAL_HEADER_BYTES, _MAX_HEADER_BYTES):
        stream.seek(position)
        reader = _Compact(stream.read(most))
        try:
            return reader.struct(0), reader.position
        except IndexError:
            continue
    raise ValueError("a page's header is truncated")


class _Compact:
    """Reads values of Thrift's compact protocol; raises IndexError at the end of the data."""

    def __init__(self, data: bytes) -> None:
        self._data, self.position = data, 0

    def struct(self, depth: int) -> dict[int, Any]:
        """Returns the values of a struct by field id."""
        if depth > _MAX_DEPTH:
            raise ValueError("a page's header is nested too deeply")
        fields: dict[int, Any] = {}
        field = 0
        while byte := self._byte():
            field = field + (byte >> 4) if byte >> 4 else self._zigzag()
            kind = byte & 0x0F
            fields[field] = kind == 1 if kind in (1, 2) else self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2, 3):
            return self._byte()
        if kind in (4, 5, 6):
            return self._zigzag()
        if kind in (7, 8):
            return self._skip(8 if kind == 7 else self._varint())
        if kind in (9, 10):
            byte = self._byte()
            size = byte >> 4 if byte >> 4 < 15 else self._varint()
            for _ in range(size):
                self._value(byte & 0x0F, depth + 1)
            return None
        if kind == 12:
            return self.struct(depth + 1)
        raise ValueError("a page's header is damaged")

    def _skip(self, size: int) -> None:
        self.position += size
        if self.position > len(self._data):
            raise IndexError

    def _byte(self) -> int:
        byte = self._data[self.position]
        self.position += 1
        return byte

    def _varint(self) -> int:
        value = shift = 0
        while True:
            byte = self._byte()
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                return value
            shift += 7
            if shift > 63:
                raise ValueError("a page's header is damaged")

    def _zigzag(self) -> int:
        value = self._varint()
        return value >> 1 ^ -(value & 1)
