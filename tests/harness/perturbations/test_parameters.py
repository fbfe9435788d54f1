"""Tier C of parameters: names, body formats and the method change; values and attack stay."""

import json
from email import message_from_bytes
from urllib.parse import parse_qsl

import pytest

from harness.oracles import encoding as oracle
from harness.perturbations.message import Message
from harness.perturbations.parameters import BodyFormat, Method, ParameterRename
from tests.harness.perturbations.rows import request
from tests.harness.perturbations.test_encoding import draws

FORM = "POST /a HTTP/1.1\nHost: h.example\nContent-Type: application/x-www-form-urlencoded\nContent-Length: {}\n\n{}"
JSON = "POST /a HTTP/1.1\nHost: h.example\nContent-Type: application/json\nContent-Length: {}\n\n{}"


def sized(head: str, body: str, attack: str | None = None) -> Message:
    return request(head.format(len(body), body), attack)


def test_names_change_and_values_stay() -> None:
    text = "GET /?id=1&tab=2&id=3&x[]=4 HTTP/1.1\nCookie: sid=5; _t=6\n\n"
    results = draws(ParameterRename(), request(text, "1"))
    assert len(results) > 20
    for after in results:
        parameters = after.request.parameters
        assert [after.request.text(p.value) for p in parameters] == [b"1", b"2", b"3", b"4", b"5", b"6"]
        names = [after.request.text(p.name) for p in parameters]
        assert names[0] == names[2] != names[1]
        assert [names[3], names[5]] == [b"x[]", b"_t"]  # the syntax of arrays, and what a framework may read
    assert {b"id", b"tab"} & {after.request.text(p.name) for after in results for p in after.request.parameters}


def test_names_in_bodies_change_with_the_length() -> None:
    multipart = '--B\r\nContent-Disposition: form-data; name="up"; filename="a.txt"\r\n\r\n1\r\n--B--\r\n'
    head = "POST / HTTP/1.1\nContent-Type: multipart/form-data; boundary=B\nContent-Length: {}\n\n{}"
    for message in (sized(FORM, "up=1", "1"), sized(JSON, '{"up": "1"}', "1"), sized(head, multipart, "1")):
        results = draws(ParameterRename(), message)
        assert results
        for after in results:
            assert after.request.has_exact_length
            assert not any(after.request.text(p.name) == b"up" for p in after.request.parameters)


def test_a_name_that_is_or_may_be_the_attack_stays() -> None:
    assert draws(ParameterRename(), request("GET /?attack=1 HTTP/1.1\n\n", "attack")) == []
    assert draws(ParameterRename(), sized(JSON, '{"language": "x"}')) == []
    assert draws(ParameterRename(), request("GET /?a[$ne]=1&b.c=2&_method=3 HTTP/1.1\n\n")) == []


def test_the_oracle_of_names_refuses_names_that_fall_together() -> None:
    before = request("GET /?id=1&tab=2 HTTP/1.1\n\n", "1")
    for target in (b"/?a=1&a=2", b"/?a=1&b=3", b"/?a=1", b"/x?a=1&b=2"):
        payload = before.payload.replace(b"/?id=1&tab=2", target)
        assert not ParameterRename().keeps_class(before, Message.of("s", payload, "sqli", [7, 8]))


def read(message: Message) -> list[tuple[str, str]]:
    """Returns names and values by the standard library's parsers."""
    kind, body = message.request.content_type, message.request.text(message.request.body)
    if kind == b"application/json":
        return [(name, value) for name, value in json.loads(body).items()]
    if kind == b"application/x-www-form-urlencoded":
        return parse_qsl(body.decode(), keep_blank_values=True, encoding="latin-1")
    header = message.request.header(b"content-type")
    assert header is not None
    parts = message_from_bytes(message.request.text(header.line) + b"\r\n" + body).get_payload()
    return [
        (p.get_param("name", header="content-disposition"), p.get_payload(decode=True).decode("latin-1")) for p in parts
    ]


