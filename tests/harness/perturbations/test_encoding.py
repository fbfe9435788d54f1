"""Tier A: encodings have an exact inverse by parsers other than the oracles', and the oracles reject false ones."""

import json
import os
from dataclasses import replace
from urllib.parse import parse_qsl, unquote_to_bytes

import h11
import pytest

from harness.data.http_request import Place
from harness.oracles import encoding as oracle
from harness.perturbations.base import Perturbation
from harness.perturbations.codec import decode
from harness.perturbations.encoding import PERTURBATIONS, ChunkedBody, HeaderCase, JsonEscape, PercentEncoding
from harness.perturbations.engine import PerturbationTally
from harness.perturbations.message import Message
from harness.perturbations.order import PERTURBATIONS as ORDERS
from harness.perturbations.stream import Stream
from tests.harness.perturbations.rows import perturbed, request

PER_CLASS = 1000 if os.environ.get("HARNESS_FULL_ROUNDS") else 91  # of 11 classes


def draws(perturbation: Perturbation, message: Message, count: int = 40) -> list[Message]:
    """Returns the distinct results of a perturbation over several seeds."""
    results = [
        perturbation.rewrite(message, Stream().begin("sample", perturbation.name, seed)) for seed in range(count)
    ]
    distinct = {after.payload: after for after in results if after is not None and after.payload != message.payload}
    assert all(perturbation.keeps_class(message, after) for after in distinct.values())
    return list(distinct.values())


@pytest.mark.parametrize("perturbation", [*PERTURBATIONS, *ORDERS], ids=lambda p: p.name)
def test_no_draw_of_tier_a_is_rejected(perturbation: Perturbation) -> None:
    tally = PerturbationTally()
    assert perturbation.tier == "A"
    assert len(perturbed(perturbation, PER_CLASS, tally)) > PER_CLASS // 2
    assert tally.rejected.total() == 0


def sent(payload: bytes) -> tuple[bytes, bytes, list[tuple[bytes, bytes]], bytes]:
    """Returns method, target, fields and content as a public HTTP library reads them."""
    server = h11.Connection(h11.SERVER)
    server.receive_data(payload)
    head = server.next_event()
    assert isinstance(head, h11.Request)
    content = b""
    while isinstance(event := server.next_event(), h11.Data):
        content += event.data
    assert isinstance(event, h11.EndOfMessage)
    assert server.trailing_data == (b"", False)
    return head.method, head.target, list(head.headers), content


def test_another_library_reads_the_same_request_whatever_the_case_of_names() -> None:
    for before, after in perturbed(HeaderCase(), 10, PerturbationTally()):
        assert sent(before.payload) == sent(after.payload)


def test_another_library_joins_the_chunks_to_the_same_body() -> None:
    splits = 0
    for before, after in perturbed(ChunkedBody(), 10, PerturbationTally()):
        (method, target, fields, content), chunked = sent(before.payload), sent(after.payload)
        assert (method, target, content) == (chunked[0], chunked[1], chunked[3])
        assert [field for field in fields if field[0] != b"content-length"] == [
            field for field in chunked[2] if field != (b"transfer-encoding", b"chunked")
        ]
        splits += len(after.spans) > len(before.spans)
    assert splits > 10


def test_the_pairs_of_a_query_or_form_are_read_alike_however_they_are_encoded() -> None:
    for before, after in perturbed(PercentEncoding(), 20, PerturbationTally()):
        pairs = [
            [
                parse_qsl(m.request.text(part).decode("latin-1"), True, encoding="latin-1")
                for part in (m.request.query, m.request.body)
                if m.request.content_type.endswith(b"urlencoded") or part == m.request.query
            ]
            for m in (before, after)
        ]
        assert pairs[0] == pairs[1]


def test_json_escapes_are_read_alike() -> None:
    for before, after in perturbed(JsonEscape(), 30, PerturbationTally()):
        assert json.loads(before.request.text(before.request.body)) == json.loads(
            after.request.text(after.request.body)
        )
        assert b"\\" in after.attack


def test_percent_encoding_draws_hex_case_needless_escapes_literals_and_both_spaces() -> None:
    message = request("GET /?q=a%2Fb%3D+c HTTP/1.1\nHost: h.example\n\n", "a%2Fb%3D+c")
    attacks = [after.attack for after in draws(PercentEncoding(), message)]
    assert {unquote_to_bytes(attack.replace(b"+", b" ")) for attack in attacks} == {b"a/b= c"}
    for spelling in (b"%2f", b"a/b", b"%61", b"%20c", b"+c", b"%3d"):
        assert any(spelling in attack for attack in attacks), spelling
    assert not any(b"=" in attack for attack in attacks)


