"""Reads JSON: an object per line, an array of objects, or an object that holds one list of objects."""

import codecs
import re
from collections.abc import Collection, Iterator
from typing import IO, Any

from harness import UserError, sources

from ..data_file import DataFile
from ..rows import MAX_LINE_BYTES, RawRow

MAX_DOCUMENT_BYTES = MAX_LINE_BYTES  # of a file that is one JSON value other than an array
_BLOCK_BYTES = 2**18
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"|["\[\]{},]', re.DOTALL)  # a quote alone begins an unfinished string


def is_document(head: bytes) -> bool:
    """Whether a text that begins with a brace is one object over several lines, not an object per line."""
    lines = [line.strip() for line in head[:4096].split(b"\n", 3)[:3]]
    lines = [line for line in lines if line]
    return len(lines) > 1 and not lines[0].endswith(b"}") and not lines[1].startswith(b"{")


def read_lines(file: DataFile, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    """Yields the object of each line; of a file of one line, the objects of a list in it that have the columns."""
    first: RawRow | None = None
    with file.open() as stream:
        rows = (row for number, line in enumerate(lines(stream), start=1) if (row := _parse(f"line {number}", line)))
        if first := next(rows, None):
            second = next(rows, None)
            if second is None and first.values is not None:
                yield from _in_object(file, first.values, columns) or [first]
                return
            yield first
            if second:
                yield second
        yield from rows


def read_document(file: DataFile, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    """Yields the objects of the list in a file of one JSON object, or that object.

    Raises:
        UserError: it is too large, or not JSON.
    """
    value = document(file)
    if not isinstance(value, dict):
        raise UserError(f"{file.title}: expected a JSON object, not {type(value).__name__}.")
    yield from _in_object(file, value, columns) or [RawRow("the object", value)]


def document(file: DataFile) -> Any:
    """Returns the value of a file that is one JSON text.

    Raises:
        UserError: it is too large, or not JSON.
    """
    with file.open() as stream:
        content = stream.read(MAX_DOCUMENT_BYTES + 1)
    if len(content) > MAX_DOCUMENT_BYTES:
        raise UserError(
            f"{file.title} is one JSON object of more than {sources.in_words(MAX_DOCUMENT_BYTES)}; write its rows as "
            "JSON lines (jq -c '.LIST[]')."
        )
    try:
        return sources.safe_json.loads(content.removeprefix(codecs.BOM_UTF8), strict=False)
    except sources.TooLarge as error:
        raise UserError(f"{file.title} {error}.") from error
    except ValueError as error:
        raise UserError(f"{file.title} is not JSON ({error}).") from error


def read_array(file: DataFile, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    """Yields the objects of a JSON array, one at a time.

    Raises:
        UserError: it is damaged or ends early, after the rows before that place.
    """
    with file.open() as stream:
        for number, text in enumerate(_elements(file.title, stream), start=1):
            if row := _parse(f"element {number}", text):
                yield row


def lines(stream: IO[bytes]) -> Iterator[bytes | None]:
    """Yields the lines of a stream; None for a line that is too long, which is never held in memory as a whole."""
    while line := stream.readline(MAX_LINE_BYTES):
        if line.endswith(b"\n") or len(line) < MAX_LINE_BYTES:
            yield line
            continue
        while (rest := stream.readline(MAX_LINE_BYTES)) and not rest.endswith(b"\n"):
            pass
        yield None


def _parse(place: str, text: bytes | str | None) -> RawRow | None:
    """Returns the row of a JSON text; None for a blank one."""
    if text is None:
        return RawRow(place, None, f"it is longer than {MAX_LINE_BYTES >> 20} MiB")
    try:
        row = sources.safe_json.loads(text, strict=False)
    except sources.TooLarge as error:
        return RawRow(place, None, f"it {error}")
    except ValueError as error:
        return RawRow(place, None, f"not JSON ({error})") if text.strip() else None
    if not isinstance(row, dict):
        return RawRow(place, None, f"expected a JSON object, not {type(row).__name__}")
    return RawRow(place, row)


def _in_object(file: DataFile, value: dict[str, Any], columns: Collection[str]) -> list[RawRow]:
    """Returns the rows that one object holds as a list or by column; none if it is a row itself.

    Raises:
        UserError: it has several lists of objects with the columns.
    """
    if value.keys() >= {"columns", "data"} and isinstance(value["columns"], list) and isinstance(value["data"], list):
        # As pandas writes it with orient="split".
        rows = [dict(zip(map(str, value["columns"]), cells, strict=False)) for cells in value["data"]]
        return [RawRow(f"data[{at}]", row) for at, row in enumerate(rows)]
    if set(columns) <= set(value):
        return _by_column(file, {column: value[column] for column in columns})
    lists = {name: items for name, items in value.items() if isinstance(items, list) and items}
    lists = {name: items for name, items in lists.items() if all(isinstance(item, dict) for item in items)}
    if len(lists) > 1:
        lists = {name: items for name, items in lists.items() if set(columns) <= set(items[0])} or lists
    if len(lists) > 1:
        names = ", ".join(sorted(lists))
        raise UserError(f"{file.title} has several lists of objects ({names}); write one of them alone.")
    return [RawRow(f"{name}[{at}]", item) for name, items in lists.items() for at, item in enumerate(items)]


def _by_column(file: DataFile, values: dict[str, Any]) -> list[RawRow]:
    """Returns the rows of an object of columns, each a list, or an object by index as pandas writes it by default."""
    parts = {column: list(part.values()) if isinstance(part, dict) else part for column, part in values.items()}
    if not all(isinstance(part, list) for part in parts.values()):
        return []
    if len({len(part) for part in parts.values()}) > 1:
        raise UserError(f"{file.title} has columns of different lengths.")
    rows = zip(*parts.values(), strict=True)
    return [RawRow(f"row {at}", dict(zip(parts, row, strict=True))) for at, row in enumerate(rows, start=1)]


def _elements(title: str, stream: IO[bytes]) -> Iterator[bytes]:
    """Yields the texts of an array's elements, of which one at a time is in memory."""
    buffer = stream.read(_BLOCK_BYTES)
    start = at = buffer.index(b"[") + 1
    depth = count = 0
    while True:
        token = _TOKEN.search(buffer, at)
        if token is None or token[0] == b'"':  # of which the end was not read yet
            at = (token.start() if token else len(buffer)) - start
            if len(buffer) - start > MAX_LINE_BYTES:
                raise UserError(f"{title}: element {count + 1} is longer than {MAX_LINE_BYTES >> 20} MiB.")
            # As much as is there already, so that a long element is not searched again and again.
            more = stream.read(max(_BLOCK_BYTES, len(buffer) - start))
            if not more:
                raise UserError(f"{title} ends within its JSON array, after {count} elements; it may be truncated.")
            buffer, start = buffer[start:] + more, 0
            continue
        at = token.end()
        if token[0] in (b"[", b"{"):
            depth += 1
        elif token[0] in (b"]", b"}") and depth:
            depth -= 1
        elif not depth and token[0] in (b",", b"]"):
            count += 1
            yield buffer[start : at - 1]
            if token[0] == b"]":
                break
            start = at
    rest = buffer[at:]
    while rest or (rest := stream.read(_BLOCK_BYTES)):
        if rest.strip():
            raise UserError(f"{title} goes on after its JSON array; write one array, or one JSON object per line.")
        rest = b""
