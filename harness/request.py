"""A tolerant model of an HTTP/1 request (RFC 9112): where its parts lie in the payload's bytes.

Nothing is decoded or copied: every part is a span, so that a rewrite can keep the bytes it does not mean to change.
A payload that does not read as a request is `Request.malformed`; it has no parts but its bytes.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

Span = tuple[int, int]  # start and end, byte offsets in the payload
Place = Literal["query", "form", "json", "multipart", "filename", "xml", "cdata", "cookie", "header", "path", "raw"]

_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]{1,32}) ([^\r\n]*?)(?: (HTTP/\d(?:\.\d)?))?(\r\n|\n|\Z)")
_HEADER = re.compile(rb"([^:\s]+)[ \t]*:[ \t]*([^\r\n]*?)[ \t]*(?:\r\n|\n|\Z)")
_BLANK = re.compile(rb"\r\n|\n|\Z")
_PAIR = re.compile(rb"([^&=]*)(?:=([^&]*))?(?:&|\Z)")
_CRUMB = re.compile(rb"[ \t]*([^;=]*)=([^;]*)")
_STRING = re.compile(rb'"((?:[^"\\]|\\.)*)"(\s*:)?', re.S)
_TEXT = re.compile(rb"<!\[CDATA\[(.*?)\]\]>|<([\w:.-]+)[^<>]*>([^<>]+)(?=<)", re.S)
_DOCTYPE = re.compile(rb"\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<!DOCTYPE", re.S)
_BOUNDARY = re.compile(rb'boundary="?([^";,\s]+)', re.I)
_DISPOSITION = re.compile(rb'(?i)\bname="([^"\r\n]*)"')
_FILENAME = re.compile(rb'(?i)\bfilename="([^"\r\n]*)"')
_PART_HEAD = re.compile(rb"(?:\r\n|\n)((?:[^\r\n]+(?:\r\n|\n))*)(?:\r\n|\n)")


@dataclass(frozen=True, slots=True)
class Header:
    """One header field: its whole line with the line's end, its name, and its value without outer white space."""

    line: Span
    name: Span
    value: Span


@dataclass(frozen=True, slots=True)
class Parameter:
    """A named value of the query, of a cookie or of the body, still encoded as its place demands."""

    place: Place
    name: Span
    value: Span


class Request:
    """The parts of one payload.

    Attributes:
        payload: the bytes.
        malformed: whether they do not read as a request; every other part is empty then, but for the body.
        method, target, path, query, version: spans within the request line; empty ones where absent.
        headers: in their order.
        head: from the start to the end of the last header's line, without the blank line.
        body: what follows the blank line.
    """

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.headers: tuple[Header, ...] = ()
        self.method = self.target = self.path = self.query = self.version = self.head = (0, 0)
        self.body = (0, len(payload))
        line = _LINE.match(payload)
        self.malformed = line is None or line.end(4) == 0
        if line is not None:
            self._read(line)

    def _read(self, line: re.Match[bytes]) -> None:
        payload, at = self.payload, line.end()
        headers = []
        while (blank := _BLANK.match(payload, at)) is None:
            field = _HEADER.match(payload, at)
            if field is None:
                self.malformed = True
                return
            headers.append(Header(field.span(), field.span(1), field.span(2)))
            at = field.end()
        self.method, self.target = line.span(1), line.span(2)
        self.version = line.span(3) if line[3] else (line.end(2), line.end(2))
        start, end = self.target
        mark = payload.find(b"?", start, end)
        self.path = (start, end if mark < 0 else mark)
        self.query = (end, end) if mark < 0 else (mark + 1, end)
        self.headers = tuple(headers)
        self.head, self.body = (0, at), (blank.end(), len(payload))

    def text(self, span: Span) -> bytes:
        """Returns the bytes of a span."""
        return self.payload[span[0] : span[1]]

    @property
    def line_end(self) -> bytes:
        """The end of the request line: CR LF, or LF where the payload has it so."""
        return b"\r\n" if self.payload.find(b"\r\n", 0, self.head[1]) >= 0 else b"\n"

    def header(self, name: bytes) -> Header | None:
        """Returns the first header of a (lower-case) name."""
        return next((h for h in self.headers if self.text(h.name).lower() == name), None)

    @cached_property
    def content_type(self) -> bytes:
        """The body's media type in lower case, without its parameters; empty where none is told."""
        header = self.header(b"content-type")
        return b"" if header is None else self.text(header.value).split(b";")[0].strip().lower()

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Every parameter, in the order of the bytes within query, cookies and body."""
        if self.malformed:
            return ()
        return (*self._pairs("query", self.query), *self._cookies(), *self._body())

    def _pairs(self, place: Place, span: Span) -> Iterator[Parameter]:
        if span[0] == span[1]:
            return
        for match in _PAIR.finditer(self.payload, *span):
            if match[0]:
                end = match.end(1)
                yield Parameter(place, match.span(1), match.span(2) if match[2] is not None else (end, end))

    def _cookies(self) -> Iterator[Parameter]:
        for header in self.headers:
            if self.text(header.name).lower() == b"cookie":
                for match in _CRUMB.finditer(self.payload, *header.value):
                    yield Parameter("cookie", match.span(1), match.span(2))

    def _body(self) -> Iterator[Parameter]:
        kind, (start, end) = self.content_type, self.body
        if start == end:
            return iter(())
        if kind == b"application/x-www-form-urlencoded":
            return self._pairs("form", self.body)
        if kind.endswith(b"json"):
            return self._strings()
        if kind == b"multipart/form-data":
            return self._parts()
        if kind.endswith(b"xml") and not _DOCTYPE.match(self.payload, *self.body):
            return self._texts()
        return iter((Parameter("raw", (start, start), self.body),))

    def _strings(self) -> Iterator[Parameter]:
        """String values of a JSON body, each with the key that stands before it."""
        key = (self.body[0], self.body[0])
        for match in _STRING.finditer(self.payload, *self.body):
            if match[2] is None:
                yield Parameter("json", key, match.span(1))
            else:
                key = match.span(1)

    def _texts(self) -> Iterator[Parameter]:
        """Texts and CDATA sections of an XML body, each with the element that opens before it."""
        name = (self.body[0], self.body[0])
        for match in _TEXT.finditer(self.payload, *self.body):
            if match[1] is not None:
                yield Parameter("cdata", name, match.span(1))
            elif match[3].strip():
                name = match.span(2)
                yield Parameter("xml", name, match.span(3))

    def _parts(self) -> Iterator[Parameter]:
        """Fields, file names and contents of a multipart body (RFC 7578)."""
        header = self.header(b"content-type")
        told = header and _BOUNDARY.search(self.payload, *header.value)
        if not told:
            return
        mark, at = b"--" + told[1], self.payload.find(b"--" + told[1], *self.body)
        while at >= 0:
            begin, at = at + len(mark), self.payload.find(mark, at + len(mark))
            head = _PART_HEAD.match(self.payload, begin)
            if head is None or at < 0:
                continue
            end = at - (2 if self.payload[at - 2 : at] == b"\r\n" else 1 if self.payload[at - 1 : at] == b"\n" else 0)
            name = _DISPOSITION.search(self.payload, *head.span(1))
            named = name.span(1) if name else (head.start(1), head.start(1))
            if filename := _FILENAME.search(self.payload, *head.span(1)):
                yield Parameter("filename", named, filename.span(1))
            yield Parameter("multipart", named, (head.end(), max(end, head.end())))
