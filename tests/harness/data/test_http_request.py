"""The request parser: the parts it finds, malformed payloads, and linear time on any payload."""

import time

import pytest

from harness.data.http_request import Request


def texts(request: Request) -> list[tuple[str, bytes, bytes]]:
    return [(p.place, request.text(p.name), request.text(p.value)) for p in request.parameters]


def test_parts_of_a_plain_request() -> None:
    request = Request(b"POST /a/b?x=1&y HTTP/1.1\r\nHost: h.example\r\nCookie: s=1; t=2=3\r\n\r\nbody")
    assert not request.malformed
    parts = (request.method, request.target, request.path, request.query, request.version, request.body)
    assert [request.text(span) for span in parts] == [b"POST", b"/a/b?x=1&y", b"/a/b", b"x=1&y", b"HTTP/1.1", b"body"]
    assert [(request.text(h.name), request.text(h.value)) for h in request.headers] == [
        (b"Host", b"h.example"),
        (b"Cookie", b"s=1; t=2=3"),
    ]
    assert texts(request) == [
        ("query", b"x", b"1"),
        ("query", b"y", b""),
        ("cookie", b"s", b"1"),
        ("cookie", b"t", b"2=3"),
        ("raw", b"", b"body"),
    ]


@pytest.mark.parametrize(
    ("payload", "headers", "end"),
    [
        (b"GET / HTTP/1.1\nA: 1\nB: 2\n\n", 2, b"\n"),  # LF alone
        (b"GET / HTTP/1.1\r\nA: 1\nB: 2\r\n\n", 2, b"\r\n"),  # mixed
        (b"GET /\r\nA: 1\r\n\r\n", 1, b"\r\n"),  # no version
        (b"GET /?q=a b HTTP/1.1\r\nA: 1\r\n\r\n", 1, b"\r\n"),  # a space in the target
        (b"GET / HTTP/1.1\r\nA: 1\r\n", 1, b"\r\n"),  # no empty line
        (b"GET / HTTP/1.1\r\nA: 1", 1, b"\r\n"),  # no line end either
        (b"GET / HTTP/1.1", 0, b"\n"),
        (b"GET / HTTP/1.1\r\nA:\r\nB: \t \r\n\r\n", 2, b"\r\n"),  # empty values
        (b"GET / HTTP/1.1 \r\nA : 1 \r\nA: 2\r\n\r\n", 2, b"\r\n"),  # white space that should not be; a name twice
        (b"GET /\x00 HTTP/1.1\r\nA: \x00\r\n\r\n\x00", 1, b"\r\n"),  # NUL bytes
    ],
)
def test_tolerates(payload: bytes, headers: int, end: bytes) -> None:
    request = Request(payload)
    assert not request.malformed
    assert len(request.headers) == headers
    assert request.line_end == end


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        b"\r\n",
        b"no request",
        b"SELECT * FROM t",
        b"\x00\x01\x02",
        b"GET / HTTP/1.1\r\n: nameless\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: 1\r\n folded\r\n\r\n",
        b"GET / HTTP/1.1\r\nno colon\r\n\r\n",
        b"GET / HTTP/1.1\r\nA: 1\rB: 2\r\n\r\n",
        b"GET / HTTP/1.1 and more\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_payloads_that_are_not_requests_are_malformed(payload: bytes) -> None:
    request = Request(payload)
    assert request.malformed
    assert request.headers == request.parameters == request.parts == ()
    assert request.text(request.body) == payload


def test_finds_headers_by_name_also_if_repeated() -> None:
    request = Request(b"GET / HTTP/1.1\r\nCookie: a=1\r\nCOOKIE:b=2\r\nX: y\r\ncookie: c=3\r\n\r\nCookie: d=4")
    assert [request.text(field.value) for field in request.fields(b"cookie")] == [b"a=1", b"b=2", b"c=3"]
    assert [request.text(field.line) for field in request.fields(b"x")] == [b"X: y\r\n"]
    assert [field for name in (b"cookie", b"x") for field in request.fields(name)] == [
        request.headers[i] for i in (0, 1, 3, 2)
    ]
    assert request.header(b"cooki") is None


@pytest.mark.parametrize(
    ("target", "path", "query"),
    [
        (b"http://h.example/a?b=1", b"/a", b"b=1"),
        (b"http://h.example?b=1", b"", b"b=1"),
        (b"/a#x?b=1", b"/a#x", b"b=1"),
        (b"/a?b=1#c?d=2", b"/a", b"b=1#c?d=2"),
        (b"//h.example/a", b"//h.example/a", b""),
        (b"*", b"*", b""),
        (b"h.example:443", b"h.example:443", b""),
        (b"", b"", b""),
        (b"/?", b"/", b""),
    ],
)
def test_targets(target: bytes, path: bytes, query: bytes) -> None:
    request = Request(b"GET " + target + b" HTTP/1.1\r\n\r\n")
    assert (request.text(request.path), request.text(request.query)) == (path, query)


def body(content_type: str, text: bytes) -> list[tuple[str, bytes, bytes]]:
    return texts(Request(b"POST / HTTP/1.1\r\nContent-Type: " + content_type.encode() + b"\r\n\r\n" + text))


def test_json_strings_with_the_key_before_them() -> None:
    text = rb'{"a": "x\"y", "b": 1, "c": ["d", {"e" : "f"}], "g": ""}'
    found = [("a", rb"x\"y"), ("c", b"d"), ("e", b"f"), ("g", b"")]
    assert body("application/json; charset=UTF-8", text) == [("json", name.encode(), value) for name, value in found]
    assert body("application/problem+json", b'{"a": "unclosed') == []


