"""A tolerant model of an HTTP/1 request (RFC 9112): where its parts lie in the payload's bytes.

Nothing is decoded or copied: every part is a span, so that a rewrite can keep the bytes it does not mean to change.
A payload that does not read as a request is `Request.malformed`; it has no parts but its bytes. Parts are found when
they are asked for. Quantifiers are possessive where they can be, so that no payload takes more than linear time.
"""

import functools
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Literal, NamedTuple

Span = tuple[int, int]  # start and end, byte offsets in the payload
# "other" is a place whose encoding this model does not know: its bytes can be read as they are, and not be written.
Place = Literal[
    "query", "form", "json", "multipart", "filename", "xml", "cdata", "cookie", "header", "path", "raw", "other"
]

_HEAD = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}+) (?:([^\r\n]*) (HTTP/\d(?:\.\d)?)[ \t]*+|([^\r\n]*+))(?:\r\n|\n|\Z)"
    rb"((?:[^:\s]++[ \t]*+:[^\r\n]*+(?:\r\n|\n|\Z))*+)(?:\r\n|\n|\Z)"
)
_BARE_TARGET = re.compile(
    rb"(?:/|\*\Z|https?://)(?!.* HTTP/)", re.I
)  # what makes a request of a line without a version
_VALUE = rb"[ \t]*+:[ \t]*+((?:[^\r\n]*[^\r\n\t ])?)[ \t]*+(?:\r\n|\n|\Z)"
_FIELD = re.compile(rb"([^:\s]++)" + _VALUE)
_AUTHORITY = re.compile(rb"[A-Za-z][A-Za-z0-9+.-]*+://[^/?]*+")
_PAIR = re.compile(rb"([^&=]*+)(?:=([^&]*+))?(?:&|\Z)")
_CRUMB = re.compile(rb"[ \t]*+([^;=]*+)(?:=([^;]*+))?(?:;|\Z)")
_STRING = re.compile(rb'"([^"\\]*+(?:\\.[^"\\]*+)*+)(")?+(?:\s*+(:))?', re.S)
_TEXT = re.compile(rb"<!\[CDATA\[(.*?)(?:(\]\]>)|\Z)|<([\w:.-]++)[^<>]*+>([^<>]++)(?=<)", re.S)
_DOCTYPE = re.compile(rb"\s*+(?:<\?xml[^>]*+>\s*+)?+(?:<!--(?:[^-]|-(?!->))*+-->\s*+)*+<!DOCTYPE")
_CODED = re.compile(rb"\n(?:transfer|content)-encoding[ \t]*+:", re.I)
_BOUNDARY = re.compile(rb';[ \t]*boundary="?([^";,\s]+)', re.I)
_DELIMITED = re.compile(rb"(--)?[ \t]*+(?:\r\n|\n|\Z)")
_PART_HEAD = re.compile(rb"((?:[^\r\n]++(?:\r\n|\n))*+)(?:\r\n|\n)")
_DISPOSITION = re.compile(rb'\bname="([^"\r\n]*+)"', re.I)
_FILENAME = re.compile(rb'\bfilename="([^"\r\n]*+)"', re.I)


class Header(NamedTuple):
    """One header field: its whole line with the line's end, its name, and its value without outer white space."""

    line: Span
    name: Span
    value: Span


class Parameter(NamedTuple):
    """A named value of the query, of a cookie or of the body, still encoded as its place demands."""

    place: Place
    name: Span
    value: Span


@functools.cache
def _finder(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"\n((?i:" + re.escape(name) + rb"))" + _VALUE)