@pytest.mark.parametrize(
    "message",
    [
        sized(FORM, "a=1&q=%27+or%0D%0A+%22x%22&b=", "+or%0D%0A+%22x"),
        sized(JSON, '{"a": "1", "q": "\' or\\r\\n \\u0022x\\"" , "b":""}', "or\\r\\n \\u0022"),
    ],
)
def test_another_format_holds_the_same_names_values_and_attack(message: Message) -> None:
    results = draws(BodyFormat(), message)
    assert {after.request.content_type for after in results} | {message.request.content_type} == {
        b"application/json",
        b"application/x-www-form-urlencoded",
        b"multipart/form-data",
    }
    for after in results:
        assert read(after) == read(message) == [("a", "1"), ("q", '\' or\r\n "x"'), ("b", "")]
        assert after.request.has_exact_length
        again = draws(BodyFormat(), after)
        assert message.request.content_type in {back.request.content_type for back in again}


@pytest.mark.parametrize(
    ("head", "body"),
    [
        (FORM, "a=1&a&b=2"),
        (FORM, "a=1&&b=2"),
        (FORM, "a[]=1"),
        (FORM, "a=%zz1"),
        (JSON, '{"a": "1", "b": 2}'),
        (JSON, '{"a": {"b": "1"}}'),
        (JSON, '["1"]'),
        (JSON.replace("json", "xml"), "<a>1</a>"),
    ],
)
def test_a_body_that_is_more_than_plain_pairs_keeps_its_format(head: str, body: str) -> None:
    assert draws(BodyFormat(), sized(head, body, "1")) == []


def test_bytes_that_json_cannot_hold_go_between_the_two_others() -> None:
    results = draws(BodyFormat(), sized(FORM, "a=1%FF", "1%FF"))
    assert {after.request.content_type for after in results} == {b"multipart/form-data"}
    assert {after.attack for after in results} == {b"1\xff"}
    assert draws(BodyFormat(), sized(JSON, '{"a": "1\\u00ff"}', "1")) == []


@pytest.mark.parametrize(
    ("kind", "body", "pairs"),
    [
        (b"application/x-www-form-urlencoded", b"a=%27&b=", [("a", "'"), ("b", "")]),
        (b"application/x-www-form-urlencoded", b"a=%2", None),
        (b"application/x-www-form-urlencoded", b"a=1&b", None),
        (b"application/json", b'{"a": "1", "a": "2"}', [("a", "1"), ("a", "2")]),
        (b"application/json", b'{"a": 1}', None),
        (b"application/json", b"[]", None),
        (b"multipart/form-data; boundary=B", b"--B--", None),
        (b"multipart/form-data; boundary=B", b"--B\r\n\r\n1\r\n--B--", None),
        (b"multipart/form-data", b"--B--", None),
        (b"text/plain", b"a=1", None),
    ],
)
def test_the_reader_of_formats_is_strict(kind: bytes, body: bytes, pairs: list[tuple[str, str]] | None) -> None:
    fields = oracle.fields_read(kind, body)
    assert fields == pairs or (pairs is None and not fields)


def test_a_query_becomes_a_form_and_back() -> None:
    get = request("GET /a?q=%27+or&b=' 1 HTTP/1.1\nHost: h.example\nX: y\n\n", "' 1")
    (post,) = draws(Method(), get)
    assert post.payload == (
        b"POST /a HTTP/1.1\r\nHost: h.example\r\nX: y\r\nContent-Type: application/x-www-form-urlencoded\r\n"
        b"Content-Length: 14\r\n\r\nq=%27+or&b=' 1"
    )
    assert post.attack == b"' 1"
    assert draws(Method(), post) == []  # the space can stand in no target
    sendable = sized(FORM, "q=%27+or&b='1", "'1")
    (back,) = draws(Method(), sendable)
    assert back.payload == b"GET /a?q=%27+or&b='1 HTTP/1.1\r\nHost: h.example\r\n\r\n"
    assert back.attack == b"'1"


@pytest.mark.parametrize(
    "text",
    [
        "GET /a HTTP/1.1\n\n",
        "GET /a?-d+x HTTP/1.1\n\n",
        "GET /a?q=1#b HTTP/1.1\n\n",
        "GET /a?q=1 HTTP/1.1\nContent-Type: text/plain\n\n",
        "GET /a?q=1",
        "PUT /a?q=1 HTTP/1.1\n\n",
        FORM.format(4, "q=1"),
        FORM.format(3, "q=1").replace("/a", "/a?b=2"),
        FORM.format(3, "q=1").replace("POST", "PUT"),
    ],
)
def test_other_requests_keep_their_method(text: str) -> None:
    assert draws(Method(), request(text)) == []
