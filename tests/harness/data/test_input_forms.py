"""Input forms: every rule by cases of its source, attacks carried along, and properties on any bytes."""

import base64
import functools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness import Payloads, UserError, input_forms
from harness.data import decoding
from harness.data.decoding import MAX_ROUNDS
from harness.data.request_fields import KINDS, locate
from tests.harness.data.test_request_fields import REQUEST, synthetic
from tests.tools import masks


def form(name: str, payload: bytes, *rules: str) -> bytes:
    return input_forms.apply(name, Payloads.from_list([payload]), rules=rules or None).payloads[0]


def attacks(formed: input_forms.Formed) -> list[list[bytes]]:
    assert formed.spans is not None
    return [
        [payload[start:stop] for start, stop in zip(row[::2], row[1::2], strict=True)]
        for payload, row in zip(formed.payloads, formed.spans, strict=True)
    ]


BASE64 = b"PHNjcmlwdD5hbGVydCgxKTwvc2NyaXB0Pg"


@pytest.mark.parametrize(
    ("rule", "before", "after"),
    [
        # RFC 3986, 2.1; WHATWG URL, percent-decode: what is not two hexadecimal digits stays
        ("percent", b"%3Cscript%3e", b"<script>"),
        ("percent", b"%%33C %3 %G1 %", b"< %3 %G1 %"),  # a digit is decoded in the first round, the sign in the second
        ("percent", b"%252525252e", b"."),
        ("percent", b"%00%ff", b"\x00\xff"),
        ("percent", b"a+b", b"a+b"),
        # ModSecurity t:urlDecodeUni, with the full-width forms
        ("percent-u", b"%u003cb%U003E%u002f", b"<b>/"),
        ("percent-u", b"%uff1cscript%uFF1E %uFF00", b"<script> \xef\xbc\x80"),
        ("percent-u", b"%u20ac%u00e9%u003", b"\xe2\x82\xac\xc3\xa9%u003"),
        # HTML, 13.2.5.72 to 80
        ("entities", b"&lt;b&gt; &LT;&amp;&quot;&apos;&sol;&lpar;&colon;&NewLine;", b"<b> <&\"'/(:\n"),
        ("entities", b"&#60;&#x3c;&#X3C;&#0000060;&#x000000000003c;", b"<<<<<"),
        ("entities", b"&#60b&#x3cg", b"<b<g"),
        ("entities", b"&lt &lt", b"< <"),
        ("entities", b"?a=1&lt=2&gt3&amp=4", b"?a=1&lt=2&gt3&amp=4"),  # names of parameters
        ("entities", b"&eacute;&nosuch;&;&#;&#x;&", b"&eacute;&nosuch;&;&#;&#x;&"),
        (
            "entities",
            b"&#0;&#xD800;&#x110000;&#99999999999999999999;",
            b"&#0;&#xD800;&#x110000;&#99999999999999999999;",
        ),
        ("entities", b"&#233;&#x20ac;&#x1f600;", "\u00e9\u20ac\U0001f600".encode()),
        ("entities", b"&amp;amp;lt;", b"<"),
        # ECMA-262, 12.9.4; RFC 8259, 7; ModSecurity t:jsDecode
        ("escapes", b"\\u003cb\\x3e\\X3E\\U003e", b"<b>>>"),
        ("escapes", b"\\u00e9\\uff1c\\u20AC", b"\xc3\xa9<\xe2\x82\xac"),
        ("escapes", b"\\u003 \\x3 \\xam C:\\users \\n", b"\\u003 \\x3 \\xam C:\\users \\n"),
        ("escapes", b"\\x5cx3c", b"<"),
        # RFC 3629, 10: overlong forms of / and .
        ("overlong", b"\xc0\xaf\xc0\xae\xe0\x80\xaf\xf0\x80\x80\xaf\xc1\x9c", b"/.//\\"),
        ("overlong", b"\xc3\xa9 \xc0 \xc0\x2f \xe0\xa0\x80 \xf0\x90\x80\x80 \xe0\x82\x80", None),
        # RFC 4648, 4 and 5
        ("base64", BASE64 + b"==", b"<script>alert(1)</script>"),
        ("base64", BASE64, b"<script>alert(1)</script>"),
        ("base64", BASE64 + b"=", b"<script>alert(1)</script>"),
        ("base64", BASE64 + b"===", b"<script>alert(1)</script>="),
        ("base64", b"Pz4-Pz8_Pz4-Pz8_", b"?>>???" * 2),
        ("base64", b"x=" + BASE64 + b"&y", b"x=<script>alert(1)</script>&y"),
        ("base64", b"PHNjcmlwdD5hbGV", b"PHNjcmlwdD5hbGV"),  # 15 characters
        ("base64", b"PHNjcmlwdD5hbGVy", b"<script>aler"),
        ("base64", b"PHNjcmlwdD5hbGVyd", b"PHNjcmlwdD5hbGVyd"),  # no length of base64
        ("base64", b"PHNjcmlwdD5hbGVydB", b"PHNjcmlwdD5hbGVydB"),  # the last bits are not zero (RFC 4648, 3.5)
        ("base64", b"d41d8cd98f00b204e9800998ecf8427e", None),  # not text
        ("base64", b"rO0ABXNyABFqYXZhLnV0aWwuSGFzaE1hcAUH", None),  # a Java object
        ("base64", b"AAAAAAAAAAAAAAAAAAAA", None),
        ("base64", b"/wp-content/plugins/example-plugin/readme", None),
        ("base64", b"TzoxOiJBIjoxOntzOjQ6IgBBAGIiO2I6MTt9", b'O:1:"A":1:{s:4:"\x00A\x00b";b:1;}'),
    ],
)
def test_decoding_rule(rule: str, before: bytes, after: bytes | None) -> None:
    assert form("decoded", before, rule) == (before if after is None else after)
    assert form("decoded", before, "case") == before  # a rule of masking, which this form does not have


