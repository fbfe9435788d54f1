"""Parts of requests, located in all payloads at once: equal to those of the parser, and moved with their attacks."""

import random

import numpy as np
import pytest
from harness.benchmarks.synthetic import cards
from harness.benchmarks.synthetic.corpus import render_sample
from harness.benchmarks.synthetic.cues import CUES
from harness.benchmarks.synthetic.rendering import CueValues, Rendering
from hypothesis import given
from hypothesis import strategies as st

from harness.data.http_request import Request
from harness.data.payloads import Payloads
from harness.data.request_fields import KINDS, LINE_KINDS, Fields, keep, locate, replace, typed_bodies

REQUEST = (
    b"POST http://a.example/b/c?x=1&y=2 HTTP/1.1\r\nHost: a.example\r\nUser-Agent: u\r\nX-Id: 5\r\nCookie: k=v\r\n"
    b"Accept-Language: de\r\nContent-Type: text/plain\r\n\r\nthe body\n\nand more"
)
OTHER = b"GET /o HTTP/1.1\r\nAccept: */*\r\nHost: other.example\r\nUser-Agent: other\r\n\r\n"


def parts(payload: bytes) -> list[tuple[str, bytes]]:
    """Kind and bytes of the segments of one payload."""
    fields = locate(Payloads.from_list([payload]))
    return [
        (KINDS[kind], payload[start:stop])
        for kind, start, stop in zip(fields.kind, fields.start, fields.stop, strict=True)
    ]


def of_row(fields: Fields, row: int) -> list[tuple[str, int, int]]:
    own = fields.owner == row
    return [
        (KINDS[kind], int(start), int(stop))
        for kind, start, stop in zip(fields.kind[own], fields.start[own], fields.stop[own], strict=True)
    ]


def assert_as_parsed(payload: bytes, segments: list[tuple[str, int, int]]) -> None:
    request = Request(payload)
    spans = {kind: (start, stop) for kind, start, stop in segments}
    assert [start for _, start, _ in segments] + [len(payload)] == [0, *(stop for *_, stop in segments)]
    assert all(stop > start for _, start, stop in segments)
    for kind in ("method", "path", "query", "version", "body"):
        span = getattr(request, kind)
        if span[0] < span[1]:
            assert spans[kind] == span, kind
        else:
            assert kind not in spans, kind
    lines = [(start, stop) for kind, start, stop in segments if kind in LINE_KINDS]
    assert lines == [header.line for header in request.headers]


def test_parts_of_a_request() -> None:
    assert parts(REQUEST) == [
        ("method", b"POST"),
        ("separator", b" "),
        ("authority", b"http://a.example"),
        ("path", b"/b/c"),
        ("separator", b"?"),
        ("query", b"x=1&y=2"),
        ("separator", b" "),
        ("version", b"HTTP/1.1"),
        ("separator", b"\r\n"),
        ("host", b"Host: a.example\r\n"),
        ("client", b"User-Agent: u\r\n"),
        ("header", b"X-Id: 5\r\n"),
        ("cookie", b"Cookie: k=v\r\n"),
        ("client", b"Accept-Language: de\r\n"),
        ("content", b"Content-Type: text/plain\r\n"),
        ("separator", b"\r\n"),
        ("body", b"the body\n\nand more"),
    ]


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (b"HOST: a", "host"),
        (b"host : a", "host"),
        (b"Sec-Fetch-Mode: cors", "client"),
        (b"Sec-: x", "header"),
        (b"Upgrade-Insecure-Requests: 1", "client"),
        (b"Cache-Control: no-cache", "client"),
        (b"TE: trailers", "client"),
        (b"Referer: http://a", "referer"),
        (b"Content-Length: 3", "content"),
        (b"Transfer-Encoding: chunked", "content"),
        (b"Proxy-Authorization: Basic x", "authorization"),
        (b"X-Forwarded-For: 127.0.0.1", "header"),
        (b"Hostname: a", "header"),
        (b"Upgrade-Insecure-Requests-And-Much-More: 1", "header"),
        (b"Origin: null", "header"),
    ],
)
def test_kind_of_a_header(line: bytes, kind: str) -> None:
    assert (kind, line + b"\r\n") in parts(b"GET / HTTP/1.1\r\n" + line + b"\r\n\r\n")


