"""Reads the headers of a Parquet file's pages, which state how many bytes each page takes.

Arrow reads a page at once, and allocates what its header states; the sizes in the footer are not compared with it.
Arrow offers no way to see the headers or to limit them, so they are read here, and where they begin from the footer:
Arrow gives access to that too, but ends the process where the statistics of a column chunk are damaged. The structs are
those of https://github.com/apache/parquet-format/blob/master/src/main/thrift/parquet.thrift.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

from harness.storage.thrift_compact import CompactReader

PLAIN, DELTA_LENGTH_BYTE_ARRAY = 0, 6  # encodings that contain every byte of every value
DICTIONARY_ENCODINGS = (2, 8)
_DATA, _DICTIONARY, _DATA_V2 = 0, 2, 3  # types of pages
_HEADER_FIELDS = {_DATA: 5, _DICTIONARY: 7, _DATA_V2: 8}  # field of a page's header for its type
_ENCODING_FIELDS = {_DATA: 2, _DICTIONARY: 2, _DATA_V2: 4}
_USUAL_HEADER_BYTES, _MAX_HEADER_BYTES = 512, 16 * 2**20  # the latter is Arrow's own limit


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


@dataclass(frozen=True)
class Chunk:
    """Where a column chunk, the values of a column in one row group, begins.

    Attributes:
        values: number of values, nulls included.
        data_page: offset of its first data page in the file.
        dictionary_page: offset of its dictionary; 0 if it has none.
    """

    values: int
    data_page: int
    dictionary_page: int


def chunks(footer: bytes) -> list[list[Chunk]]:
    """Returns the column chunks of each row group, in the order of the columns.

    Args:
        footer: of a file, without its length and the magic bytes; Arrow has accepted it.

    Raises:
        ValueError: it is damaged.
    """
    try:
        return [
            [_chunk(column.get(3)) for column in group.get(1) or []]
            for group in CompactReader(footer).struct().get(4) or []
        ]
    except (IndexError, AttributeError, TypeError) as error:
        raise ValueError("the footer is damaged") from error


def _chunk(metadata: dict[int, Any]) -> Chunk:
    values, data, dictionary = metadata.get(5), metadata.get(9), metadata.get(11, 0)
    if not (isinstance(values, int) and isinstance(data, int) and isinstance(dictionary, int)) or min(values, data) < 0:
        raise ValueError("a column chunk in the footer is damaged")
    return Chunk(values, data, dictionary)


def pages(stream: IO[bytes], chunk: Chunk) -> Iterator[Page]:
    """Yields the pages of a column chunk that Arrow would read.

    Raises:
        ValueError: a header is damaged.
    """
    position = chunk.data_page
    if 0 < chunk.dictionary_page < position:
        position = chunk.dictionary_page
    values = 0
    while values < chunk.values:
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
        reader = CompactReader(stream.read(most))
        try:
            return reader.struct(), reader.position
        except IndexError:
            continue
    raise ValueError("a page's header is truncated")
