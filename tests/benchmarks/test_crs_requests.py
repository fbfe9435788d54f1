"""Requests of regression tests have the bytes that go-ftw sends."""

import base64

import pytest
from harness.benchmarks.crs.document import load, stages
from harness.benchmarks.crs.fields import Unusable
from harness.benchmarks.crs.requests import payload

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


def sent(text: str, version: str = "") -> bytes:
    """The bytes of the only request of a test whose input is the given YAML in braces."""
    return requests(f"tests: [{{stages: [{{input: {{{text}}}}}]}}]{version}")[0]


def requests(text: str) -> list[bytes]:
    found = list(stages(load(text.encode()), "942100.yaml", lambda reason, where: pytest.fail(reason)))
    return [payload(stage.request) for stage in found]


def body(text: str) -> tuple[bytes, bytes]:
    """The Content-Length and the body of a POST."""
    head, _, rest = sent(f"method: POST, {text}").partition(b"\r\n\r\n")
    return head.rpartition(b"Content-Length: ")[2], rest


def test_ordered_headers_keep_their_order_and_repetitions() -> None:
    headers = "[{name: X-B, value: '2'}, {name: Host, value: a.example}, {name: X-B, value: }, {Name: x-a, Value: b}]"
    for field in ("ordered_headers", "headers"):
        assert sent(f"{field}: {headers}") == (
            b"GET / HTTP/1.1\r\nX-B: 2\r\nHost: a.example\r\nX-B: \r\nx-a: b\r\nConnection: close\r\n\r\n"
        )


def test_headers_of_a_mapping_are_sorted_by_name() -> None:
    assert sent("headers: {b: '1', Host: a.example, Accept: }") == (
        b"GET / HTTP/1.1\r\nAccept: \r\nHost: a.example\r\nb: 1\r\nConnection: close\r\n\r\n"
    )


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("q=' or 1=1 --&r=<i>", b"q=%27+or+1%3D1+--&r=%3Ci%3E"),
        ("a b", b"a+b"),
        ("a=1&&b&", b"a=1&&b"),  # one "&" at the end is dropped
        ("a=-_.~*/", b"a=-_.~%2A%2F"),
        ("a=b+c d", b"a=b+c d"),  # a plus or a percent sign means that it is encoded already
        ("a=%zz<", b"a=%zz<"),
        ("&", b""),
    ],
)
def test_form_data_is_encoded_unless_it_is_already(data: str, expected: bytes) -> None:
    assert body(f'data: "{data}"') == (b"%d" % len(expected), expected)


def test_form_data_is_encoded_by_content_type_and_autocompletion() -> None:
    assert body("data: a=<, headers: {content-type: Application/X-www-form-urlencoded}")[1] == b"a=%3C"
    for rest in (
        "headers: {Content-Type: text/xml}",
        "headers: {Content-Type: application/x-www-form-urlencoded; v=1}",
    ):
        assert body(f"data: a=<, {rest}") == (b"3", b"a=<")
    for switch in ("autocomplete_headers: false", "stop_magic: true", "no_autocomplete_headers: yes"):
        assert sent(f"data: a=<, {switch}") == b"GET / HTTP/1.1\r\n\r\na=<"
    assert sent("data: a=<, stop_magic: true, autocomplete_headers: true").endswith(b"\r\n\r\na=%3C")


def test_standard_headers_are_added_once() -> None:
    assert sent("method: PUT") == b"PUT / HTTP/1.1\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"
    assert sent("data: x=1") == (b"GET / HTTP/1.1\r\n" + FORM + b"Connection: close\r\nContent-Length: 3\r\n\r\nx=1")
    assert sent("method: POST, data: x=1, headers: {connection: a, content-length: 7, CONTENT-TYPE: b}") == (
        b"POST / HTTP/1.1\r\nCONTENT-TYPE: b\r\nconnection: a\r\ncontent-length: 7\r\n\r\nx=1"
    )


def test_lines_of_multipart_data_end_in_cr_lf() -> None:
    lines = r'headers: {Content-Type: Multipart/Form-Data; boundary=b}, data: "--b\n\nx\n--b--\n"'
    assert body(lines) == (b"17", b"--b\r\n\r\nx\r\n--b--\r\n")
    assert sent(f"{lines}, stop_magic: true").endswith(b"\r\n\r\n--b\r\n\r\nx\r\n--b--\r\n")
    assert body(r'data: "a=1\nb", headers: {Content-Type: text/plain}') == (b"5", b"a=1\nb")


def test_encoded_data_and_requests_are_base64_with_line_ends() -> None:
    raw = b"\x00\xff<a>'"
    text = base64.b64encode(raw).decode()
    assert body(f'encoded_data: "{text[:4]}\\n{text[4:]}", headers: {{Content-Type: a/b}}') == (b"6", raw)
    assert body(f"encoded_data: {text}")[1] == b"%00%FF%3Ca%3E%27"
    whole = base64.b64encode(b"GET /\x00 HTTP/1.0\n\n").decode()
    folded = f"tests:\n- stages:\n  - input:\n      encoded_request: |\n        {whole[:8]}\n        {whole[8:]}\n"
    assert requests(folded) == [b"GET /\x00 HTTP/1.0\n\n"]
    assert sent(r'raw_request: "GET /\n\n"') == b"GET /\n\n"


