"""Reads text tables (CSV, TSV and the like), in which a stray quote never swallows other rows in silence.

A quote at the start of a cell that was not meant as one makes a CSV reader take everything up to the next quote for the
text of this cell. Payloads with several lines look the same, so the lines of such a row are compared with other rows:
if they are rows of their own, the line with the quote is left out, and the others are read.
"""

import contextlib
import csv
import io
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from typing import IO

from harness import UserError, nearest, sources

from ..data_file import DataFile
from ..field_types import MAX_PAYLOAD_BYTES
from ..rows import MAX_LINE_BYTES, RawRow

SEPARATORS = (",", "\t", ";", "|")
_MAX_CELLS = 1_000_000  # of a row
_MAX_KEPT_LINES, _MAX_KEPT_CHARACTERS = 200_000, MAX_PAYLOAD_BYTES  # of a row, to be read again
_MAX_NAMES = 1000  # column names that an error message chooses from
_SAMPLE_MASK = 15  # one row in 16 is a sample of the values of columns that have few
_MAX_VALUES, _MAX_VALUE_CHARACTERS = 100, 80  # of such a column
_MANY_LINES = 10  # of which one in ten may be broken
_ROW_SHARE = 0.9
_MAX_LOST_LINES = 100  # that an open quote at the end of a file may take with it
_MAX_REREAD = 8  # times the size of a file that its lines may be read again
_MARK = "\xef\xbb\xbf"  # the byte order mark of UTF-8, read as Latin-1
_ADVICE = 'write a cell that has quotes in quotes, and double those in it ("")'


def read(file: DataFile, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    """Yields the rows of a text table; cells are bytes, so that payloads do not change.

    Raises:
        UserError: it lacks a column, has one of them twice, or its quotes are hopeless.
    """
    csv.field_size_limit(MAX_LINE_BYTES)
    with file.open() as stream:
        yield from _Table(file, stream, columns).rows()


def separator(first: str, columns: Collection[str], preferred: str) -> str:
    """Returns the separator of a table: the one with which its header has most of the columns, or most cells.

    Args:
        first: the first line.
        columns: the names that the header should have.
        preferred: separator that is taken where others are as good.
    """
    if len(first) > _MAX_CELLS:
        return preferred

    def fit(choice: str) -> tuple[int, bool, int]:
        names = _names(_cells(first, choice))
        return len(set(columns).intersection(names)), choice == preferred and len(names) > 1, len(names)

    return max((preferred, *SEPARATORS), key=fit)


def _cells(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator), [])


def _names(cells: Sequence[str]) -> list[str]:
    return [cell.encode("latin-1").decode("utf-8", "replace") for cell in cells]


