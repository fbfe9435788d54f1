"""Reads the rows of a file in any supported format, or of a folder of requests, one at a time."""

import csv
import gzip
import io
import json
import re
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

from harness import UserError, nearest, regular_file, sources

from .field_types import MAX_PAYLOAD_BYTES

_MAX_LINE_BYTES = (
    8 * MAX_PAYLOAD_BYTES
)  # bytes of a line: a payload may be written in JSON escapes, six characters per byte
RAW_COLUMNS = ("payload", "folder", "path")  # columns of a folder of requests


@dataclass(frozen=True)
class RawRow:
    """One row before its values are converted.

    Attributes:
        place: its location in the source, in words, such as ``line 3``.
        values: value by column; None if the row cannot be read.
        problem: why it cannot be read.
    """

    place: str
    values: dict[str, Any] | None
    problem: str = ""


def rows(path: Path, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    """Yields the rows of a file or a folder, and checks that every column exists.

    Args:
        path: a file (JSONL, CSV, TSV, Parquet; the first three also as .gz), a folder or an archive of raw requests.
        columns: names of the columns to read.
        tally: counts files of a folder that are left out.

    Raises:
        UserError: it cannot be read, has no rows, or lacks a column.
    """
    reader = _reader(path)
    names: set[str] = set()
    count = 0
    try:
        for row in reader(path, columns, tally):
            count += 1
            names.update(row.values or ())
            yield row
    except (OSError, EOFError) as error:
        raise UserError(f"{path} cannot be read: {error}.") from error
    if not count:
        raise UserError(f"{path} has no rows." if path.is_dir() or path.stat().st_size else f"{path} is empty.")
    if names:
        for column in sorted(set(columns) - names):
            raise UserError(f"{path} has no column {column}; {nearest(column, sorted(names))}")


def is_raw(path: Path) -> bool:
    """Whether a path is a folder or an archive of raw requests, whose columns are `RAW_COLUMNS`."""
    return path.is_dir() or re.search(r"\.(?:zip|tar|tgz|tar\.\w+)$", path.name.lower()) is not None


def _reader(path: Path) -> Callable[[Path, Collection[str], sources.SourceTally], Iterator[RawRow]]:
    if is_raw(path):
        return _raw
    suffix = PurePosixPath(path.name.lower().removesuffix(".gz")).suffix
    return {".parquet": _parquet, ".csv": _csv, ".tsv": _csv}.get(suffix, _json_lines)


def _open(path: Path) -> IO[bytes]:
    try:
        file = regular_file.open_file(path)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror}).") from error
    return gzip.open(file, "rb") if path.suffix.lower() == ".gz" else file  # type: ignore[return-value]


def _json_lines(path: Path, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    with _open(path) as stream:
        for number, line in enumerate(_lines(stream), start=1):
            place = f"line {number}"
            if line is None:
                yield RawRow(place, None, f"it is longer than {_MAX_LINE_BYTES >> 20} MiB")
            elif line.strip():
                yield _parse(place, line)


def _lines(stream: IO[bytes]) -> Iterator[bytes | None]:
    """Yields the lines of a stream; None for a line that is too long, which is never held in memory as a whole."""
    while line := stream.readline(_MAX_LINE_BYTES):
        if line.endswith(b"\n") or len(line) < _MAX_LINE_BYTES:
            yield line
            continue
        while (rest := stream.readline(_MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
            pass
        yield None


def _parse(place: str, line: bytes) -> RawRow:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return RawRow(place, None, f"not JSON ({error})")
    if not isinstance(row, dict):
        return RawRow(place, None, f"expected a JSON object, not {type(row).__name__}")
    return RawRow(place, row)


def _csv(path: Path, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    """Yields the rows of a CSV file, or of a TSV file by its name; cells are bytes, so that payloads do not change."""
    csv.field_size_limit(_MAX_LINE_BYTES)
    tabs = ".tsv" in path.name.lower()
    with _open(path) as stream:
        # Latin-1 maps every byte to one character, and no byte of a multi-byte UTF-8 character is a comma, a quote or a
        # line end. So the CSV reader splits the bytes correctly in any encoding that extends ASCII.
        text = io.TextIOWrapper(stream, encoding="latin-1", newline="")
        reader = csv.reader(text, delimiter="\t" if tabs else ",", strict=True)
        header: list[str] | None = None
        while True:
            try:
                cells = [cell.encode("latin-1") for cell in next(reader)]
            except StopIteration:
                return
            except csv.Error as error:
                yield RawRow(f"line {reader.line_num}", None, f"not {'TSV' if tabs else 'CSV'} ({error})")
                continue
            if header is None:
                header = [cell.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace") for cell in cells]
                if len(header) == 1 and ";" in header[0]:
                    raise UserError(f"{path}: its header has semicolons but no commas; separate the cells by commas.")
                counts = Counter(header)
                if duplicate := next((name for name, count in counts.items() if count > 1 and name in columns), ""):
                    raise UserError(f"{path} has several columns named {duplicate}; rename all but one.")
            elif len(cells) == len(header):
                yield RawRow(f"line {reader.line_num}", dict(zip(header, cells, strict=True)))
            elif cells:
                problem = f"{len(cells)} cells, but the header has {len(header)}"
                yield RawRow(f"line {reader.line_num}", None, problem)


def _parquet(path: Path, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        for column in sorted(set(columns) - set(names)):
            raise UserError(f"{path} has no column {column}; {nearest(column, names)}")
        number = 0
        for batch in file.iter_batches(batch_size=1024, columns=sorted(columns)):
            for row in batch.to_pylist():
                number += 1
                yield RawRow(f"row {number}", row)
    except pa.ArrowInvalid as error:
        raise UserError(f"{path} is not a Parquet file ({error}).") from error


def _raw(path: Path, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    """Yields a row for each file of a folder or an archive; ``folder`` is the name of the folder that contains it."""
    for file in sources.Tree(path).files(("",), MAX_PAYLOAD_BYTES, tally):
        place = PurePosixPath(file.path)
        if not place.name.startswith("."):
            yield RawRow(file.path, dict(zip(RAW_COLUMNS, (file.data, place.parent.name, file.path), strict=True)))