def test_only_missing_fields_have_a_default() -> None:
    assert sent("port: 81, dest_addr: 192.0.2.1, protocol: https") == b"GET / HTTP/1.1\r\nConnection: close\r\n\r\n"
    assert sent("method: '', uri: '', version: ''") == b"  \r\nConnection: close\r\n\r\n"
    assert sent("version: HTTP/9.9, uri: a b, method: ") == b"GET a b HTTP/9.9\r\nConnection: close\r\n\r\n"


def test_numbers_dates_and_words_are_sent_as_they_are_written() -> None:
    headers = "headers: {A: 010, B: 0x1F, C: 1_0, D: 1.10, E: yes, F: 10:30, G: 2024-01-02, H: ~, 7: on}"
    assert sent(f"{headers}, uri: 1e3") == (
        b"GET 1e3 HTTP/1.1\r\n7: on\r\nA: 010\r\nB: 0x1F\r\nC: 1_0\r\nD: 1.10\r\nE: yes\r\nF: 10:30\r\n"
        b"G: 2024-01-02\r\nH: \r\nConnection: close\r\n\r\n"
    )
    assert body("data: 1_000, headers: {Content-Type: a}") == (b"5", b"1_000")
    assert sent("data: !!binary PDE+, stop_magic: yes").endswith(b"\r\n\r\n<1>")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ('a={{ "+" | repeat 3 }}.', b"a=+++."),
        ('{{ repeat 2 "ab" }}{{`%\\n`}}', b"abab%\\n"),
        (r'%{{ "\x41é\t\"}}" }}', b'%A\xc3\xa9\t"}}'),
        ('% {{- "a" -}} b{{/* c */}}', b"%ab"),
        ('%{{ "a" | upper | b64enc }}{{ 7 }}', b"%QQ==7"),
    ],
)
def test_templates_in_data_are_evaluated(data: str, expected: bytes) -> None:
    assert requests(f"tests:\n- stages:\n  - input:\n      data: |-\n        {data}\n")[0].endswith(
        b"\r\n\r\n" + expected
    )


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("data: 'a={{7*7}}'", "its data is not a valid Go template"),
        ("data: 'a={{ \"x\"'", "its data is not a valid Go template"),
        ("data: '{{ | repeat }}'", "its data is not a valid Go template"),
        ("data: '{{ repeat \"x\" 3 }}'", "its data is not a valid Go template"),
        ("data: '{{ .Payload }}'", "its data has the template expression '.Payload', which is not evaluated"),
        ("data: '{{ env \"HOME\" }}'", "its data has the template expression 'env', which is not evaluated"),
        ("data: '{{ repeat 999999999 \"ab\" }}'", "its text is longer than 8 MiB"),
        ("encoded_request: 'a'", "its encoded_request is not base64"),
        ("encoded_data: 'aa=a'", "its encoded_data is not base64"),
        ("headers: {a: [1]}", "its header is not a text"),
        ("headers: [[a, b]]", "an item of its headers is not a name and a value"),
        ("headers: a", "its headers are neither a mapping nor a list"),
        ("headers: {a: b}, ordered_headers: [{name: a, value: b}]", "it has both headers and ordered_headers"),
        ("stop_magic: perhaps", "its stop_magic is neither true nor false"),
        ("follow_redirect: true", "its address comes from a redirect"),
        ("response: {status: 200}", "its input describes a response of the server"),
        ("", "it has no input"),
    ],
)
def test_what_cannot_be_sent_has_a_reason(text: str, reason: str) -> None:
    with pytest.raises(Unusable, match="^" + reason.replace("(", r"\(").replace(".", r"\.")):
        sent(text)


def test_tests_of_version_3_fill_a_template() -> None:
    file = """
rule_id: 932100
template:
  method: POST
  uri: /run?q={{.Payload}}
  headers: [{name: Host, value: a.example}, {name: X-P, value: "{{ .Payload | upper }}"}]
  data: cmd={{.Payload}}
tests:
  - {id: 1, description: d, payload: "; id {{7*7}}", output: {}}
  - {id: 2, payload: 010, template: {method: GET, data: "{{ repeat 2 .Payload }}", autocomplete_headers: false}}
  - {id: 3, payload: "", template: {uri: /x}, output: {}}
"""
    assert requests(file) == [
        b"POST /run?q=; id {{7*7}} HTTP/1.1\r\nHost: a.example\r\nX-P: ; ID {{7*7}}\r\n"
        + FORM
        + b"Connection: close\r\nContent-Length: 28\r\n\r\ncmd=%3B+id+%7B%7B7%2A7%7D%7D",
        b"GET /run?q=010 HTTP/1.1\r\nHost: a.example\r\nX-P: 010\r\n\r\n010010",
        b"POST /x HTTP/1.1\r\nHost: a.example\r\nX-P: \r\n"
        + FORM
        + b"Connection: close\r\nContent-Length: 4\r\n\r\ncmd=",
    ]


def test_every_uri_of_a_stage_is_a_request() -> None:
    assert [line.split()[1] for line in requests("tests: [{stages: [{input: {uris: [/a, /b], uri: /c}}]}]")] == [
        b"/a",
        b"/b",
    ]


def test_names_are_the_title_or_the_number_of_the_test_and_its_stage() -> None:
    text = """
tests:
  - stages: [{input: {uri: /a}}, {stage: {input: {uri: /b}}}]
  - {test_title: t, stages: [{input: {uri: /}}]}
"""
    found = list(stages(load(text.encode()), "x/rules.yaml", lambda reason, where: pytest.fail(reason)))
    assert [stage.sample for stage in found] == ["rules-1#0", "rules-1#1", "t"]
    assert {stage.rule for stage in found} == {None}