def test_base64_in_percent_encoding_in_a_reference_in_an_escape_is_decoded() -> None:
    inner = b"&#x25;3Cscript\\u003e"
    assert form("decoded", b"q=" + base64.b64encode(inner) + b";") == b"q=<script>;"


def test_decoding_ends_after_the_last_round() -> None:
    nested = b"%" + b"25" * (MAX_ROUNDS + 2) + b"2e"
    assert form("decoded", nested) == b"%25252e"
    assert form("decoded", b"%" + b"25" * (MAX_ROUNDS - 1) + b"2e") == b"."


FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        # WHATWG URL, 5.1: a plus is a space in a form only; %2B is a plus
        (b"GET /a+b?c+d=e%2Bf+g HTTP/1.1\r\n\r\n", b"GET /a+b?c d=e+f g HTTP/1.1\r\n\r\n"),
        (
            b"POST /? HTTP/1.1\r\nCookie: a+b\r\nX: c+d\r\n" + FORM + b"\r\ne+f=g+h",
            b"POST /? HTTP/1.1\r\nCookie: a+b\r\nX: c+d\r\n" + FORM + b"\r\ne f=g h",
        ),
        (b"POST / HTTP/1.1\r\nContent-Type: text/plain\r\n\r\ne+f", None),
        (b"not a+request?a+b", None),
    ],
)  # fmt: skip
def test_a_plus_is_a_space_in_parameters_only(before: bytes, after: bytes | None) -> None:
    assert form("decoded", before) == (before if after is None else after)
    assert form("decoded", before, "percent") == before.replace(b"%2B", b"+")


def test_json_escapes_are_read_in_json_bodies_only() -> None:
    """RFC 8259, 7: each pair is read once, from the left."""
    head, body = (
        b"POST /\\n?\\n HTTP/1.1\r\nContent-Type: application/json\r\n\r\n",
        rb'{"a":"\"\\\/\b\f\n\r\t\\n\\\\"\q\u003c}',
    )
    assert form("decoded", head + body, "json") == head + b'{"a":""\\/\b\f\n\r\t\\n\\\\"\\q\\u003c}'
    assert form("decoded", head + body, "json", "escapes")[-2:] == b"<}"
    plain = head.replace(b"json", b"text") + body
    assert form("decoded", plain, "json") == plain
    assert form("decoded", body, "json") == body