@pytest.mark.parametrize(
    ("text", "attack", "never"),
    [
        ("GET /a/..%2f..%2Fetc;x=1 HTTP/1.1\n\n", "a/..%2f..%2Fetc;x=1", [b"../..", b"%3b", b"%3B"]),
        ("GET / HTTP/1.1\nCookie: a=%27%20or%2b1\n\n", "%27%20or%2b1", [b"'", b"+", b" "]),
        ("GET /?a=%26b%3d%23 HTTP/1.1\n\n", "%26b%3d%23", [b"&", b"=", b"#"]),
    ],
)
def test_percent_encoding_keeps_the_characters_that_part_its_place(text: str, attack: str, never: list[bytes]) -> None:
    results = draws(PercentEncoding(), request(text, attack))
    assert results
    assert not [part for part in never for after in results if part in after.attack]


@pytest.mark.parametrize(
    ("text", "attack"),
    [
        ("GET /?q=100%zz HTTP/1.1\n\n", "100%zz"),  # broken
        ("GET /?q=%41b HTTP/1.1\n\n", "1b"),  # begins inside an escape
        ("GET / HTTP/1.1\nCookie: a=' or 1\n\n", "' or 1"),  # a cookie that shows no percent-encoding
        ("GET / HTTP/1.1\nX-Id: %27\n\n", "%27"),  # a header
        ("POST / HTTP/1.1\nContent-Type: text/plain\n\n%27", "%27"),
        ('POST / HTTP/1.1\nContent-Type: application/json\n\n{"a": "%27"}', "%27"),
    ],
)
def test_percent_encoding_leaves_alone_what_is_not_percent_encoded(text: str, attack: str) -> None:
    assert draws(PercentEncoding(), request(text, attack)) == []


@pytest.mark.parametrize(
    ("place", "text"), [("query", "a b c"), ("form", "a b c"), ("path", "a+b c"), ("cookie", "a+b c")]
)
def test_a_plus_is_a_space_in_queries_and_forms_alone(place: Place, text: str) -> None:
    assert decode(place, b"a+b%20c") == text


@pytest.mark.parametrize(
    ("before", "after", "same"),
    [
        ("GET /?q=%27%20or HTTP/1.1\n\n", "%27+or", True),
        ("GET /%27%20or HTTP/1.1\n\n", "%27+or", False),
        ("GET /%27+or HTTP/1.1\n\n", "%27%20or", False),
        ("GET / HTTP/1.1\nCookie: a=%27%20or\n\n", "%27+or", False),
        ("GET / HTTP/1.1\nCookie: a=%27+or\n\n", "%27%20or", False),
    ],
)
def test_the_oracle_takes_a_plus_for_a_space_in_queries_and_forms_alone(before: str, after: str, same: bool) -> None:
    attack = "%27%20or" if "%20" in before else "%27+or"
    message = request(before, attack)
    start = message.payload.index(attack.encode())
    payload = message.payload.replace(attack.encode(), after.encode())
    changed = Message.of("sample", payload, "sql-injection", [start, start + len(after)])
    assert PercentEncoding().keeps_class(message, changed) == same


@pytest.mark.parametrize("text", ["GET /a%20b+c HTTP/1.1\n\n", "GET / HTTP/1.1\nCookie: q=a%20b+c\n\n"])
def test_no_draw_in_a_path_or_cookie_exchanges_a_plus_and_a_space(text: str) -> None:
    results = draws(PercentEncoding(), request(text, "a%20b+c"))
    assert results
    assert {unquote_to_bytes(after.attack) for after in results} == {b"a b+c"}


@pytest.mark.parametrize(
    ("length", "body", "same"),
    [
        (4, "a%62c", False),  # of neither
        (5, "a%62c", True),
        (3, "a%62c", False),  # that of the body before
        (6, "a%62c", False),
        (55, "a%62c", False),
    ],
)
def test_the_oracle_refuses_a_wrong_content_length(length: int, body: str, same: bool) -> None:
    head = "POST / HTTP/1.1\r\nContent-Length: {}\r\nHost: h\r\n\r\n"
    before, after = (head.format(3) + "abc").encode(), (head.format(length) + body).encode()
    old, new = [(len(before) - 3, len(before))], [(len(after) - 5, len(after))]
    assert oracle.same_elsewhere(before, old, after, new) == same


def test_the_oracle_does_not_let_one_of_two_content_lengths_be_wrong() -> None:
    head = b"POST / HTTP/1.1\r\nContent-Length: %d\r\ncontent-length: %d\r\n\r\n"
    before = head % (3, 3) + b"abc"
    for lengths, same in (((4, 4), True), ((4, 3), False), ((3, 4), False)):
        after = head % lengths + b"abcd"
        spans = [(len(before) - 3, len(before))], [(len(after) - 4, len(after))]
        assert oracle.same_elsewhere(before, spans[0], after, spans[1]) == same


