"""Reads HTTP archives (HAR), which browsers and proxies export: a request per entry, in parts."""

import base64
import binascii
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from harness import UserError, sources

from .. import http_parts
from ..data_file import DataFile
from ..rows import RawRow
from .json_rows import document

DEFAULTS = {"payload": "request"}
COLUMNS = ("request", "method", "url", "host", "status", "comment", "time", "page")


def read(file: DataFile, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    """Yields a row per entry: the request put together from its parts, and what else is known of it.

    Raises:
        UserError: the file is not a HAR file, or too large.
    """
    value = document(file)
    entries = value["log"].get("entries") if isinstance(value, dict) and isinstance(value.get("log"), dict) else None
    if not isinstance(entries, list):
        raise UserError(f"{file.title} is not a HAR file: it has no list log.entries.")
    for number, entry in enumerate(entries, start=1):
        try:
            yield RawRow(f"entry {number}", _values(entry))
        except (ValueError, TypeError, LookupError, AttributeError, binascii.Error) as error:
            yield RawRow(f"entry {number}", None, f"its request is not as in HAR ({type(error).__name__}: {error})")


def _values(entry: Mapping[str, Any]) -> dict[str, Any]:
    request = entry["request"]
    response = entry.get("response") or {}
    headers = http_parts.headers(request.get("headers") or [])
    payload = http_parts.request(
        http_parts.encoded(request.get("method")),
        http_parts.encoded(request["url"]),
        headers,
        _body(request.get("postData") or {}),
        http_parts.encoded(request.get("httpVersion")),
    )
    host = next((value.decode("utf-8", "replace") for name, value in headers if name.lower() == b"host"), None)
    return {
        "request": payload,
        "method": request.get("method"),
        "url": request["url"],
        "host": host or str(request["url"]).partition("://")[2].partition("/")[0] or None,
        "status": response.get("status"),
        "comment": entry.get("comment"),
        "time": entry.get("startedDateTime"),
        "page": entry.get("pageref"),
    }


def _body(data: Mapping[str, Any]) -> bytes:
    """Returns a body: its text, or its parameters as a form, which HAR has as they were sent."""
    if data.get("text"):
        text = http_parts.encoded(data["text"])
        return base64.b64decode(text, validate=True) if data.get("encoding") == "base64" else text
    pairs = [
        (http_parts.encoded(item.get("name")), http_parts.encoded(item.get("value")))
        for item in data.get("params") or []
    ]
    return b"&".join(name + b"=" + value for name, value in pairs)