@pytest.mark.parametrize(
    ("rules", "before", "after"),
    [
        ("case", b"SELECT \xc3\x89 [Z@", b"select \xc3\x89 [z@"),
        ("tokens", b"id=d41d8cd98f00b204e980 X-A1b2C3d4E5=1", b"id=a0 X-a0=1"),
        ("tokens", b"system32 50000union kestrel7 12345678 a1b2c3d", None),  # words and numbers; 7 characters
        ("tokens digits", b"0x3c3f706870203a3b 0X41424344 0x3a 0x", None),  # literals of SQL
        ("tokens digits", b"10x3a", b"0x0a"),
        ("tokens", b"rO0ABXNyABFqYXZhLnV0aWwu aced0005737200116a gASV1QAAAAAAAACM", b"rO0AB aced0 gASV"),
        ("tokens digits", b"rO0ABXNyABFqYXZhLnV0aWwu aced0005737200116a", b"rO0AB aced0"),
        ("digits", b"1 22 333.4444 a5b66 x7", b"0 0 0.0 a0b0 x0"),
        ("digits", b"http://169.254.169.254/ 127.0.0.1 10.1.2.3 192.168.0.1 172.31.0.9 198.51.100.7 0.0.0.0", None),
        ("digits", b"8.8.8.8 172.32.0.1 192.1.2.3 10.0.300.1 10.0.1000.1", b" ".join([b"0.0.0.0"] * 5)),
        ("digits", b"127.0.0.1.5 127.0.0", b"0.0.0.0.0 0.0.0"),
        ("space", b"a  b\x0b\x0cc\td \t e\r\nf \r g\n\n\nh ", b"a b c\td\te\nf\ng\nh "),
        ("host", b"GET / HTTP/1.1\r\nHost: a.example:8080\r\nhost:[::1]\r\n\r\n",
         b"GET / HTTP/1.1\r\nHost:\r\nhost:\r\n\r\n"),
        ("host", b"GET / HTTP/1.1\r\nHost: ${jndi:x}\r\nX-Host: a\r\n\r\nHost: b", None),
    ],
)  # fmt: skip
def test_mask(rules: str, before: bytes, after: bytes | None) -> None:
    assert form("normal", before, *rules.split()) == (before if after is None else after)
    assert form("decoded", before, *rules.split()) == before


def test_normal_form_of_a_request() -> None:
    request = (
        b"POST /A%2F?id=7&q=%3CIMG+SRC%3Dx%3E HTTP/1.1\r\nHost: t.example\r\nUser-Agent: M/5.0\r\n"
        b"X-T: 9f8e7d6c5b\r\n" + FORM + b"\r\nk=1%00+UNION%0d%0aSELECT+0x3a"
    )
    assert form("normal", request) == (
        b"post /a/?id=0&q=<img src=x> http/0.0\nhost:\nuser-agent: m/0.0\nx-t: a0\n"
        + FORM.lower().replace(b"\r", b"")
        + b"k=0\x00 union\nselect 0x3a"
    )


def test_fields_come_in_the_order_of_what_can_carry_an_attack() -> None:
    request = (
        b"POST http://p.example/a?x=1&y=%26z&&lt;b HTTP/1.1\r\nHost: h.example\r\nUser-Agent: u\r\nX-Id: v\r\n"
        b"Cookie: k=w\r\nAuthorization: Basic xyz\r\nReferer: r\r\n" + FORM + b"\r\nc=d&e=%20"
    )
    assert form("fields", request).split(b"\n") == [
        b"path /a",
        b"query x=0",
        b"query y=&z",
        b"query <b",
        b"authority http://p.example",
        b"body c=d",
        b"body e=",
        b"cookie: k=w",
        b"referer: r",
        b"x-id: v",
        b"authorization: basic xyz",
        b"content-type: application/x-www-form-urlencoded",
        b"method post",
        b"user-agent: u",
        b"host:",
    ]
    assert form("fields", b"no request &lt;") == b"body no request <"