def test_percent_encoding_of_a_form_keeps_content_length_right() -> None:
    head = "POST / HTTP/1.1\nContent-Type: application/x-www-form-urlencoded\nContent-Length: 5\n\n"
    for after in draws(PercentEncoding(), request(head + "q=1'2", "1'2")):
        assert after.request.has_exact_length


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"%27+or", b"%26+or"),  # another byte
        (b"%27+or", b"%27%2bor"),  # a plus is no space
        (b"%27+or", b"%27 or"),  # no space may stand as it is
        (b"%27+or", b"%27+o%7"),  # broken
        (b"Host: h", b"Host: g"),  # elsewhere
    ],
)
def test_the_oracle_refuses_a_change_of_the_attack_or_elsewhere(old: bytes, new: bytes) -> None:
    before = request("GET /?q=%27+or HTTP/1.1\nHost: h\n\n", "%27+or")
    payload = before.payload.replace(old, new)
    after = Message.of("sample", payload, "sql-injection", [8, 14 + len(payload) - len(before.payload)])
    assert not PercentEncoding().keeps_class(before, after)


def test_header_case_leaves_a_name_alone_that_is_the_attack() -> None:
    for after in draws(HeaderCase(), request("GET / HTTP/1.1\nX-Attack: 1\nHost: h\n\n", "X-Attack")):
        assert b"X-Attack: 1" in after.payload


def test_the_oracle_of_header_case_refuses_a_changed_value() -> None:
    before = request("GET / HTTP/1.1\nHost: h\n\nb", "b")
    for old, new in ((b": h", b": H"), (b"GET", b"get"), (b"\r\n\r\nb", b"\r\n\r\nB")):
        assert not HeaderCase().keeps_class(before, replace(before, payload=before.payload.replace(old, new)))


@pytest.mark.parametrize(
    "head",
    [
        "POST / HTTP/1.0\nContent-Length: 3",
        "POST / HTTP/1.1\nContent-Length: 4",
        "POST / HTTP/1.1\nContent-Length: 3\nContent-Length: 3",
        "POST / HTTP/1.1\nContent-Length: 3\nTransfer-Encoding: identity",
        "POST / HTTP/1.1\nContent-Length: 3\nContent-Encoding: gzip",
        "POST / HTTP/1.1\nHost: h",
    ],
)
def test_a_body_whose_length_is_not_plainly_told_is_not_sent_in_chunks(head: str) -> None:
    assert draws(ChunkedBody(), request(head + "\n\nabc", "abc")) == []
    plain = request("POST / HTTP/1.1\nContent-Length: 3\n\nabc", "abc")
    assert draws(ChunkedBody(), plain)
    assert draws(ChunkedBody(), Message.of("s", plain.payload.replace(b"\r", b""), "sqli", [39, 42])) == []


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (b"3\r\nabc\r\n0\r\n\r\n", b"abc"),
        (b"0a\r\n0123456789\r\n1\r\nx\r\n0\r\n\r\n", b"0123456789x"),
        (b"3\r\nabc\r\n", None),
        (b"4\r\nabc\r\n0\r\n\r\n", None),
        (b"3\r\nabc\r\n0\r\n\r\nx", None),
        (b"3;a=b\r\nabc\r\n0\r\n\r\n", None),
        (b"3\nabc\n0\n\n", None),
        (b"abc", None),
    ],
)
def test_the_reader_of_chunks_is_strict(body: bytes, content: bytes | None) -> None:
    assert oracle.chunks_joined(body) == content


def test_json_escape_keeps_to_the_attack_within_a_string() -> None:
    text = 'POST / HTTP/1.1\nContent-Type: application/json\n\n{"a": "x\\n1/1\\u0027--", "b": "--"}'
    results = draws(JsonEscape(), request(text, "1/1\\u0027"))
    assert results
    assert all(b'"x\\n' in after.payload and b'--", "b": "--"' in after.payload for after in results)
    assert any(b"\\/" in after.attack for after in results)
    assert draws(JsonEscape(), request(text, "n1/1")) == []  # begins inside an escape
    assert draws(JsonEscape(), request(text.replace("{", "{,"), "1/1")) == []  # no JSON


def test_json_is_read_strictly_and_told_apart_to_the_digit() -> None:
    for text in (b"{", b"NaN", b'{"a": 1} x', b'"\x01"', b"\xff", b"[" * 100_000):
        assert oracle.json_read(text) is None
    assert oracle.same_json(b'{"a": [1]}', b' { "\\u0061" : [ 1 ] } ', ignore_order=False)
    for other in (b'{"a": [1.0]}', b'{"a": ["1"]}', b'[["a", [1]]]', b'{"a": [1], "a": [1]}'):
        assert not oracle.same_json(b'{"a": [1]}', other, ignore_order=True)
    assert not oracle.same_json(b'{"a": 1, "b": 2}', b'{"b": 2, "a": 1}', ignore_order=False)
    assert oracle.same_json(b'{"a": 1, "b": 2, "a": 3}', b'{"b": 2, "a": 1, "a": 3}', ignore_order=True)
    assert not oracle.same_json(b'{"a": 1, "a": 3}', b'{"a": 3, "a": 1}', ignore_order=True)