class Request:
    """The parts of one payload.

    Attributes:
        payload: the bytes.
        malformed: whether they do not read as a request; every other part is empty then, but for the body.
        method, target, path, query, version: spans within the request line; empty ones where absent. The path of a
            target in absolute form begins after its authority.
        head: from the start to the end of the last header's line, without the blank line.
        body: what follows the blank line.
    """

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.method = self.target = self.path = self.query = self.version = self.head = self._fields = (0, 0)
        self.body = (0, len(payload))
        head = _HEAD.match(payload)
        self.malformed = head is None or not (head[3] or _BARE_TARGET.match(head[4]))
        if head is not None and not self.malformed:
            self._read(head)

    def _read(self, head: re.Match[bytes]) -> None:
        self.method = head.span(1)
        self.target = start, end = head.span(2 if head[3] else 4)
        self.version = head.span(3) if head[3] else (end, end)
        self._fields = head.span(5)
        self.head, self.body = (0, self._fields[1]), (head.end(), len(self.payload))
        mark = self.payload.find(b"?", start, end)
        self.query = (end, end) if mark < 0 else (mark + 1, end)
        if (authority := _AUTHORITY.match(self.payload, start, end)) is not None:
            start = authority.end()
        self.path = (start, end if mark < 0 else mark)

    def text(self, span: Span) -> bytes:
        """Returns the bytes of a span."""
        return self.payload[span[0] : span[1]]

    @property
    def line_end(self) -> bytes:
        """The end of the request line: CR LF, or LF where the payload has it so."""
        return b"\r\n" if self.payload.endswith(b"\r\n", 0, self._fields[0]) else b"\n"

    @cached_property
    def headers(self) -> tuple[Header, ...]:
        """The header fields, in their order."""
        found = _FIELD.finditer(self.payload, *self._fields)
        return tuple([Header(field.span(), field.span(1), field.span(2)) for field in found])

    def header(self, name: bytes) -> Header | None:
        """Returns the first header of a (lower-case) name."""
        return next(self.fields(name), None)

    def fields(self, name: bytes) -> Iterator[Header]:
        """Yields the headers of a (lower-case) name, in their order."""
        start, end = self._fields
        search = _finder(name).search
        while start < end and (field := search(self.payload, start - 1, end)) is not None:
            start = field.end()
            yield Header((field.start() + 1, start), field.span(1), field.span(2))

    @cached_property
    def typed(self) -> Header | None:
        """The (first) Content-Type."""
        return self.header(b"content-type")

    @cached_property
    def content_type(self) -> bytes:
        """The body's media type in lower case, without its parameters; empty where none is told."""
        header = self.typed
        return b"" if header is None else self.text(header.value).partition(b";")[0].strip().lower()

    @cached_property
    def coded(self) -> bool:
        """Whether the body is not the content itself, but has a transfer or content coding (RFC 9112, 7)."""
        start, end = self._fields
        return start < end and _CODED.search(self.payload, start - 1, end) is not None

    @cached_property
    def lengths(self) -> tuple[Header, ...]:
        """Every Content-Length."""
        return tuple(self.fields(b"content-length"))

    @property
    def sized(self) -> bool:
        """Whether Content-Length is told, and is the length of the body wherever it is (RFC 9110, 8.6)."""
        size = b"%d" % (self.body[1] - self.body[0])
        return bool(self.lengths) and all(self.text(field.value) == size for field in self.lengths)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every parameter, in the order of the bytes: those of the query, of cookies, of the body."""
        return (*self.query_parameters, *self.cookie_parameters, *self.body_parameters)

    @property
    def values(self) -> list[Span]:
        """Where the values of parameters lie that are not empty, ascending, each once."""
        return sorted({p.value for p in self.parameters if p.value[0] < p.value[1]})

    @cached_property
    def query_parameters(self) -> tuple[Parameter, ...]:
        """The parameters of the query, in their order."""
        return tuple(self._pairs("query", self.query))

    @cached_property
    def cookie_parameters(self) -> tuple[Parameter, ...]:
        """The cookies (RFC 6265), in their order."""
        found = []
        for header in self.fields(b"cookie"):
            for match in _CRUMB.finditer(self.payload, *header.value):
                if match[2] is not None:
                    found.append(Parameter("cookie", match.span(1), match.span(2)))
        return tuple(found)

    @cached_property
    def body_parameters(self) -> tuple[Parameter, ...]:
        """The parameters of the body by its content type; a body of another type is one without a name."""
        kind, (start, end) = self.content_type, self.body
        if start == end or self.malformed:
            return ()
        if self.coded:
            return (Parameter("other", (start, start), self.body),)
        if kind == b"application/x-www-form-urlencoded":
            return tuple(self._pairs("form", self.body))
        if kind.endswith(b"json"):
            return tuple(self._strings())
        if kind == b"multipart/form-data":
            return tuple(self._contents())
        if kind.endswith(b"xml") and not _DOCTYPE.match(self.payload, start):
            return tuple(self._texts())
        return (Parameter("raw", (start, start), self.body),)

    def _pairs(self, place: Place, span: Span) -> Iterator[Parameter]:
        if span[0] == span[1]:
            return
        for match in _PAIR.finditer(self.payload, *span):
            if match[0]:
                end = match.end(1)
                yield Parameter(place, match.span(1), (end, end) if match[2] is None else match.span(2))

    def _strings(self) -> Iterator[Parameter]:
        """String values of a JSON body, each with the key that stands before it."""
        key = (self.body[0], self.body[0])
        for match in _STRING.finditer(self.payload, *self.body):
            if match[2] is None:
                return  # it never ends
            if match[3] is None:
                yield Parameter("json", key, match.span(1))
            else:
                key = match.span(1)

    def _texts(self) -> Iterator[Parameter]:
        """Texts and CDATA sections of an XML body, each with the element that opens before it."""
        name = (self.body[0], self.body[0])
        for match in _TEXT.finditer(self.payload, *self.body):
            if match[2] is not None:
                yield Parameter("cdata", name, match.span(1))
            elif match[3] is not None and match[4].strip():
                name = match.span(3)
                yield Parameter("xml", name, match.span(4))

    @cached_property
    def parts(self) -> tuple[Span, ...]:
        """The parts of a multipart body (RFC 2046, 5.1.1), heads and contents, without the delimiters' lines."""
        header = self.typed
        told = header and _BOUNDARY.search(self.payload, *header.value)
        if not told or self.coded:
            return ()
        mark, (start, end) = b"--" + told[1], self.body
        found, begin, at = [], -1, self.payload.find(b"--" + told[1], start)
        while at >= 0:
            line = _DELIMITED.match(self.payload, at + len(mark))
            if line is not None and (at == start or self.payload[at - 1] == 10):
                if begin >= 0:
                    found.append((begin, max(begin, at - (2 if self.payload[at - 2] == 13 else 1))))
                if line[1]:
                    return tuple(found)
                begin = line.end()
            at = self.payload.find(mark, at + len(mark))
        return tuple(found) if begin < 0 else (*found, (begin, end))

    def _contents(self) -> Iterator[Parameter]:
        """Fields, file names and contents of a multipart body (RFC 7578)."""
        for part in self.parts:
            head = _PART_HEAD.match(self.payload, *part)
            if head is None:
                continue
            name = _DISPOSITION.search(self.payload, *head.span(1))
            named = name.span(1) if name else (part[0], part[0])
            if filename := _FILENAME.search(self.payload, *head.span(1)):
                yield Parameter("filename", named, filename.span(1))
            yield Parameter("multipart", named, (head.end(), part[1]))
