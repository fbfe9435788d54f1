"""Reads the requests of the ECML/PKDD 2007 challenge, each with its class: as XML, or as blocks of text."""

import re
from collections.abc import Collection, Iterator
from typing import Any

from harness import sources

from .. import http_parts
from ..data_file import DataFile
from ..field_types import MAX_PAYLOAD_BYTES
from ..rows import MAX_LINE_BYTES, RawRow
from .json_rows import lines
from .xml_items import items, local_name

START = re.compile(rb"Start - Id:[ \t]*(\S*)[ \t]*\r?\n")
_HEAD_END = re.compile(rb"\r?\n\r?\n")
DEFAULTS = {"payload": "request", "label": "class", "id": "id"}
TEXT_COLUMNS = ("request", "class", "id")
COLUMNS = ("request", "class", "id", "method", "uri", "query", "os", "webserver", "inContext", "attackIntervall")


def read(file: DataFile, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    """Yields a row per sample: the request put together from its parts, its class, and other elements by name."""
    for number, sample in enumerate(items(file, "sample"), start=1):
        parts = {local_name(element): element.text or "" for element in sample.iter() if element is not sample}
        place = f"sample {sample.get('id') or number}"
        if not parts.get("uri"):
            yield RawRow(place, None, "it has no uri")
            continue
        values: dict[str, Any] = dict.fromkeys(COLUMNS) | {name: text.strip() for name, text in parts.items()}
        values |= {"request": _request(parts), "class": parts.get("type", "").strip(), "id": sample.get("id")}
        yield RawRow(place, values)


def read_text(file: DataFile, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    """Yields a row per block: the request between the line of its class and its end, its class, and its id.

    A block is ``Start - Id: 7``, ``class: Valid``, the request, and ``End - Id: 7``, each on lines of their own. The
    head of a request gets CR LF; a body of the one word ``null`` is none.
    """
    number, block = "", list[bytes]()
    size = 0
    with file.open() as stream:
        for line in lines(stream):
            if line is not None and (start := START.match(line)):
                if number:
                    yield RawRow(f"block {number}", None, "it has no end")
                number, block, size = start[1].decode("utf-8", "replace") or "?", [], 0
            elif line is not None and line.startswith(b"End - Id:") and number:
                yield _of_block(number, block, size)
                number = ""
            elif number:
                size += MAX_LINE_BYTES if line is None else len(line)
                block += [] if line is None or size > MAX_PAYLOAD_BYTES else [line]
    if number:
        yield RawRow(f"block {number}", None, "it has no end")


def _of_block(number: str, block: list[bytes], size: int) -> RawRow:
    """Returns the row of the lines of a block, whose size counts lines that are too long to be among them."""
    place = f"block {number}"
    if size > MAX_PAYLOAD_BYTES:
        return RawRow(place, None, f"it is larger than {MAX_PAYLOAD_BYTES >> 20} MiB")
    kind = block.pop(0).removeprefix(b"class:").strip() if block and block[0].startswith(b"class:") else b""
    request = b"".join(block).lstrip(b"\r\n").removesuffix(b"\n").removesuffix(b"\r")
    if not request:
        return RawRow(place, None, "it has no request")
    head, *rest = _HEAD_END.split(request, maxsplit=1)
    body = b"".join(rest)
    message = b"\r\n".join([*head.splitlines(), b"", b"" if body.strip() == b"null" else body])
    return RawRow(place, {"request": message, "class": kind.decode("utf-8", "replace"), "id": number})


def _request(parts: dict[str, str]) -> bytes:
    uri, query = parts["uri"].strip(), parts.get("query", "").strip()
    return http_parts.request(
        parts.get("method", "").strip().encode(),
        (f"{uri}?{query}" if query else uri).encode(),
        http_parts.headers(parts.get("headers", "")),
        parts.get("body", "").encode(),
        parts.get("protocol", "").strip().encode(),
    )
