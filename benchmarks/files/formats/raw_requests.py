"""Reads raw HTTP requests, one or many per file, and files of one payload per line."""

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import IO

from harness import sources

from ..data_file import DataFile
from ..field_types import MAX_PAYLOAD_BYTES
from ..rows import MAX_LINE_BYTES, RawRow
from .json_rows import lines

WHOLE, LINE = "@file", "@line"  # as the column of a payload: the file as it is; each of its lines
COLUMNS = ("payload", "id", "folder", "file", "path", WHOLE, LINE)
DEFAULTS = {"payload": "payload", "label": "folder", "id": "id"}  # mapping where --map says nothing else
REQUEST_LINE = re.compile(rb"[A-Za-z][A-Za-z_-]{1,30} \S[^\r\n]* HTTP/\d(?:\.\d)?\r?\n?")
_BEGIN = re.compile(rb"\r?\n\r?\n(?=" + REQUEST_LINE.pattern + rb")")
_HEAD_END = re.compile(rb"\n\r?\n")
_EMPTY_LINES = re.compile(rb"[\r\n]*")
_LOOKAHEAD_BYTES = 2**16  # after a request, in which its end is recognized
_LENGTH = re.compile(rb"\ncontent-length[ \t]*:[ \t]*(\d{1,12})[ \t]*(?=\r?\n)", re.IGNORECASE)
_CODING = re.compile(rb"\ntransfer-encoding[ \t]*:", re.IGNORECASE)
_MARK = b"\xef\xbb\xbf"  # the byte order mark
_MAX_NOTES = 5  # files that are named as split
_TOO_LARGE = f"larger than {MAX_PAYLOAD_BYTES >> 20} MiB"


def read(file: DataFile, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    """Yields a row per request: its bytes, the folder and the name of its file, and its id, which is its place."""
    count = 0
    if LINE in columns:
        with file.open() as stream:
            for number, line in enumerate(lines(stream), start=1):
                name = f"{file.name}:{number}"
                if line is None:
                    yield RawRow(name, None, f"it is longer than {MAX_LINE_BYTES >> 20} MiB")
                elif text := line.removeprefix(_MARK if number == 1 else b"").rstrip(b"\r\n"):
                    yield _row(file, text, name)
        return
    with file.open_bytes() as stream:
        for payload in [_whole(stream)] if WHOLE in columns else split(stream):
            count += 1
            if payload is None:
                tally.skip(_TOO_LARGE, file.name)
            else:
                yield _row(file, payload, file.name if count == 1 else f"{file.name}:{count}")
    if count > 1 and len(tally.notes) < _MAX_NOTES:
        tally.notes.append(f"{file.name} was split into {count} requests (as one payload: --map payload={WHOLE})")


def split(stream: IO[bytes]) -> Iterator[bytes | None]:
    """Yields the requests of a file, whose bytes do not change; None for one that is too large.

    A request ends with the body that its ``Content-Length`` states, if an empty line or another request follows, else
    before the next empty line with a request line after it. Empty lines between requests are not part of them. A file
    is split if it has three requests or more, or two with an empty line between them: a payload of request smuggling
    or pipelining is one payload.
    """
    data = stream.read(MAX_PAYLOAD_BYTES + 1)
    ended = len(data) <= MAX_PAYLOAD_BYTES
    if not _has_several(data):
        yield data if ended else None
        return
    at = 0
    while True:
        request = _next(data, at)
        if not ended and (request is None or request.end + _LOOKAHEAD_BYTES > len(data)):
            if len(data) - at > 2 * MAX_PAYLOAD_BYTES:  # it has no end in sight
                yield None
                data, at = data[-_LOOKAHEAD_BYTES:], 0
            more = stream.read(MAX_PAYLOAD_BYTES)
            data, at, ended = data[at:] + more, 0, not more
        elif request is None:
            return
        else:
            yield data[request.start : request.end] if request.end - request.start <= MAX_PAYLOAD_BYTES else None
            at = request.end


@dataclass(frozen=True)
class _Request:
    """Place of a request; ``is_framed`` says whether it ends where its head says."""

    start: int
    end: int
    is_framed: bool


def _has_several(data: bytes) -> bool:
    places = list[_Request]()
    while len(places) < 3 and (request := _next(data, places[-1].end if places else 0)):
        places.append(request)
    if not places or not REQUEST_LINE.match(data, places[0].start):
        return False
    return len(places) == 3 or (len(places) == 2 and places[0].is_framed and places[0].end < places[1].start)


def _next(data: bytes, at: int) -> _Request | None:
    """Returns the next request at or after a position; None if only empty lines follow."""
    start = _after_empty_lines(data, at)
    if start == len(data):
        return None
    head = _HEAD_END.search(data, start)
    body = head.end() if head else len(data)
    length = _body_length(data[start:body])
    if length is not None:
        end = body + length
        following = _after_empty_lines(data, end)
        if end <= len(data) and (following == len(data) or REQUEST_LINE.match(data, following)):
            return _Request(start, end, True)
    begin = _BEGIN.search(data, body - 2 if head else start)
    return _Request(start, max(begin.start(), body) if begin else len(data), False)


def _body_length(head: bytes) -> int | None:
    """Returns the length of the body after a head; None if the head leaves it open."""
    lengths = set(_LENGTH.findall(head))
    if len(lengths) > 1 or _CODING.search(head):
        return None
    return int(lengths.pop()) if lengths else 0


def _after_empty_lines(data: bytes, at: int) -> int:
    match = _EMPTY_LINES.match(data, at)
    return match.end() if match else at


def _whole(stream: IO[bytes]) -> bytes | None:
    content = stream.read(MAX_PAYLOAD_BYTES + 1)
    return None if len(content) > MAX_PAYLOAD_BYTES else content


def _row(file: DataFile, payload: bytes, name: str) -> RawRow:
    place = PurePosixPath(file.name)
    values = (payload, name, place.parent.name, place.name.partition(".")[0], file.name, payload, payload)
    return RawRow(name, dict(zip(COLUMNS, values, strict=True)))