ODD = [
    b"",
    b"\r\n",
    b"\n",
    b" ",
    b"GET",
    b"GET ",
    b"GET /",
    b"GET *",
    b"GET * ",
    b"GET /\n",
    b"GET / \t",
    b"GET / HTTP/1.1",
    b"GET / HTTP/1",
    b"GET / HTTP/1.1 \t\r\nA: 1\r\n\r\nb",
    b"GET  HTTP/1.1\r\n\r\n",
    b"GET HTTP/1.1\r\n\r\n",
    b"GET / HTTP/11\r\n\r\n",
    b"GET / x HTTP/1.1\r\n\r\n",
    b"GET / http/1.1\r\n\r\n",
    b"GET /? HTTP/1.1\r\n\r\n",
    b"GET ?a HTTP/1.1\r\n\r\n",
    b"GET /a?b?c\r\n\r\n",
    b"GET http://h HTTP/1.1\r\n\r\n",
    b"GET http://h?q=/ HTTP/1.1\r\n\r\n",
    b"GET http://h\r\n\r\n",
    b"GET HTTPS://h/p\r\n\r\n",
    b"GET ftp://h/p\r\n\r\n",
    b"GET 1http://h/p HTTP/1.1\r\n\r\n",
    b"GET a_b://h/p HTTP/1.1\r\n\r\n",
    b"GET /a://b/c HTTP/1.1\r\n\r\n",
    b"GET x?://b/c HTTP/1.1\r\n\r\n",
    b"A" * 32 + b" / HTTP/1.1\r\n\r\n",
    b"A" * 33 + b" / HTTP/1.1\r\n\r\n",
    b"G(T / HTTP/1.1\r\n\r\n",
    b"GET / HTTP/1.1\r\nA : 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nA b: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nA\x0b: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\n: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\n A: 1\r\n\r\n",
    b"GET / HTTP/1.1\r\nA: 1\rB: 2\r\n\r\n",
    b"GET / HTTP/1.1\r\nA: 1\r\r\n\r\n",
    b"GET / HTTP/1.1\r\nA: 1\r\n\r",
    b"GET / HTTP/1.1\r\nA: 1\r\n\rB",
    b"GET / HTTP/1.1\r\nA: 1\r\nB",
    b"GET / HTTP/1.1\r\nA: 1\r\n\nB: 2\r\n\r\n",
    b"GET / HTTP/1.1\nA:\n\n\n\nB: 2",
    b"GET / HTTP/1.1\r\n\r\na\rb\r\r\n",
    b"GET /\x00 HTTP/1.1\r\n\x00: \x00\r\n\r\n\x00",
    REQUEST,
    OTHER,
]


def test_agrees_with_the_parser_on_odd_requests() -> None:
    fields = locate(Payloads.from_list(ODD))
    for row, payload in enumerate(ODD):
        assert_as_parsed(payload, of_row(fields, row))


PIECES = st.sampled_from(
    [b"GET", b" ", b"/", b"?", b"HTTP/1.1", b" HTTP/1.0", b"\r\n", b"\n", b"\r", b"\t", b"Host", b":", b"http://", b"a",
     b"*", b"=", b"\x0b", b"\x00", b"Cookie: a=b\r\n", b"\r\n\r\n", b"GET / HTTP/1.1\r\n", b"POST /a?b"]
)  # fmt: skip
PAYLOADS = st.lists(st.lists(PIECES, max_size=14).map(b"".join) | st.binary(max_size=30), max_size=6)


