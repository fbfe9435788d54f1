"""Attributes of a request, named ``kind: value``: the candidates for cues.

Candidates are properties of the request's form, the metadata of its row, and the pieces of its text (see
`harness.auditing.tokens`). No vocabulary of attacks is used: the counts alone decide which attributes are cues.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from harness.auditing.text import decoded, one_line
from harness.data.http_request import Request

MAX_VALUE = 64  # bytes; of a longer value, only its words become attributes
_WORD = re.compile(rb"[\w-]{2,}")
_HOST = re.compile(rb"//([\w-]+(?:\.[\w-]+)+)")
_EXTENSION = re.compile(rb"\.(\w{1,8})\Z")

# The kinds, most informative first: of several attributes on the same rows, the first kind names the cue.
KINDS = (
    "cue",
    "source",
    "vendor",
    "year",
    "header",
    "host",
    "linked host",
    "content type",
    "body",
    "method",
    "path",
    "extension",
    "parameter",
    "text",
    "path segment",
    "header name",
    "header word",
    "length",
    "body length",
    "headers",
    "parameters",
)
TEXT = "text"
METADATA = frozenset(("cue", "source", "vendor", "year"))  # properties of the row that are not in the payload
SIZES = frozenset(
    ("length", "body length", "headers", "parameters")
)  # any cut changes them, so that a cut cannot locate them


class Attribute(NamedTuple):
    """A binary property of a payload: a kind, and a value of that kind, as bytes of the payload."""

    kind: str
    value: bytes

    @property
    def name(self) -> str:
        """The attribute as one line of printable text."""
        return f"{self.kind}: {one_line(self.value)}"


def of_request(payload: bytes, text: bytes) -> list[Attribute]:
    """Returns the distinct attributes of a request's form; hosts, paths and parameter names are in lower case.

    Args:
        payload: the request.
        text: `harness.auditing.text.readable` of the request.
    """
    return list(dict.fromkeys(Attribute(kind, value) for kind, value in _pairs(Request(payload), text) if value))


def _pairs(request: Request, text: bytes) -> Iterator[tuple[str, bytes]]:
    yield "length", _bin(len(request.payload), b"bytes")
    for host in _HOST.findall(text):
        yield from (("linked host", suffix) for suffix in _suffixes(host.lower()))
    if request.malformed:
        yield "body", b"not a request"
        return
    yield "method", request.text(request.method)
    yield from _path(decoded(request.text(request.path)))
    yield from _headers(request)
    parameters = [request.text(p.name) for p in request.parameters]
    yield from (("parameter", decoded(name).lower()) for name in parameters if len(name) <= MAX_VALUE)
    yield "parameters", _bin(len(request.parameters))
    yield "headers", _bin(len(request.headers))
    size = request.body[1] - request.body[0]
    yield "body length", _bin(size, b"bytes")
    yield "content type", request.content_type
    places = [p.place for p in request.parameters if p.value[0] >= request.body[0]]
    yield from (("body", place.encode()) for place in (places if size else ("none",)))


def _path(path: bytes) -> Iterator[tuple[str, bytes]]:
    segments = [segment for segment in path.lower().split(b"/") if 0 < len(segment) <= MAX_VALUE]
    if segments:
        yield "path", b"/" + segments[0]
        yield from (("path segment", segment) for segment in segments[1:])
        if extension := _EXTENSION.search(segments[-1]):
            yield "extension", extension[1]


def _headers(request: Request) -> Iterator[tuple[str, bytes]]:
    for header in request.headers:
        name, value = request.text(header.name), request.text(header.value)
        yield "header name", name
        if len(value) <= MAX_VALUE:
            yield "header", name + b": " + value
        yield from (("header word", name + b": " + word) for word in _WORD.findall(decoded(value).lower()))
        if name.lower() == b"host":
            yield from (("host", suffix) for suffix in _suffixes(value.lower().partition(b":")[0]))


def _suffixes(host: bytes) -> Iterator[bytes]:
    """Yields the host, and a wildcard for every parent domain but the top-level one."""
    labels = host.split(b".")
    yield host
    yield from (b"*." + b".".join(labels[at:]) for at in range(1, len(labels) - 1))


def _bin(number: int, unit: bytes = b"") -> bytes:
    """Returns the power-of-two bin of a count: 0, 1, 2-3, 4-7 ..."""
    low = 1 << (number.bit_length() - 1) if number else 0
    return (b"%d-%d %s" % (low, 2 * low - 1, unit) if low > 1 else b"%d %s" % (low, unit)).rstrip()


def attribute_key(attribute: Attribute) -> bytes:
    """Returns the bytes that identify an attribute, for hashing."""
    return attribute.kind.encode() + b"\0" + attribute.value