def test_xml_texts_and_cdata_unless_a_document_type_may_define_more() -> None:
    text = b'<a><b c="1">x&lt;</b><d><![CDATA[<y>]]></d> </a>'
    assert body("text/xml", text) == [("xml", b"b", b"x&lt;"), ("cdata", b"b", b"<y>")]
    for before in (b"", b'<?xml version="1.0"?>\n', b"<!-- c --><!-- d -->"):
        document = before + b"<!DOCTYPE a>" + text
        assert body("application/xml", document) == [("raw", b"", document)]


MULTIPART = (
    b'--B\r\nContent-Disposition: form-data; name="a"\r\n\r\n1--B\r\n--Bx\r\n'
    b'--B \r\nContent-Disposition: form-data; name="f"; filename="x.txt"\r\nContent-Type: text/plain\r\n\r\n\r\n'
)


@pytest.mark.parametrize(("end", "content"), [(b"--B--\r\nnot a part", b""), (b"more", b"\r\nmore")])
def test_multipart_fields_file_names_and_contents(end: bytes, content: bytes) -> None:
    assert body('multipart/form-data; boundary="B"', MULTIPART + end) == [
        ("multipart", b"a", b"1--B\r\n--Bx"),
        ("filename", b"f", b"x.txt"),
        ("multipart", b"f", content),
    ]


def test_bodies_that_contradict_their_content_type() -> None:
    assert body("multipart/form-data; boundary=C", MULTIPART) == []
    assert body("multipart/form-data", MULTIPART) == []
    assert texts(Request(b"POST / HTTP/1.1\r\n\r\na=1")) == [("raw", b"", b"a=1")]
    form = b"POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\n"
    assert texts(Request(form + b"3\r\na=1\r\n0\r\n\r\n")) == [("other", b"", b"3\r\na=1\r\n0\r\n\r\n")]


HOSTILE = {  # head, unit that is repeated, tail
    "pairs": (b"GET /?", b"a=%27&", b" HTTP/1.1\r\n\r\n"),
    "members": (b"POST / HTTP/1.1\r\nContent-Type: application/json\r\n\r\n{", b'"a": "b",', b'"c": "d"}'),
    "nesting": (b"POST / HTTP/1.1\r\nContent-Type: application/json\r\n\r\n", b'{"a":["b",', b""),
    "form": (b"POST / HTTP/1.1\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n", b"a=1&", b"b=2"),
    "path": (b"GET ", b"/a", b"?q=1 HTTP/1.1\r\n\r\n"),
    "spaces in a value": (b"GET / HTTP/1.1\r\nA: ", b" ", b"x\r\n\r\n"),
    "spaces in the line": (b"GET /", b" ", b"x\r\n\r\n"),
    "versions": (b"GET /", b" HTTP/1.1", b"x\r\n\r\n"),
    "a name": (b"GET / HTTP/1.1\r\n", b"a", b"\r\n\r\n"),
    "a crumb": (b"GET / HTTP/1.1\r\nCookie: ", b"a", b"\r\n\r\n"),
    "percent": (b"GET /?", b"%&", b" HTTP/1.1\r\n\r\n"),
    "cookies": (b"GET / HTTP/1.1\r\n", b"Cookie: a=b\r\n", b"\r\n"),
    "quotes": (b"POST / HTTP/1.1\r\nContent-Type: application/json\r\n\r\n", b'"', b'"'),
    "escaped quotes": (b"POST / HTTP/1.1\r\nContent-Type: application/json\r\n\r\n", b'\\"', b""),
    "angles": (b"POST / HTTP/1.1\r\nContent-Type: text/xml\r\n\r\n", b"<", b""),
    "a tag": (b"POST / HTTP/1.1\r\nContent-Type: text/xml\r\n\r\n<", b"a", b""),
    "tags": (b"POST / HTTP/1.1\r\nContent-Type: text/xml\r\n\r\n", b"<a>", b""),
    "sections": (b"POST / HTTP/1.1\r\nContent-Type: text/xml\r\n\r\n", b"<![CDATA[", b""),
    "comments": (b"POST / HTTP/1.1\r\nContent-Type: text/xml\r\n\r\n", b"<!---->", b""),
    "delimiters": (b"POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=B\r\n\r\n", b"--B\r\n", b""),
    "marks": (b"POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=B\r\n\r\n", b"--B", b""),
    "names": (
        b"POST / HTTP/1.1\r\nContent-Type: multipart/form-data; boundary=B\r\n\r\n--B\r\n",
        b'name="',
        b"\r\n\r\n",
    ),
}


def seconds(payload: bytes) -> float:
    least = 1.0
    for _ in range(3):
        began = time.process_time()
        request = Request(payload)
        assert request.headers is not None
        assert request.parameters is not None
        least = min(least, time.process_time() - began)
    return least


@pytest.mark.parametrize("kind", HOSTILE)
def test_time_grows_linearly_with_the_length(kind: str) -> None:
    head, unit, tail = HOSTILE[kind]
    short, long = (seconds(head + unit * (size // len(unit)) + tail) for size in (10_000, 100_000))
    assert long < 40 * max(short, 1e-4), f"{short} s at 10 KB, {long} s at 100 KB"
