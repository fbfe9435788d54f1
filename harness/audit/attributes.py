"""What can be said of one request without understanding its attack: its attributes, as ``kind: value`` names.

These are the candidates for cues: the request's form, the metadata of its row, and, by `harness.audit.tokens`, the
pieces of its text. No attack's vocabulary stands here: which of them is a cue comes out of the counts alone.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from harness.audit.text import decoded, shown
from harness.data.http_request import Request

LONGEST_VALUE = 64  # bytes of a value that is named whole; of longer ones only the words are
_WORD = re.compile(rb"[\w-]{2,}")
_HOST = re.compile(rb"//([\w-]+(?:\.[\w-]+)+)")
_EXTENSION = re.compile(rb"\.(\w{1,8})\Z")

# The kinds, most telling first: where several attributes are on the same rows, the first one names the cue.
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
METADATA = frozenset(("cue", "source", "vendor", "year"))  # of the row: no classifier of payloads sees them
SIZES = frozenset(("length", "body length", "headers", "parameters"))  # they change with whatever is cut out


class Attribute(NamedTuple):
    """A yes-or-no property of a payload: its kind, and the value that it has (bytes as they stand in the payload)."""

    kind: str
    value: bytes

    @property
    def name(self) -> str:
        """The attribute as one line of printable text."""
        return f"{self.kind}: {shown(self.value)}"


def of_request(payload: bytes, text: bytes) -> list[Attribute]:
    """Returns the attributes of a request's form, each once; hosts, paths and names of parameters in lower case.

    Args:
        payload: the request.
        text: the same, made `harness.audit.text.readable`.
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
    yield from (("parameter", decoded(name).lower()) for name in parameters if len(name) <= LONGEST_VALUE)
    yield "parameters", _bin(len(request.parameters))
    yield "headers", _bin(len(request.headers))
    size = request.body[1] - request.body[0]
    yield "body length", _bin(size, b"bytes")
    yield "content type", request.content_type
    places = [p.place for p in request.parameters if p.value[0] >= request.body[0]]
    yield from (("body", place.encode()) for place in (places if size else ("none",)))


def _path(path: bytes) -> Iterator[tuple[str, bytes]]:
    segments = [segment for segment in path.lower().split(b"/") if 0 < len(segment) <= LONGEST_VALUE]
    if segments:
        yield "path", b"/" + segments[0]
        yield from (("path segment", segment) for segment in segments[1:])
        if extension := _EXTENSION.search(segments[-1]):
            yield "extension", extension[1]


def _headers(request: Request) -> Iterator[tuple[str, bytes]]:
    for header in request.headers:
        name, value = request.text(header.name), request.text(header.value)
        yield "header name", name
        if len(value) <= LONGEST_VALUE:
            yield "header", name + b": " + value
        yield from (("header word", name + b": " + word) for word in _WORD.findall(decoded(value).lower()))
        if name.lower() == b"host":
            yield from (("host", suffix) for suffix in _suffixes(value.lower().partition(b":")[0]))


def _suffixes(host: bytes) -> Iterator[bytes]:
    """The host and every domain above it but the last label."""
    labels = host.split(b".")
    yield host
    yield from (b"*." + b".".join(labels[at:]) for at in range(1, len(labels) - 1))


def _bin(number: int, unit: bytes = b"") -> bytes:
    """The power-of-two bin of a count: 0, 1, 2-3, 4-7 ..."""
    low = 1 << (number.bit_length() - 1) if number else 0
    return (b"%d-%d %s" % (low, 2 * low - 1, unit) if low > 1 else b"%d %s" % (low, unit)).rstrip()


def spelled(attribute: Attribute) -> bytes:
    """Returns the bytes whose hash stands for an attribute."""
    return attribute.kind.encode() + b"\0" + attribute.value