@given(PAYLOADS)
def test_agrees_with_the_parser_on_any_payloads(payloads: list[bytes]) -> None:
    fields = locate(Payloads.from_list(payloads))
    assert np.all(np.diff(fields.owner) >= 0)
    for row, payload in enumerate(payloads):
        assert_as_parsed(payload, of_row(fields, row))


def synthetic(count: int) -> list[Rendering]:
    """Requests of the benchmark under cues, with their attack spans."""
    cores = [f"{card.cve}/{number}" for card in cards.load() for number in range(len(card.cores))]
    rng = random.Random(0)
    return [
        render_sample(
            f"{cores[row * len(cores) // count]}/{row % 5}",
            CueValues(**{name: rng.choice(cue.values) for name, cue in CUES.items()}),
        )
        for row in range(count)
    ]


def test_agrees_with_the_parser_on_the_requests_of_the_benchmark() -> None:
    renderings = synthetic(400)
    fields = locate(Payloads.from_list(rendering.payload for rendering in renderings))
    assert set(np.unique(fields.kind)) > {KINDS.index(kind) for kind in ("method", "path", "query", "cookie", "body")}
    for row, rendering in enumerate(renderings):
        assert_as_parsed(rendering.payload, of_row(fields, row))


@pytest.mark.parametrize(
    ("lines", "kind"),
    [
        (b"Content-Type: application/x-www-form-urlencoded\r\n", "form"),
        (b"content-type:APPLICATION/X-WWW-FORM-URLENCODED ; charset=utf-8\r\n", "form"),
        (b"Content-Type: application/x-www-form-urlencoded2\r\n", ""),
        (b"Content-Types: application/x-www-form-urlencoded\r\n", ""),
        (b"Content-Type: text/plain\r\nContent-Type: application/x-www-form-urlencoded\r\n", ""),
        (b"Content-Type:\r\nX: application/x-www-form-urlencoded\r\n", ""),
        (b"Content-Type : application/json\n", "json"),
        (b"Content-Type:application/problem+JSON;charset=utf-8\r\n", "json"),
        (b"Content-Type: json \t\r\n", "json"),
        (b"Content-Type: son\r\n", ""),
        (b"Content-Type: application/json2\r\n", ""),
        (b"Content-Type: text/plain; x=json\r\n", ""),
        (b"", ""),
    ],
)
def test_bodies_of_parameters_and_of_json(lines: bytes, kind: str) -> None:
    payloads = Payloads.from_list([b"", b"POST / HTTP/1.1\r\nA: 1\r\n" + lines + b"\r\na=b+c"])
    is_form, is_json = typed_bodies(payloads, locate(payloads))
    assert (is_form.tolist(), is_json.tolist()) == ([False, kind == "form"], [False, kind == "json"])
    media = Request(payloads[1]).content_type
    assert (media == b"application/x-www-form-urlencoded", media.endswith(b"json")) == (kind == "form", kind == "json")


def attacks(payloads: Payloads, spans: tuple[tuple[int, ...], ...] | None) -> list[list[bytes]]:
    assert spans is not None
    return [
        [payload[start:stop] for start, stop in zip(row[::2], row[1::2], strict=True)]
        for payload, row in zip(payloads, spans, strict=True)
    ]


def test_keep_drops_segments_and_moves_spans() -> None:
    payloads = Payloads.from_list([REQUEST, b"", b"not a request"])
    fields = locate(payloads)
    body, agent = REQUEST.index(b"body"), REQUEST.index(b": u")
    path_to_query = REQUEST.index(b"c?x=1&y")
    spans = [(path_to_query, path_to_query + 7, agent, agent + 2, body, body + 4), (), (0, 3, 4, 4)]
    kept, moved = keep(payloads, fields, ~fields.of("client", "host", "query"), spans)
    expected = REQUEST
    for line in (b"Host: a.example\r\n", b"User-Agent: u\r\n", b"Accept-Language: de\r\n", b"x=1&y=2"):
        expected = expected.replace(line, b"")
    assert list(kept) == [expected, b"", b"not a request"]
    assert attacks(kept, moved) == [[b"c?", b"body"], [], [b"not"]]
    assert keep(payloads, fields, ~fields.of("body")) == (
        Payloads.from_list([REQUEST[: REQUEST.index(b"the body")], b"", b""]),
        None,
    )


