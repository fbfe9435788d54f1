"""Reads the rows of a file in any supported format, or of a folder of requests, one at a time."""

import csv
import io
import itertools
import re
import zlib
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, TYPE_CHECKING, Any

from harness import UserError, nearest, sources

from .field_types import MAX_PAYLOAD_BYTES

if TYPE_CHECKING:
    import pyarrow as pa

# Bytes of a line, or of a row of a CSV file: a payload may be written in JSON escapes, six characters per byte.
_MAX_LINE_BYTES = 8 * MAX_PAYLOAD_BYTES
_MAX_CELLS = 1_000_000  # of a row of a CSV file
_MAX_NAMES = 1000  # column names that are remembered for an error message
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
    missing, names = set(columns), set[str]()
    count = 0
    try:
        for row in reader(path, columns, tally):
            count += 1
            if row.values is not None and (missing or not names):
                missing.difference_update(row.values)
                names.update(itertools.islice(row.values, max(_MAX_NAMES - len(names), 0)))
            yield row
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be read: {error}.") from error
    if not count:
        raise UserError(f"{path} has no rows." if path.is_dir() or path.stat().st_size else f"{path} is empty.")
    if names:
        for column in sorted(missing):
            raise UserError(f"{path} has no column {column}; {nearest(column, sorted(names))}")


def is_raw(path: Path) -> bool:
    """Whether a path is a folder or an archive of raw requests, whose columns are `RAW_COLUMNS`."""
    return path.is_dir() or re.search(r"\.(?:zip|tar|tgz|tar\.\w+)$", path.name.lower()) is not None


def _reader(path: Path) -> Callable[[Path, Collection[str], sources.SourceTally], Iterator[RawRow]]:
    if is_raw(path):
        return _raw
    suffix = PurePosixPath(path.name.lower().removesuffix(".gz")).suffix
    return {".parquet": _parquet, ".csv": _csv, ".tsv": _csv}.get(suffix, _json_lines)


def _json_lines(path: Path, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    with sources.open_unpacked(path) as stream:
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
        row = sources.safe_json.loads(line, strict=False)
    except sources.TooLarge as error:
        return RawRow(place, None, f"it {error}")
    except ValueError as error:
        return RawRow(place, None, f"not JSON ({error})")
    if not isinstance(row, dict):
        return RawRow(place, None, f"expected a JSON object, not {type(row).__name__}")
    return RawRow(place, row)


def _csv(path: Path, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    """Yields the rows of a CSV file, or of a TSV file by its name; cells are bytes, so that payloads do not change."""
    csv.field_size_limit(_MAX_LINE_BYTES)
    tabs = ".tsv" in path.name.lower()
    with sources.open_unpacked(path) as stream:
        # Latin-1 maps every byte to one character, and no byte of a multi-byte UTF-8 character is a comma, a quote or a
        # line end. So the CSV reader splits the bytes correctly in any encoding that extends ASCII.
        text = io.TextIOWrapper(stream, encoding="latin-1", newline="")
        separator = "\t" if tabs else ","
        lines = _RowLines(text, separator)
        reader = csv.reader(lines, delimiter=separator, strict=True)
        header: list[str] | None = None
        while True:
            lines.start_row()
            try:
                cells = [cell.encode("latin-1") for cell in next(reader)]
            except StopIteration:
                return
            except csv.Error as error:
                yield RawRow(f"line {reader.line_num}", None, f"not {'TSV' if tabs else 'CSV'} ({error})")
                continue
            except _RowTooLong as error:
                yield RawRow(f"line {reader.line_num}", None, str(error))
                lines.skip_line()
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


class _RowTooLong(Exception):
    """Raised within a row that exceeds a limit; the message says which one."""


class _RowLines:
    """Iterates over the lines of a text for `csv.reader`, which would collect a row of any size."""

    def __init__(self, text: io.TextIOWrapper, separator: str) -> None:
        self._text, self._separator = text, separator
        self._characters = self._cells = 0
        self._last = ""

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        self._last = line = self._text.readline(_MAX_LINE_BYTES + 1 - self._characters)
        if not line:
            raise StopIteration
        self._characters += len(line)
        if self._characters > _MAX_CELLS:  # a shorter row cannot have too many cells
            self._cells += line.count(self._separator)
            if self._cells > _MAX_CELLS:
                raise _RowTooLong(f"it has more than {_MAX_CELLS} cells")
            if self._characters > _MAX_LINE_BYTES:
                raise _RowTooLong(f"it is longer than {_MAX_LINE_BYTES >> 20} MiB")
        return line

    def start_row(self) -> None:
        """Counts from here on."""
        self._characters = self._cells = 0

    def skip_line(self) -> None:
        """Skips the rest of the current line."""
        while self._last and not self._last.endswith(("\r", "\n")):
            self._last = self._text.readline(2**20)


def _parquet(path: Path, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    with sources.open_parquet(path) as file:
        names = file.schema_arrow.names
        for column in sorted(columns):
            if column not in names:
                raise UserError(f"{path} has no column {column}; {nearest(column, names)}")
            if names.count(column) > 1:
                raise UserError(f"{path} has several columns named {column}; rename all but one.")
        number = 0
        for batch in sources.batches(path, file, columns):
            for values, problem in _rows_of(batch):
                number += 1
                yield RawRow(f"row {number}", values, problem)


def _rows_of(batch: "pa.RecordBatch") -> Iterator[tuple[dict[str, Any] | None, str]]:
    """Yields the values of each row of a batch, or why it cannot be read, such as text that is not UTF-8."""
    try:
        rows = batch.to_pylist()
    except (ValueError, ArithmeticError) as error:
        if len(batch) == 1:
            yield None, f"it has a value that cannot be read ({error})"
        else:
            for row in range(len(batch)):
                yield from _rows_of(batch.slice(row, 1))
    else:
        yield from ((values, "") for values in rows)


def _raw(path: Path, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    """Yields a row for each file of a folder or an archive; ``folder`` is the name of the folder that contains it."""
    for file in sources.Tree(path).files(("",), MAX_PAYLOAD_BYTES, tally):
        place = PurePosixPath(file.path)
        if not place.name.startswith("."):
            yield RawRow(file.path, dict(zip(RAW_COLUMNS, (file.data, place.parent.name, file.path), strict=True)))
