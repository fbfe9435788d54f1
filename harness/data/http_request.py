"""A tolerant parser of HTTP/1 requests (RFC 9112) that locates each part of a request in the payload's bytes.

Nothing is decoded or copied: every part is a span, so that a rewrite can keep all bytes that it does not change. A
payload that cannot be parsed is `Request.malformed` and has no parts but a body. Parts are located on first access.
Regular expressions use possessive quantifiers where possible, so that parsing takes linear time on any payload.
"""

import functools
import re
from collections.abc import Iterator
from functools import cached_property
from typing import Literal, NamedTuple

Span = tuple[int, int]  # start and end, byte offsets in the payload
# "other" is a place whose encoding this parser does not know: its bytes can be read, but must not be rewritten.
Place = Literal[
    "query", "form", "json", "multipart", "filename", "xml", "cdata", "cookie", "header", "path", "raw", "other"
]

_HEAD = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}+) (?:([^\r\n]*) (HTTP/\d(?:\.\d)?)[ \t]*+|([^\r\n]*+))(?:\r\n|\n|\Z)"
    rb"((?:[^:\s]++[ \t]*+:[^\r\n]*+(?:\r\n|\n|\Z))*+)(?:\r\n|\n|\Z)"
)
# A first line without a version is a request line only if its target looks like one.
_BARE_TARGET = re.compile(rb"(?:/|\*\Z|https?://)(?!.* HTTP/)", re.I)
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
    """Spans of a header field: its line with the line end, its name, and its value without surrounding white space."""

    line: Span
    name: Span
    value: Span


class Parameter(NamedTuple):
    """Spans of the name and value of a parameter in the query, a cookie or the body, as encoded in the payload."""

    place: Place
    name: Span
    value: Span


@functools.cache
def _finder(name: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"\n((?i:" + re.escape(name) + rb"))" + _VALUE)