def test_replace_takes_the_lines_of_the_donor() -> None:
    bare = b"GET /bare HTTP/1.1\r\nX: y\r\n\r\n"
    payloads = Payloads.from_list([REQUEST, OTHER, bare, b"not a request"])
    body = REQUEST.index(b"body")
    spans = [(body, body + 4), (5, 6), (), (0, 3)]
    out, moved = replace(payloads, locate(payloads), np.array([1, 2, 0, 0]), ("host", "client"), spans)
    assert list(out) == [
        b"POST http://a.example/b/c?x=1&y=2 HTTP/1.1\r\nHost: other.example\r\nAccept: */*\r\nUser-Agent: other\r\n"
        b"X-Id: 5\r\nCookie: k=v\r\nContent-Type: text/plain\r\n\r\nthe body\n\nand more",
        b"GET /o HTTP/1.1\r\n\r\n",
        b"GET /bare HTTP/1.1\r\nHost: a.example\r\nUser-Agent: u\r\nAccept-Language: de\r\nX: y\r\n\r\n",
        b"not a request",
    ]
    assert attacks(out, moved) == [[b"body"], [b"o"], [], [b"not"]]


@pytest.mark.parametrize("incomplete", [b"no request", b"GET / HTTP/1.1", b"GET / HTTP/1.1\r\nHost: a", b""])
def test_replace_leaves_what_has_no_complete_head(incomplete: bytes) -> None:
    payloads = Payloads.from_list([REQUEST, incomplete])
    assert replace(payloads, locate(payloads), np.array([1, 0]), ("host",)) == (payloads, None)


def test_replace_refuses_kinds_that_are_not_header_lines() -> None:
    payloads = Payloads.from_list([REQUEST])
    with pytest.raises(ValueError, match="body, query cannot be exchanged"):
        replace(payloads, locate(payloads), np.array([0]), ("query", "host", "body"))


def test_exchanged_requests_are_requests_with_the_same_attack() -> None:
    renderings = synthetic(300)
    payloads = Payloads.from_list(rendering.payload for rendering in renderings)
    donors = np.random.default_rng(0).permutation(300)
    spans = [[edge for span in rendering.spans for edge in span] for rendering in renderings]
    fields = locate(payloads)
    out, moved = replace(payloads, fields, donors, ("host", "client"), spans)
    client = fields.of("client")
    before, after = attacks(payloads, tuple(map(tuple, spans))), attacks(out, moved)
    for row, (payload, donor) in enumerate(zip(out, donors, strict=True)):
        request, own, other = Request(payload), Request(payloads[row]), Request(payloads[int(donor)])
        assert not request.malformed
        assert request.text(request.body) == own.text(own.body)
        assert request.header(b"host") is not None
        assert request.text(request.header(b"host").value) == other.text(other.header(b"host").value)
        lines = client & (fields.owner == row)
        in_client = any(
            start < stop_of_line and start_of_line < stop
            for start, stop in zip(spans[row][::2], spans[row][1::2], strict=True)
            for start_of_line, stop_of_line in zip(fields.start[lines], fields.stop[lines], strict=True)
        )
        assert in_client or b"".join(after[row]) == b"".join(before[row])


@given(PAYLOADS, st.data())
def test_rows_are_independent(payloads: list[bytes], data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(range(len(payloads))), max_size=4) if payloads else st.just([]))
    fields = locate(Payloads.from_list(payloads))
    some = locate(Payloads.from_list(payloads[row] for row in chosen))
    assert [of_row(some, row) for row in range(len(chosen))] == [of_row(fields, row) for row in chosen]