class _Table:
    """The rows of one table."""

    def __init__(self, file: DataFile, stream: IO[bytes], columns: Collection[str]) -> None:
        # Latin-1 maps every byte to one character, and no byte of a multi-byte UTF-8 character is a separator, a quote
        # or a line end. So the CSV reader splits the bytes correctly in any encoding that extends ASCII.
        text = io.TextIOWrapper(stream, encoding="latin-1", newline="")
        self._file, self._columns = file, columns
        self._lines = _RowLines(text)
        self._separator = self._find_separator()
        self._lines.separator = self._separator
        self._kind = {",": "CSV", "\t": "TSV"}.get(self._separator, "a table")
        self._header: list[str] = []
        self._values: list[set[str] | None] = []  # of each column, in a sample of rows; None if it has many
        self._sampled = 0

    def _find_separator(self) -> str:
        first = self._lines.peek()
        # Excel writes and reads a first line that names the separator.
        if first[:4].lower() == "sep=" and len(first.rstrip("\r\n")) == 5 and first[4] != '"':
            self._lines.drop_first()
            return first[4]
        return separator(first, self._columns, "\t" if self._file.suffix in (".tsv", ".tab") else ",")

    def rows(self) -> Iterator[RawRow]:
        """Yields the rows after the header; those with errors have no values and say why."""
        lines = self._lines
        reader = csv.reader(lines, delimiter=self._separator, strict=True)
        indices: list[tuple[str, int]] = []
        width = -1
        while True:
            lines.start_row()
            try:
                cells = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                yield self._broken(str(error))
                continue
            except _RowTooLong as error:
                number = lines.number
                if not self._read_rows_within():
                    lines.skip_line()
                yield RawRow(f"line {number}", None, str(error))
                continue
            if len(lines.row) > 1 and width > 0 and self._are_rows(lines.row):
                yield self._swallowing()
            elif len(cells) == width:
                if not lines.number & _SAMPLE_MASK:
                    self._sample(cells)
                yield RawRow(f"line {lines.number}", {name: cells[index].encode("latin-1") for name, index in indices})
            elif width < 0 and cells:
                indices = self._indices(cells)
                width = len(cells)
                self._sample_head()
            elif cells:
                yield RawRow(f"line {lines.number}", None, f"{len(cells)} cells, but the header has {width}")

    def _indices(self, cells: list[str]) -> list[tuple[str, int]]:
        self._header = _names(cells)
        self._values = [set() for _ in self._header]
        counts = Counter(self._header)
        for column in sorted(self._columns):
            if column not in counts:
                known = nearest(column, list(counts)[:_MAX_NAMES])
                raise UserError(f"{self._file.title} has no column {column}; {known}")
            if counts[column] > 1:
                raise UserError(f"{self._file.title} has several columns named {column}; rename all but one.")
        return [(column, self._header.index(column)) for column in self._columns]

    def _sample_head(self) -> None:
        """Learns from the first rows of one line, so that stray quotes are recognized from the first row on."""
        head = io.StringIO(self._file.head.decode("latin-1"), newline="")
        reader = csv.reader(head, delimiter=self._separator)
        number = 0
        with contextlib.suppress(csv.Error):  # which is reported when the row is read
            for cells in reader:
                if number and reader.line_num == number + 1 and len(cells) == len(self._header):
                    self._sample(cells)
                number = reader.line_num

    def _sample(self, cells: list[str]) -> None:
        self._sampled += 1
        for index, (cell, values) in enumerate(zip(cells, self._values, strict=True)):
            if values is not None:
                values.add(cell)
                if len(values) > _MAX_VALUES or len(cell) > _MAX_VALUE_CHARACTERS:
                    self._values[index] = None

    def _are_rows(self, lines: Sequence[str]) -> bool:
        """Whether the lines of a row of several lines are rows of their own, with a stray quote in the first.

        A payload may have as many separators in each line as the table has. Its words are not the values of a column
        that has few values, such as that of labels.
        """
        width = len(self._header)
        if width < 2 or lines[0].count(self._separator) < width - 1:
            return False  # almost every payload of several lines
        rows = [line for line in lines if line.count(self._separator) == width - 1]
        many = len(lines) >= _MANY_LINES
        if len(rows) < (_ROW_SHARE * len(lines) if many else len(lines)):
            return False
        if many and not any(self._values):
            return True
        return any(map(self._have_values, zip(*map(self._alone, rows), strict=True), self._values))

    def _have_values(self, cells: Sequence[str], values: set[str] | None) -> bool:
        """Whether cells of several lines have the values of a column, as it is known, or few values at all."""
        if values is None:
            return False
        known = sum(cell in values for cell in cells)
        if known >= (_ROW_SHARE * len(cells) if len(cells) >= _MANY_LINES else len(cells)):
            return self._sampled > len(values)
        return len(cells) >= _MANY_LINES and len(set(cells)) * 5 <= len(cells)

    def _alone(self, line: str) -> list[str]:
        """Returns the cells of a line that is read on its own, with its quotes as text."""
        return line.rstrip("\r\n").split(self._separator)

    def _swallowing(self) -> RawRow:
        first, last = self._lines.first, self._lines.number
        self._reread(self._lines.row[1:])
        inner = f"line {last} is a row of its own" if last == first + 1 else f"lines {first + 1} to {last} are rows"
        return RawRow(f"line {first}", None, f"a quote in it is closed on line {last} only, but {inner}; {_ADVICE}")

    def _broken(self, error: str) -> RawRow:
        """Returns the row of a quote that is not closed, or closed within a cell; reading goes on after it."""
        row, first, last = self._lines.row, self._lines.first, self._lines.number
        at_end = "unexpected end" in error
        if self._read_rows_within():
            return RawRow(f"line {first}", None, f"a quote in it is not closed, and other rows follow; {_ADVICE}")
        if at_end and last - first > _MAX_LOST_LINES:
            raise UserError(
                f"{self._file.title}: line {first} opens a quote that is not closed, so that {last - first + 1} lines "
                f"up to the end cannot be read; {_ADVICE}."
            )
        if len(row) > 1 and not at_end:  # the last line may be the first of a row
            self._reread(row[-1:])
            last -= 1
        place = f"line {last}" if last == first else f"lines {first} to {last}"
        return RawRow(place, None, f"not {self._kind} ({error})")

    def _read_rows_within(self) -> bool:
        """Reads the lines after the first of a broken row again, and returns True, if most of them are rows."""
        lines, width = self._lines, len(self._header)
        inner = lines.row[1:]
        rows = sum(line.count(self._separator) == width - 1 for line in inner)
        if width < 2 or 2 * rows <= len(inner):
            return False
        self._reread(inner)
        return True

    def _reread(self, lines: Sequence[str]) -> None:
        if not self._lines.is_kept:
            raise UserError(
                f"{self._file.title}: line {self._lines.first} opens a quote that is not closed within the next "
                f"{len(self._lines.row)} lines, which are rows; {_ADVICE}."
            )
        if not self._lines.push_back(lines):
            raise UserError(f"{self._file.title}: from line {self._lines.first} on, its quotes do not pair; {_ADVICE}.")


