"""Puts a raw request together from its parts, for formats that hold them apart.

The rule: ``METHOD TARGET HTTP/1.1``, the headers in their order, an empty line, the body; lines end with CR LF. The
target of an absolute URL is its path and query, and its host becomes the header ``Host`` if there is none. A body
without ``Content-Length`` or ``Transfer-Encoding`` gets a ``Content-Length``. Nothing is decoded or encoded.
"""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from harness import sources

Headers = list[tuple[bytes, bytes]]

_ABSOLUTE = re.compile(rb"[a-zA-Z][a-zA-Z0-9+.-]*://([^/?#]*)(.*)", re.DOTALL)
_VERSION = re.compile(rb"(.*) (HTTP/\d(?:\.\d)?)[ \t]*", re.DOTALL)


def request(method: bytes, url: bytes, headers: Headers, body: bytes, version: bytes = b"") -> bytes:
    """Returns the bytes of a request.

    Args:
        method: GET, or POST if there is a body, if it is empty.
        url: a path with its query, or an absolute URL; it may end with the version, as in a request line.
        headers: names and values in their order; those of HTTP/2 that begin with a colon are left out.
        body: the body; empty if there is none.
        version: such as ``HTTP/1.0``; ``HTTP/1.1`` if it is empty or of HTTP/2, which has no text form.
    """
    url = url.strip()
    if match := _VERSION.fullmatch(url):
        url, version = match[1], match[2]
    host = b""
    if match := _ABSOLUTE.fullmatch(url):
        host, url = match[1].rpartition(b"@")[2], match[2].partition(b"#")[0]
        url = url if url.startswith(b"/") else b"/" + url
    headers = [(name, value) for name, value in headers if name and not name.startswith(b":")]
    names = {name.lower() for name, _ in headers}
    if host and b"host" not in names:
        headers = [(b"Host", host), *headers]
    if body and not names & {b"content-length", b"transfer-encoding"}:
        headers.append((b"Content-Length", b"%d" % len(body)))
    version = version.upper() if version.upper().startswith(b"HTTP/1.") else b"HTTP/1.1"
    line = b" ".join([method or (b"POST" if body else b"GET"), url or b"/", version])
    return b"\r\n".join([line, *(name + b": " + value for name, value in headers), b"", body])


def headers(value: Any) -> Headers:
    """Returns the headers of a value: lines, a JSON text, an object, a list of pairs or of objects with a name.

    Raises:
        ValueError: it is none of these.
    """
    if isinstance(value, str | bytes):
        text = encoded(value).strip()
        if text[:1] in (b"{", b"["):
            try:
                return headers(sources.safe_json.loads(text))
            except ValueError as error:
                raise ValueError(f"the headers are not JSON ({error})") from error
        lines = [line.partition(b":") for line in text.splitlines() if line.strip()]
        return [(name.strip(), rest.strip()) for name, _, rest in lines]
    if value is None:
        return []
    if isinstance(value, Mapping):
        return [pair for name, item in value.items() for pair in _pairs(name, item)]
    if isinstance(value, list):
        return [pair for item in value for pair in _of_item(item)]
    raise ValueError(f"the headers are {type(value).__name__}, not text, an object or a list")


def _of_item(item: Any) -> Iterable[tuple[bytes, bytes]]:
    if isinstance(item, Mapping) and {"name", "value"} <= set(item):
        return _pairs(item["name"], item["value"])
    if isinstance(item, Mapping) and {"key", "value"} <= set(item):
        return _pairs(item["key"], item["value"])
    if isinstance(item, list | tuple) and len(item) == 2:
        return _pairs(*item)
    if isinstance(item, str | bytes):
        return headers(item)
    raise ValueError("a header is neither a pair nor an object with name and value")


def _pairs(name: Any, value: Any) -> Iterable[tuple[bytes, bytes]]:
    """Yields a header, once for each of several values."""
    for one in value if isinstance(value, list) else [value]:
        if one is not None:
            yield encoded(name), encoded(one)


def encoded(value: Any) -> bytes:
    """Returns a value as bytes: text as UTF-8, None as nothing, anything else as Python writes it."""
    if value is None:
        return b""
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


def with_crlf(message: bytes) -> bytes:
    """Returns a request whose head has CR LF, for formats that store its lines without CR."""
    head, empty, body = message.partition(b"\n\n")
    return message if b"\r" in head else head.replace(b"\n", b"\r\n") + (b"\r\n\r\n" + body if empty else b"")
