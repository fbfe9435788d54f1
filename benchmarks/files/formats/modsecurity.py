"""Reads audit logs of ModSecurity: in sections (``--ID-A--``), or JSON of version 2 or 3 on each line.

A log names the rules that matched, not a class; its columns ``rule``, ``tag`` and ``message`` are of the first rule.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from harness import sources

from .. import http_parts
from ..data_file import DataFile
from ..rows import MAX_LINE_BYTES, RawRow
from .json_rows import lines

DEFAULTS = {"payload": "request", "id": "id"}
COLUMNS = ("request", "id", "time", "client", "status", "rule", "tag", "message", "rules")
BOUNDARY = re.compile(rb"-{2,3}([0-9a-zA-Z]{6,40})-{1,3}([A-Z])--")  # with three dashes since version 3
_DETAIL = re.compile(r'\[(id|msg|tag) "((?:[^"\\]|\\.)*)"\]')
_FIRST = re.compile(rb"\[([^\]]*)\] (\S+) (\S+)")  # of section A: time, id, address of the client


def read_sections(file: DataFile, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    """Yields a row per transaction of a serial log; its lines end with LF, so the head of a request gets CR LF."""
    sections: dict[str, list[bytes]] = {}
    current: list[bytes] | None = None
    size = number = began = 0
    name = b""
    with file.open() as stream:
        for number, line in enumerate(lines(stream), start=1):
            if line is None or size > MAX_LINE_BYTES:
                yield RawRow(f"line {began}", None, f"its entry is longer than {MAX_LINE_BYTES >> 20} MiB")
                sections, current, size = {}, None, 0
                continue
            boundary = BOUNDARY.fullmatch(line.rstrip(b"\r\n"))
            if boundary is None or (boundary[2] != b"A" and boundary[1] != name):  # another one is text of a body
                if current is not None:
                    current.append(line)
                    size += len(line) + 64  # and what a short line takes as an object
                continue
            section = boundary[2].decode()
            if section == "A":
                if sections:
                    yield RawRow(f"line {began}", None, "its entry has no end (section Z)")
                sections, size, began, name = {}, 0, number, boundary[1]
            current = sections.setdefault(section, [])
            if section == "Z":
                yield _of_sections(f"line {began}", sections)
                sections, current, size = {}, None, 0
        if sections:
            yield RawRow(f"line {began}", None, "its entry has no end (section Z)")


def _of_sections(place: str, sections: Mapping[str, list[bytes]]) -> RawRow:
    head = [line.rstrip(b"\r\n") for line in sections.get("B", []) if line.strip()]
    if not head:
        return RawRow(place, None, "it has no request (section B)")
    # Every section ends with an empty line, which is not part of a body.
    body = b"".join(sections.get("C", sections.get("I", []))).removesuffix(b"\n").removesuffix(b"\n")
    first = _FIRST.match(b"".join(sections.get("A", [])))
    status = b"".join(sections.get("F", [])).split()[1:2]
    trailer = b"".join(sections.get("H", [])).decode("utf-8", "replace")
    values = {
        "request": b"\r\n".join([*head, b"", body]),
        "time": first[1].decode("utf-8", "replace") if first else None,
        "id": first[2].decode("utf-8", "replace") if first else None,
        "client": first[3].decode("utf-8", "replace") if first else None,
        "status": status[0].decode("utf-8", "replace") if status else None,
    }
    return RawRow(place, values | _rules(_DETAIL.findall(trailer)))


def read_json(file: DataFile, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    """Yields a row per line of a log in JSON."""
    with file.open() as stream:
        for number, line in enumerate(lines(stream), start=1):
            place = f"line {number}"
            if line is None:
                yield RawRow(place, None, f"it is longer than {MAX_LINE_BYTES >> 20} MiB")
            elif line.strip():
                try:
                    yield RawRow(place, _of_json(sources.safe_json.loads(line, strict=False)))
                except (ValueError, TypeError, LookupError, AttributeError) as error:
                    yield RawRow(place, None, f"it is not an entry of ModSecurity ({type(error).__name__}: {error})")


def _of_json(entry: Mapping[str, Any]) -> dict[str, Any]:
    transaction = entry["transaction"]
    request = transaction.get("request") or entry["request"]
    response = transaction.get("response") or entry.get("response") or {}
    body = request.get("body")
    body = b"".join(map(http_parts.encoded, body)) if isinstance(body, list) else http_parts.encoded(body)
    if "request_line" in request:  # of version 2
        method, _, url = http_parts.encoded(request["request_line"]).partition(b" ")
        version = b""
    else:
        method, url = http_parts.encoded(request["method"]), http_parts.encoded(request["uri"])
        version = b"HTTP/" + http_parts.encoded(request.get("http_version") or "1.1")
    messages = transaction.get("messages") or (entry.get("audit_data") or {}).get("messages") or []
    return {
        "request": http_parts.request(method, url, http_parts.headers(request.get("headers") or {}), body, version),
        "time": transaction.get("time_stamp") or transaction.get("time"),
        "id": transaction.get("unique_id") or transaction.get("transaction_id"),
        "client": transaction.get("client_ip") or transaction.get("remote_address"),
        "status": response.get("http_code") or response.get("status"),
    } | _rules([detail for message in messages for detail in _details(message)])


def _details(message: Any) -> Iterator[tuple[str, str]]:
    """Yields what a message says of its rule: version 2 has it in the text, version 3 in fields."""
    if isinstance(message, str):
        yield from _DETAIL.findall(message)
        return
    details = message.get("details") or {}
    yield "id", str(details.get("ruleId", ""))
    yield "msg", str(message.get("message", ""))
    yield from (("tag", str(tag)) for tag in details.get("tags") or [])


def _rules(details: list[tuple[str, str]]) -> dict[str, Any]:
    rules = [value for name, value in details if name == "id" and value]
    tags = [value for name, value in details if name == "tag"]
    return {
        "rule": next(iter(rules), None),
        "rules": " ".join(dict.fromkeys(rules)) or None,
        # The core rule set marks the class of an attack by such a tag.
        "tag": next((tag for tag in tags if tag.startswith("attack-")), next(iter(tags), None)),
        "message": next((value for name, value in details if name == "msg" and value), None),
    }