class Request:
    """An HTTP request, parsed from a payload; its parts are spans of the payload's bytes.

    Example: ``request = Request(payload); request.text(request.path)`` returns the bytes of the path.

    Attributes:
        payload: the bytes.
        malformed: whether the payload is not an HTTP request; then the body is the whole payload, and every other part
            is empty.
        method, target, path, query, version: spans in the request line, empty if absent. The path of a target in
            absolute form starts after the authority.
        head: span from the start to the end of the last header line, without the blank line.
        body: span of everything after the blank line.
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
        """Line end of the request line: CR LF or LF."""
        return b"\r\n" if self.payload.endswith(b"\r\n", 0, self._fields[0]) else b"\n"

    @cached_property
    def headers(self) -> tuple[Header, ...]:
        """The header fields, in order."""
        fields = _FIELD.finditer(self.payload, *self._fields)
        return tuple([Header(field.span(), field.span(1), field.span(2)) for field in fields])

    def header(self, name: bytes) -> Header | None:
        """Returns the first header with a name (given in lower case), or None."""
        return next(self.fields(name), None)

    def fields(self, name: bytes) -> Iterator[Header]:
        """Yields the headers with a name (given in lower case), in order."""
        start, end = self._fields
        search = _finder(name).search
        while start < end and (field := search(self.payload, start - 1, end)) is not None:
            start = field.end()
            yield Header((field.start() + 1, start), field.span(1), field.span(2))

    @cached_property
    def content_type_header(self) -> Header | None:
        """The first Content-Type header."""
        return self.header(b"content-type")

    @cached_property
    def content_type(self) -> bytes:
        """Media type of the body in lower case, without parameters; empty without a Content-Type header."""
        header = self.content_type_header
        return b"" if header is None else self.text(header.value).partition(b";")[0].strip().lower()

    @cached_property
    def has_coding(self) -> bool:
        """Whether the body has a transfer or content coding (RFC 9112, 7), so that it is not the content itself."""
        start, end = self._fields
        return start < end and _CODED.search(self.payload, start - 1, end) is not None

    @cached_property
    def content_lengths(self) -> tuple[Header, ...]:
        """All Content-Length headers."""
        return tuple(self.fields(b"content-length"))

    @property
    def has_exact_length(self) -> bool:
        """Whether there is a Content-Length header, and all of them equal the body's length (RFC 9110, 8.6)."""
        size = b"%d" % (self.body[1] - self.body[0])
        return bool(self.content_lengths) and all(self.text(field.value) == size for field in self.content_lengths)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters in byte order: of the query, of cookies and of the body."""
        return (*self.query_parameters, *self.cookie_parameters, *self.body_parameters)

    @property
    def values(self) -> list[Span]:
        """Distinct spans of all non-empty parameter values, ascending."""
        return sorted({p.value for p in self.parameters if p.value[0] < p.value[1]})

    @cached_property
    def query_parameters(self) -> tuple[Parameter, ...]:
        """The parameters of the query, in order."""
        return tuple(self._pairs("query", self.query))

    @cached_property
    def cookie_parameters(self) -> tuple[Parameter, ...]:
        """The cookies (RFC 6265), in order."""
        cookies = []
        for header in self.fields(b"cookie"):
            for match in _CRUMB.finditer(self.payload, *header.value):
                if match[2] is not None:
                    cookies.append(Parameter("cookie", match.span(1), match.span(2)))
        return tuple(cookies)

    @cached_property
    def body_parameters(self) -> tuple[Parameter, ...]:
        """The parameters of the body, by content type; a body of an unknown type is one parameter without a name."""
        kind, (start, end) = self.content_type, self.body
        if start == end or self.malformed:
            return ()
        if self.has_coding:
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
        """Yields the string values of a JSON body, each with the last key before it."""
        key = (self.body[0], self.body[0])
        for match in _STRING.finditer(self.payload, *self.body):
            if match[2] is None:
                return  # unterminated string
            if match[3] is None:
                yield Parameter("json", key, match.span(1))
            else:
                key = match.span(1)

    def _texts(self) -> Iterator[Parameter]:
        """Yields the texts and CDATA sections of an XML body, each with the last start tag before it."""
        name = (self.body[0], self.body[0])
        for match in _TEXT.finditer(self.payload, *self.body):
            if match[2] is not None:
                yield Parameter("cdata", name, match.span(1))
            elif match[3] is not None and match[4].strip():
                name = match.span(3)
                yield Parameter("xml", name, match.span(4))

    @cached_property
    def parts(self) -> tuple[Span, ...]:
        """Spans of the parts of a multipart body (RFC 2046, 5.1.1): head and content, without delimiter lines."""
        header = self.content_type_header
        boundary = header and _BOUNDARY.search(self.payload, *header.value)
        if not boundary or self.has_coding:
            return ()
        delimiter, (start, end) = b"--" + boundary[1], self.body
        parts, begin, at = [], -1, self.payload.find(delimiter, start)
        while at >= 0:
            line = _DELIMITED.match(self.payload, at + len(delimiter))
            if line is not None and (at == start or self.payload[at - 1] == 10):
                if begin >= 0:
                    # The line end before a delimiter belongs to the delimiter, not to the part.
                    parts.append((begin, max(begin, at - (2 if self.payload[at - 2] == 13 else 1))))
                if line[1]:  # the closing delimiter
                    return tuple(parts)
                begin = line.end()
            at = self.payload.find(delimiter, at + len(delimiter))
        return tuple(parts) if begin < 0 else (*parts, (begin, end))

    def _contents(self) -> Iterator[Parameter]:
        """Yields the fields, file names and contents of a multipart body (RFC 7578)."""
        for part in self.parts:
            head = _PART_HEAD.match(self.payload, *part)
            if head is None:
                continue
            match = _DISPOSITION.search(self.payload, *head.span(1))
            name = match.span(1) if match else (part[0], part[0])
            if filename := _FILENAME.search(self.payload, *head.span(1)):
                yield Parameter("filename", name, filename.span(1))
            yield Parameter("multipart", name, (head.end(), part[1]))
