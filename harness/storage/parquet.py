"""Reads Parquet files of untrusted origin in bounded memory.

A dictionary makes a file of some hundred bytes hold gigabytes: one long value, and a million references to it. So the
number of rows that are read at a time follows from the sizes of the pages, which bound the sizes of the values.
"""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING

from harness import regular_file
from harness.errors import UserError
from harness.storage.bounded import SizeLimit, in_words
from harness.storage.parquet_pages import DELTA_LENGTH_BYTE_ARRAY, DICTIONARY_ENCODINGS, PLAIN, Chunk, chunks, pages

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

MAX_FOOTER_BYTES = 16 * 2**20  # Arrow takes about twenty times as much to read it
MAX_PAGE_BYTES = 256 * 2**20  # of the largest pages of all columns that are read, together, after unpacking
BATCH_BYTES = 128 * 2**20  # upper bound of the values that are read at a time, apart from whole pages
BATCH_ROWS = 1024
MAX_LIST_BYTES = 512 * 2**20  # of a list column in one row group, and of its values in one batch
_MAX_ITEMS = 100_000  # columns, row groups or other items of a list in the footer
_VALUE_BYTES = 32  # of a value of fixed size with its place in a list, as a Python object


@contextmanager
def open_parquet(path: Path) -> "Iterator[pq.ParquetFile]":
    """Opens a Parquet file whose footer is within the limits.

    Raises:
        UserError: it is not a Parquet file, or exceeds a limit; also for such errors while the file is open.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        _check_footer(path)
        options = {"thrift_string_size_limit": MAX_FOOTER_BYTES, "thrift_container_size_limit": _MAX_ITEMS}
        with pq.ParquetFile(path, **options) as file:
            metadata, columns = file.metadata, map(file.schema.column, range(file.metadata.num_columns))
            # The values of lists stay encoded until their size is known: a row may refer to one value a million times.
            encoded = [c.path for c in columns if c.max_repetition_level and c.physical_type == "BYTE_ARRAY"]
        # Without a buffer, or with pre_buffer, Arrow reads a column of a row group at once.
        with pq.ParquetFile(
            path, metadata=metadata, read_dictionary=encoded, buffer_size=2**20, pre_buffer=False, **options
        ) as file:
            yield file
    except (pa.ArrowException, OSError, RuntimeError, UnicodeDecodeError) as error:  # the last two for damaged footers
        raise UserError(f"{path} is not a Parquet file, or damaged ({' '.join(str(error).split())[:300]}).") from error


def batches(path: Path, file: "pq.ParquetFile", columns: Collection[str]) -> "Iterator[pa.RecordBatch]":
    """Yields the rows of an open file in batches of bounded size.

    Args:
        path: of the file.
        file: from `open_parquet`.
        columns: names of the columns to read.

    Raises:
        UserError: the pages or the values exceed a limit, or are damaged.
    """
    total = SizeLimit(path, path.stat().st_size)
    with path.open("rb") as stream:
        for group, of_group in enumerate(_chunks(path, stream, file)):
            rows = _rows_per_batch(path, stream, file, group, of_group, columns)
            for batch in file.iter_batches(rows, [group], sorted(columns), use_threads=False):
                for name, array in zip(batch.schema.names, batch.columns, strict=True):
                    size = value_bytes(array)
                    total.add(size)
                    if size > MAX_LIST_BYTES and array.type.num_fields:
                        raise _large_lists(path, group, name, size)
                yield in_microseconds(batch)


def in_microseconds(batch: "pa.RecordBatch") -> "pa.RecordBatch":
    """Returns a batch whose times are cut to microseconds, since Python has no type for nanoseconds."""
    import pyarrow as pa

    for index, column in enumerate(batch.schema):
        if pa.types.is_timestamp(column.type) and column.type.unit == "ns":
            times = batch.column(index).cast(pa.timestamp("us", column.type.tz), safe=False)
            batch = batch.set_column(index, column.name, times)
    return batch


def _check_footer(path: Path) -> None:
    with regular_file.open_file(path) as stream:
        size = stream.seek(0, 2)
        stream.seek(max(size - 8, 0))
        length, magic = int.from_bytes(stream.read(4), "little"), stream.read(4)
    if magic not in (b"PAR1", b"PARE") or length > size:
        raise UserError(f"{path} is not a Parquet file (its end is missing).")
    if length > MAX_FOOTER_BYTES:
        raise UserError(
            f"{path}: its footer has {in_words(length)}; the limit is {in_words(MAX_FOOTER_BYTES)}. Write it with "
            "fewer row groups or columns."
        )


def _chunks(path: Path, stream: IO[bytes], file: "pq.ParquetFile") -> list[list[Chunk]]:
    """Returns the column chunks of each row group, as many as Arrow found."""
    stream.seek(-8 - file.metadata.serialized_size, 2)
    try:
        found = chunks(stream.read(file.metadata.serialized_size))
    except ValueError as error:
        raise UserError(f"{path} is damaged: {error}.") from error
    if [file.metadata.num_columns] * file.metadata.num_row_groups != list(map(len, found)):
        raise UserError(f"{path} is damaged: its row groups differ in their number of columns.")
    return found


def _rows_per_batch(
    path: Path,
    stream: IO[bytes],
    file: "pq.ParquetFile",
    group: int,
    of_group: Sequence[Chunk],
    columns: Collection[str],
) -> int:
    """Returns how many rows of a row group can be read at a time."""
    page_bytes, row_bytes = 0, 0.0
    for index in range(file.metadata.num_columns):
        column = file.schema.column(index)
        if any(column.path == name or column.path.startswith(f"{name}.") for name in columns):
            try:
                sizes = _sizes(stream, of_group[index], column.physical_type)
            except ValueError as error:
                raise UserError(f"{path} is damaged: row group {group}, column {column.path}: {error}.") from error
            page_bytes += sizes.largest_page
            if not column.max_repetition_level:
                row_bytes += sizes.per_value
            elif sizes.encoded > MAX_LIST_BYTES:  # of a list column, one row can have all values
                raise _large_lists(path, group, column.path, sizes.encoded)
    if page_bytes > MAX_PAGE_BYTES:
        raise UserError(
            f"{path}: row group {group}: its largest pages take {in_words(page_bytes)}; the limit is "
            f"{in_words(MAX_PAGE_BYTES)}. Write it with smaller pages."
        )
    return max(1, min(BATCH_ROWS, int(BATCH_BYTES / max(row_bytes, 1))))


def _large_lists(path: Path, group: int, column: str, size: int) -> UserError:
    return UserError(
        f"{path}: row group {group}: the lists of {column} take {in_words(size)}; the limit is "
        f"{in_words(MAX_LIST_BYTES)}. Write it with smaller row groups."
    )


@dataclass
class _Sizes:
    """Sizes of a column chunk in bytes.

    Attributes:
        largest_page: of one page.
        per_value: upper bound of a batch per value, in addition to two pages.
        encoded: upper bound of all values, where those of a dictionary stay encoded.
    """

    largest_page: int = 0
    per_value: float = 0.0
    encoded: int = 0


def _sizes(stream: IO[bytes], chunk: Chunk, physical_type: str) -> _Sizes:
    """Returns the sizes of a column chunk.

    A value is not longer than the page that holds it: a page of the dictionary, or one whose values share prefixes.
    Other pages contain every byte of every value; a batch covers some of them in full, which have at most the largest
    average size per value, and parts of at most two more.
    """
    sizes = _Sizes()
    has_bytes = physical_type in ("BYTE_ARRAY", "FIXED_LEN_BYTE_ARRAY")
    dictionary = 0
    for page in pages(stream, chunk):
        sizes.largest_page = max(sizes.largest_page, page.size)
        if page.is_dictionary:
            dictionary = page.size
            sizes.encoded += page.size
            continue
        per_value, encoded = page.size / max(page.values, 1), page.size
        if has_bytes and page.encoding in DICTIONARY_ENCODINGS:
            per_value, encoded = dictionary, 0
        elif has_bytes and page.encoding not in (PLAIN, DELTA_LENGTH_BYTE_ARRAY):
            per_value, encoded = page.size, page.size * page.values
        sizes.per_value = max(sizes.per_value, per_value)
        sizes.encoded += encoded + page.values * _VALUE_BYTES
    return sizes


def value_bytes(array: "pa.Array") -> int:
    """Returns the size of an array's values, where those of a dictionary count as often as they occur."""
    import numpy as np
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_dictionary(array.type):
        values = array.dictionary
        if pa.types.is_large_string(values.type) or pa.types.is_large_binary(values.type) or _is_short(values.type):
            lengths = pc.binary_length(values).cast(pa.int64())
            return int(pc.sum(lengths.take(array.indices)).as_py() or 0)
    elif str(array.type) in ("string_view", "binary_view") and len(array):  # of which many may show the same bytes
        views = np.frombuffer(array.buffers()[1], np.int32)[::4]
        return int(views[array.offset : array.offset + len(array)].sum(dtype=np.int64))
    elif array.type.num_fields:
        parts = array.flatten()
        return sum(map(value_bytes, parts if isinstance(parts, list) else [parts]))
    return int(array.nbytes)


def _is_short(kind: "pa.DataType") -> bool:
    import pyarrow as pa

    return bool(pa.types.is_string(kind) or pa.types.is_binary(kind))