class _RowTooLong(Exception):
    """Raised within a row that exceeds a limit; the message says which one."""


class _RowLines:
    """Iterates over the lines of a text for `csv.reader`, which would collect a row of any size.

    Attributes:
        separator: of the cells.
        row: the lines of the current row, or the first of them.
        first: number of its first line, from 1.
        number: of the line that was read last.
    """

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text = text
        self.separator = ","
        self.row: list[str] = []
        self.first, self.number = 1, 0
        self._characters = self._cells = 0
        self._waiting: list[str] = []  # lines to read again, the next one last
        self._last = ""
        self._read = self._reread = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if self._waiting:
            line = self._waiting.pop()
        else:
            line = self._text.readline(MAX_LINE_BYTES + 1 - self._characters)
            if not line:
                raise StopIteration
            self._read += len(line)
        self._last = line
        self.number += 1
        self._characters += len(line)
        if self._characters <= _MAX_CELLS:  # a shorter row cannot have too many cells
            self.row.append(line)
            return line
        if self.is_kept:
            self.row.append(line)
        self._cells += line.count(self.separator)
        if self._cells > _MAX_CELLS:
            raise _RowTooLong(f"it has more than {_MAX_CELLS} cells")
        if self._characters > MAX_LINE_BYTES:
            raise _RowTooLong(f"it is longer than {MAX_LINE_BYTES >> 20} MiB")
        return line

    @property
    def is_kept(self) -> bool:
        """Whether all lines of the row are in memory, to be read again."""
        return self._characters <= _MAX_KEPT_CHARACTERS and len(self.row) <= _MAX_KEPT_LINES

    def start_row(self) -> None:
        """Begins a row: counts from here on."""
        self.row = []
        self.first = self.number + 1
        self._characters = self._cells = 0

    def peek(self) -> str:
        """Returns the first line, without a byte order mark; it will be read again."""
        line = self._text.readline(MAX_LINE_BYTES + 1).removeprefix(_MARK)
        self._waiting = [line] if line else []
        return line

    def drop_first(self) -> None:
        """Skips the first line, after `peek`."""
        self._waiting = []
        self.number = 1

    def push_back(self, lines: Sequence[str]) -> bool:
        """Reads the last lines of the current row again; returns whether few were, so that time stays linear."""
        self._waiting.extend(reversed(lines))
        self.number -= len(lines)
        self._reread += sum(map(len, lines))
        return self._reread <= _MAX_REREAD * self._read + _MAX_CELLS

    def skip_line(self) -> None:
        """Skips the rest of the current line."""
        while self._last and not self._last.endswith(("\r", "\n")):
            self._last = self._text.readline(2**20)