def test_a_form_does_not_change_what_it_has_no_rule_for() -> None:
    assert form("raw", REQUEST) == REQUEST
    assert form("decoded", REQUEST) == REQUEST


@pytest.mark.parametrize("name", input_forms.FORMS)
def test_no_payload_and_empty_payloads(name: str) -> None:
    assert input_forms.apply(name, Payloads.from_list([]), []) == (Payloads.from_list([]), ())
    empty = Payloads.from_list([b"", b""])
    assert input_forms.apply(name, empty, [(), ()]) == (empty, ((), ()))
    assert input_forms.apply(name, Payloads.from_list([b"", b"<", b""]), [(), (0, 1), ()]).spans is not None


def test_unknown_forms_and_rules_are_refused() -> None:
    with pytest.raises(UserError, match="unknown input form 'normalised': did you mean normal"):
        input_forms.apply("normalised", Payloads.from_list([]))
    with pytest.raises(UserError, match="unknown rule of input forms 'base46': did you mean base64"):
        form("normal", b"", "base46")


@pytest.mark.parametrize("name", ["decoded", "normal", "fields"])
def test_attacks_of_the_benchmark_are_carried_along(name: str) -> None:
    """The bytes of the attack in the form are those of the attack alone in it, in all slots and encodings."""
    renderings = synthetic(600)
    payloads = Payloads.from_list(rendering.payload for rendering in renderings)
    spans = [[edge for span in rendering.spans for edge in span] for rendering in renderings]
    formed = input_forms.apply(name, payloads, spans)
    rules = set(input_forms.RULES) - {"plus", "json"}
    same = []
    for row, (attack, rendering) in enumerate(zip(attacks(formed), renderings, strict=True)):
        assert attack, row
        alone = [
            form("normal" if name == "fields" else name, rendering.payload[start:stop], *rules)
            for start, stop in rendering.spans
        ]
        same.append(b"".join(b"".join(attack).split()) == b"".join(b"".join(alone).split()))
    assert np.mean(same) > 0.8  # the others have a plus or an escape of JSON, which the attack alone does not have


@pytest.mark.parametrize("name", ["decoded", "normal", "fields"])
def test_span_in_the_middle_of_encoded_text(name: str) -> None:
    payload = b"GET /p?a=x%3Cscript%3E&b=" + BASE64 + b" HTTP/1.1\r\nX: y\r\n\r\n"
    script, alert = payload.index(b"%3Cscript%3E"), payload.index(BASE64) + 10
    formed = input_forms.apply(name, Payloads.from_list([payload]), [(script, script + 12, alert, alert + 10)])
    assert attacks(formed) == [[b"<script>", b"alert(1" if name == "decoded" else b"alert(0"]]


ENCODED = st.sampled_from(
    [b"%3C", b"%25", b"3C", b"&lt;", b"&#", b"60;", b"\\u003c", b"\\x3c", b"\xc0\xaf", BASE64, b"+", b"GET /?", b" ",
     b"  ", b" HTTP/1.1\r\n", b"Host: a\r\n", b"\r\n", FORM, b"d41d8cd9", b"127.0.0.1", b".", b"7", b"0x41", b"A",
     b"\x00", b"&", b"=", b"rO0ABXNyABFq", b"%u003c", b"\t", b"Content-Type: application/json\r\n", b'\\"', b"\\"]
)  # fmt: skip
PAYLOADS = st.lists(st.lists(ENCODED, max_size=14).map(b"".join) | st.binary(max_size=40), max_size=5)


