"""Rows of a file, or of a folder of requests: one at a time, whatever the format."""

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

from harness import UserError, nearest, sources

from .field_types import LONGEST

_LONGEST_LINE = 8 * LONGEST  # bytes, of a row of text: a payload's bytes as JSON escapes, and the rest
RAW_COLUMNS = ("payload", "folder", "path")  # of a folder of requests


@dataclass(frozen=True)
class Read:
    """One row as it came.

    Attributes:
        place: where it stands, in words.
        row: value by column; None where it cannot be read.
        problem: why it cannot be.
    """

    place: str
    row: dict[str, Any] | None
    problem: str = ""


def rows(path: Path, wanted: Collection[str], tally: sources.SourceTally) -> Iterator[Read]:
    """Yields the rows of a file or a folder, and checks that every column is there.

    Args:
        path: of a file (JSONL, CSV, TSV, Parquet; the first three also as .gz), a folder or an archive of raw requests.
        wanted: columns that are read.
        tally: counts files of a folder that are left out.

    Raises:
        UserError: it cannot be read, holds no row, or lacks a column.
    """
    reader = _reader(path)
    seen: set[str] = set()
    count = 0
    try:
        for read in reader(path, wanted, tally):
            count += 1
            seen.update(read.row or ())
            yield read
    except (OSError, EOFError) as error:
        raise UserError(f"{path} cannot be read: {error}.") from error
    if not count:
        raise UserError(f"{path} holds no row." if path.is_dir() or path.stat().st_size else f"{path} is empty.")
    if seen:
        for column in sorted(set(wanted) - seen):
            raise UserError(f"{path} has no column {column}; {nearest(column, sorted(seen))}")


def is_raw(path: Path) -> bool:
    """Whether a path names a folder or an archive of raw requests, whose columns are `RAW_COLUMNS`."""
    return path.is_dir() or re.search(r"\.(?:zip|tar|tgz|tar\.\w+)$", path.name.lower()) is not None


def _reader(path: Path) -> Callable[[Path, Collection[str], sources.SourceTally], Iterator[Read]]:
    if is_raw(path):
        return _raw
    ending = PurePosixPath(path.name.lower().removesuffix(".gz")).suffix
    return {".parquet": _parquet, ".csv": _separated, ".tsv": _separated}.get(ending, _json_lines)


def _open(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix.lower() == ".gz" else path.open("rb")  # type: ignore[return-value]


def _json_lines(path: Path, wanted: Collection[str], tally: sources.SourceTally) -> Iterator[Read]:
    with _open(path) as stream:
        for number, line in enumerate(_lines(stream), start=1):
            place = f"line {number}"
            if line is None:
                yield Read(place, None, f"it is longer than {_LONGEST_LINE >> 20} MiB")
            elif line.strip():
                yield _parsed(place, line)


def _lines(stream: IO[bytes]) -> Iterator[bytes | None]:
    """Yields the lines of a stream; None for one that is too long, which is never held as a whole."""
    while line := stream.readline(_LONGEST_LINE):
        if line.endswith(b"\n") or len(line) < _LONGEST_LINE:
            yield line
            continue
        while (rest := stream.readline(_LONGEST_LINE)) and not rest.endswith(b"\n"):
            pass
        yield None


def _parsed(place: str, line: bytes) -> Read:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        return Read(place, None, f"no JSON ({error})")
    if not isinstance(row, dict):
        return Read(place, None, f"a JSON object is needed, not {type(row).__name__}")
    return Read(place, row)


def _separated(path: Path, wanted: Collection[str], tally: sources.SourceTally) -> Iterator[Read]:
    """Rows of CSV, or of TSV by its name; cells are bytes, so that a payload is what the file holds."""
    csv.field_size_limit(_LONGEST_LINE)
    tabs = ".tsv" in path.name.lower()
    with _open(path) as stream:
        # Latin-1 keeps every byte, and no byte of a UTF-8 character looks like a comma, a quote or the end of a line.
        text = io.TextIOWrapper(stream, encoding="latin-1", newline="")
        reader = csv.reader(text, delimiter="\t" if tabs else ",", strict=True)
        header: list[str] | None = None
        while True:
            try:
                cells = [cell.encode("latin-1") for cell in next(reader)]
            except StopIteration:
                return
            except csv.Error as error:
                yield Read(f"line {reader.line_num}", None, f"no {'TSV' if tabs else 'CSV'} ({error})")
                continue
            if header is None:
                header = [cell.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace") for cell in cells]
                if len(header) == 1 and ";" in header[0]:
                    raise UserError(f"{path}: its header has semicolons and no comma; commas must part the cells.")
                if twice := next((name for name, count in Counter(header).items() if count > 1 and name in wanted), ""):
                    raise UserError(f"{path} has several columns named {twice}; rename all but one.")
            elif len(cells) == len(header):
                yield Read(f"line {reader.line_num}", dict(zip(header, cells, strict=True)))
            elif cells:
                problem = f"{len(cells)} cells, and the header has {len(header)}"
                yield Read(f"line {reader.line_num}", None, problem)


def _parquet(path: Path, wanted: Collection[str], tally: sources.SourceTally) -> Iterator[Read]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
        names = file.schema_arrow.names
        for column in sorted(set(wanted) - set(names)):
            raise UserError(f"{path} has no column {column}; {nearest(column, names)}")
        number = 0
        for batch in file.iter_batches(batch_size=1024, columns=sorted(wanted)):
            for row in batch.to_pylist():
                number += 1
                yield Read(f"row {number}", row)
    except pa.ArrowInvalid as error:
        raise UserError(f"{path} is no Parquet file ({error}).") from error


def _raw(path: Path, wanted: Collection[str], tally: sources.SourceTally) -> Iterator[Read]:
    """A row for each file of a folder or an archive; the name of the folder that holds it tells its label."""
    for file in sources.Tree(path).files(("",), LONGEST, tally):
        place = PurePosixPath(file.path)
        if not place.name.startswith("."):
            yield Read(file.path, dict(zip(RAW_COLUMNS, (file.data, place.parent.name, file.path), strict=True)))