def ascending(spans: list[tuple[int, int]]) -> list[int]:
    """Flat offsets of distinct positions, in order."""
    edges = sorted({edge for span in spans for edge in span})
    return edges[: len(edges) // 2 * 2]


@given(PAYLOADS, st.sampled_from(input_forms.FORMS), st.data())
def test_rows_are_independent(payloads: list[bytes], name: str, data: st.DataObject) -> None:
    chosen = data.draw(st.lists(st.sampled_from(range(len(payloads))), max_size=4) if payloads else st.just([]))
    spans = [
        data.draw(st.lists(st.tuples(*[st.integers(0, len(payload))] * 2), max_size=2).map(ascending))
        for payload in payloads
    ]
    everything = input_forms.apply(name, Payloads.from_list(payloads), spans)
    some = input_forms.apply(name, Payloads.from_list(payloads[row] for row in chosen), [spans[row] for row in chosen])
    assert everything.spans is not None
    assert list(some.payloads) == [everything.payloads[row] for row in chosen]
    assert some.spans == tuple(everything.spans[row] for row in chosen)
    for payload, row in zip(everything.payloads, everything.spans, strict=True):
        assert all(start < stop for start, stop in zip(row[::2], row[1::2], strict=True))
        assert list(row) == sorted(row)
        assert not row or row[-1] <= len(payload)


@given(PAYLOADS, st.sampled_from(["decoded", "normal"]))
def test_a_second_application_changes_nothing(payloads: list[bytes], name: str) -> None:
    """But for a plus or an escape of JSON that the first one decoded, case, in which base64 is read, and a masked token
    after a per cent sign, which looks like an escape."""
    rules = set(input_forms.RULES) - {"plus", "json", "host"}
    if name == "normal":
        rules -= {"base64", "tokens"}
    once = input_forms.apply(name, Payloads.from_list(payloads), rules=rules).payloads
    assert input_forms.apply(name, once, rules=rules).payloads == once


@given(PAYLOADS)
def test_no_byte_is_made_longer_and_paths_cookies_and_headers_keep_their_plus(payloads: list[bytes]) -> None:
    before = Payloads.from_list(payloads)
    after = input_forms.apply("decoded", before, rules=["plus"]).payloads
    assert np.array_equal(before.offsets, after.offsets)
    changed = np.flatnonzero(before.data != after.data)
    assert set(before.data[changed].tolist()) <= {ord("+")}
    fields = locate(before)
    start = before.offsets[fields.owner] + fields.start
    kinds = {KINDS[kind] for kind in fields.kind[np.searchsorted(start, changed, side="right") - 1]}
    assert kinds <= {"query", "body"}


def test_large_payloads_and_blocks_give_the_same_as_small_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    renderings = synthetic(60)
    payloads = [rendering.payload for rendering in renderings]
    payloads.insert(7, b"POST / HTTP/1.1\r\n\r\n" + b"%3C<script>" * 6000 + b"\\" * 3000 + b"&#" * 3000)
    spans = [[edge for span in rendering.spans for edge in span] for rendering in renderings]
    spans.insert(7, [19, 30])
    joined = Payloads.from_list(payloads)
    for name in ("decoded", "normal", "fields"):
        whole = input_forms.apply(name, joined, spans)
        monkeypatch.setattr(input_forms, "_BLOCK", 1000)
        blocks = input_forms.apply(name, joined, spans)
        monkeypatch.undo()
        assert whole == blocks
        assert attacks(whole)[7] == [b"<<script>"]


audit = functools.cache(masks.audit)


@pytest.mark.parametrize("mask", ["tokens", "digits", "space", "all"])
def test_masks_leave_what_carries_an_attack(mask: str) -> None:
    changed = {name: counts.share(mask) for name, counts in audit().items()}
    assert max(changed.values()) <= masks.LIMIT, changed


def test_most_attacks_are_recognised_when_decoded() -> None:
    assert min(counts.recognised / counts.attacks for counts in audit().values()) > 0.9


def test_the_page_has_the_table_of_the_audit() -> None:
    assert masks.table(audit()) in masks.PAGE.read_text(encoding="utf-8")


def test_the_page_names_every_rule() -> None:
    page = masks.PAGE.read_text(encoding="utf-8")
    assert [rule for rule in input_forms.RULES if f"`{rule}`" not in page] == []
    assert str(decoding.MAX_ROUNDS) in page
    assert all(f"`{name}`" in page for name in input_forms.FORMS)
