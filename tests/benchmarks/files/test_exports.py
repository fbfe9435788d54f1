"""Exports of tools, each as the tool writes it: Burp Suite, HAR, ModSecurity, ECML/PKDD 2007."""

import base64
import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from harness.benchmarks.files.formats import xml_items

from harness import BenchmarkRef, UserError, registry
from tests.benchmarks.files.reading import load, pairs, payloads
from tests.harness.sources.archives import folder

REQUESTS = [
    b"POST /login?a=1 HTTP/1.1\r\nHost: a.example\r\nContent-Length: 9\r\n\r\nx=\xff&y=\r\n1",
    b"GET /<b>?q=]]&z HTTP/1.1\r\nHost: b.example\r\n\r\n",
]

BURP_DTD = """<?xml version="1.1"?>
<!DOCTYPE items [
<!ELEMENT items (item*)>
<!ATTLIST items burpVersion CDATA "">
<!ELEMENT item (time, url, host, request, comment)>
<!ATTLIST request base64 (true|false) "false">
]>
<items burpVersion="2024.1.1" exportTime="Mon Jan 01 10:00:00 UTC 2024">
"""


def burp_item(request: bytes, comment: str, coded: bool = True) -> str:
    text = base64.b64encode(request).decode() if coded else request.decode("latin-1")
    return f"""  <item>
    <time>Mon Jan 01 10:00:00 UTC 2024</time>
    <url><![CDATA[http://a.example/login?a=1]]></url>
    <host ip="192.0.2.1">a.example</host>
    <port>80</port>
    <protocol>http</protocol>
    <method><![CDATA[POST]]></method>
    <path><![CDATA[/login?a=1]]></path>
    <extension>null</extension>
    <request base64="{str(coded).lower()}"><![CDATA[{text.replace("]]>", "]]]]><![CDATA[>")}]]></request>
    <status>200</status>
    <responselength>12</responselength>
    <mimetype>HTML</mimetype>
    <response base64="true"><![CDATA[SFRUUC8xLjEgMjAwIE9L]]></response>
    <comment>{comment}</comment>
  </item>
"""


def test_items_of_burp_are_rows(tmp_path: Path) -> None:
    items = burp_item(REQUESTS[0], "sqli") + burp_item(REQUESTS[1], "xss") + burp_item(REQUESTS[1], "xss", coded=False)
    path = tmp_path / "burp.xml"
    path.write_text(BURP_DTD + items + "</items>\n", encoding="utf-8", newline="")
    expected = [(REQUESTS[0], "sqli"), (REQUESTS[1], "xss"), (REQUESTS[1], "xss")]
    assert pairs(load(path, {"payload": "request", "label": "comment"})) == expected
    corpus = load(path, {"label": "comment", "group": "host", "cue.ip": "ip", "source": "url"})
    assert pairs(corpus) == expected
    assert corpus.table.column("cue.ip").to_pylist() == ["192.0.2.1"] * 3
    packed = tmp_path / "export.gz"
    packed.write_bytes(gzip.compress(path.read_bytes()))
    assert pairs(load(packed, {"label": "comment"})) == expected
    several = folder(tmp_path / "several", {"a.xml": path.read_bytes(), "b.xml": path.read_bytes()})
    assert pairs(load(several, {"label": "comment"})) == expected * 2


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("<items><item><request>a</request></item>", "is not XML, or truncated"),
        ("<items>" + "<a>" * 40 + "</items>", "nested in more than 32 levels"),
        ('<!DOCTYPE items [<!ENTITY a "b">]><items><item><comment>&a;</comment></item></items>', "declares entities"),
        ("<?xml version='1.0'?><rows><row/></rows>", r"is XML with the root rows; files: reads XML of"),
        ("<items></items>", "has no rows"),
        ('<items><item><request base64="true">a</request><comment>b</comment></item></items>', "request is not base64"),
        ("<items><item><request></request><comment>b</comment></item></items>", "the payload is missing"),
    ],
)
def test_xml_that_cannot_be_used_is_one_sentence(tmp_path: Path, text: str, complaint: str) -> None:
    (tmp_path / "x.xml").write_text(text)
    with pytest.raises(UserError, match=complaint):
        load(tmp_path / "x.xml", {"payload": "request", "label": "comment"})


def test_a_long_element_of_xml_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_items, "MAX_LINE_BYTES", 2**18)
    items = burp_item(b"x" * 150_000, "a")
    (tmp_path / "x.xml").write_text("<items>" + items * 4 + burp_item(b"x" * 400_000, "b") + "</items>")
    with pytest.raises(UserError, match="an element is longer than 256 KiB"):
        load(tmp_path / "x.xml", {"label": "comment"})


SAMPLE = """<sample id="{id}">
<reqContext><os>UNIX</os><webserver>Apache</webserver><runningLdap>TRUE</runningLdap></reqContext>
<class><type>{kind}</type><inContext>FALSE</inContext><attackIntervall>uri:5/</attackIntervall></class>
<request><method>{method}</method><protocol>HTTP/1.0</protocol><uri><![CDATA[/a/b]]></uri>
<query><![CDATA[{query}]]></query><headers><![CDATA[Host: www.example.com
Accept: text/html
]]></headers>{body}</request>
</sample>
"""


def test_samples_of_the_ecml_challenge_are_rows(tmp_path: Path) -> None:
    text = '<?xml version="1.0" encoding="UTF-8"?>\n<dataset xmlns="http://www.example.com/ecml">\n'
    text += SAMPLE.format(id=7, kind="Valid", method="GET", query="a=1&b=2", body="")
    text += SAMPLE.format(id=9, kind="SqlInjection", method="POST", query="", body="<body><![CDATA[x='1]]></body>")
    (tmp_path / "learning.xml").write_text(text + "</dataset>\n", encoding="utf-8")
    corpus = load(tmp_path / "learning.xml", {})
    head = b"Host: www.example.com\r\nAccept: text/html\r\n"
    assert pairs(corpus) == [
        (b"GET /a/b?a=1&b=2 HTTP/1.0\r\n" + head + b"\r\n", "Valid"),
        (b"POST /a/b HTTP/1.0\r\n" + head + b"Content-Length: 4\r\n\r\nx='1", "SqlInjection"),
    ]
    assert corpus.table.column("sample").to_pylist() == ["7", "9"]


BLOCKS = b"""Start - Id: 7
class: Valid
GET /a/b?a=1 HTTP/1.0
Host: www.example.com
~~~~~: ~~~~~~

null
End - Id: 7

Start - Id: 9
class: SqlInjection
POST /a/b HTTP/1.1
Host: www.example.com

x='1
End of text, not of the block

End - Id: 9
"""


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.parametrize("name", ["xml_test.txt", "test"])
def test_blocks_of_the_ecml_challenge_are_rows(tmp_path: Path, end: bytes, name: str) -> None:
    (tmp_path / name).write_bytes(BLOCKS.replace(b"\n", end))
    corpus = load(tmp_path / name, {})
    body = b"x='1" + end + b"End of text, not of the block" + end
    assert pairs(corpus) == [
        (b"GET /a/b?a=1 HTTP/1.0\r\nHost: www.example.com\r\n~~~~~: ~~~~~~\r\n\r\n", "Valid"),
        (b"POST /a/b HTTP/1.1\r\nHost: www.example.com\r\n\r\n" + body, "SqlInjection"),
    ]
    assert corpus.table.column("sample").to_pylist() == ["7", "9"]


def test_a_block_without_end_or_request_is_left_out(tmp_path: Path) -> None:
    damaged = b"Start - Id: 1\nclass: XSS\nGET /<b> HTTP/1.0\nStart - Id: 2\nclass: XSS\nEnd - Id: 2\n" + BLOCKS
    (tmp_path / "train.txt").write_bytes(damaged + b"Start - Id: 3\nclass: XSS\n")
    with pytest.raises(UserError, match="block 1: it has no end; block 2: it has no request; block 3: it has no end"):
        load(tmp_path / "train.txt", {})


def test_a_folder_of_files_of_blocks_is_one_table(tmp_path: Path) -> None:
    (tmp_path / "xml_test.txt").write_bytes(BLOCKS)
    (tmp_path / "xml_train.txt").write_bytes(BLOCKS.replace(b" - Id: ", b" - Id: 1"))
    assert len(load(tmp_path, {})) == 4


def har(entries: list[dict[str, Any]]) -> dict[str, Any]:
    return {"log": {"version": "1.2", "creator": {"name": "browser", "version": "1"}, "entries": entries}}


def entry(comment: str, **request: Any) -> dict[str, Any]:
    base = {"method": "GET", "url": "https://a.example/x?q=%27", "httpVersion": "HTTP/2", "headers": []}
    return {
        "startedDateTime": "2024-01-01T10:00:00Z",
        "comment": comment,
        "request": base | request,
        "response": {"status": 403},
    }


@pytest.mark.parametrize("indent", [None, 2])
def test_entries_of_har_are_rows(tmp_path: Path, indent: int | None) -> None:
    headers = [{"name": ":authority", "value": "a.example"}, {"name": "Accept", "value": "*/*"}]
    form = {"mimeType": "application/x-www-form-urlencoded", "params": [{"name": "a", "value": "%3C"}, {"name": "b"}]}
    entries = [
        entry("sqli", headers=headers),
        entry("xss", method="POST", url="http://a.example", postData={"mimeType": "text/plain", "text": "é"}),
        entry("xss", method="POST", httpVersion="HTTP/1.0", headers=[{"name": "host", "value": "b"}], postData=form),
    ]
    (tmp_path / "x.har").write_text("\ufeff" + json.dumps(har(entries), indent=indent), encoding="utf-8")
    corpus = load(tmp_path / "x.har", {"label": "comment", "date": "time", "cue.status": "status", "group": "host"})
    assert pairs(corpus) == [
        (b"GET /x?q=%27 HTTP/1.1\r\nHost: a.example\r\nAccept: */*\r\n\r\n", "sqli"),
        (b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 2\r\n\r\n\xc3\xa9", "xss"),
        (b"POST /x?q=%27 HTTP/1.0\r\nhost: b\r\nContent-Length: 8\r\n\r\na=%3C&b=", "xss"),
    ]
    assert corpus.table.column("cue.status").to_pylist() == ["403"] * 3
    assert corpus.table.column("group.host").to_pylist() == ["a.example", "a.example", "b"]


def test_an_entry_of_har_without_a_request_is_a_row_that_cannot_be_used(tmp_path: Path) -> None:
    entries = [entry("ab"[i % 2], url=f"/{i}") for i in range(300)] + [{"comment": "x"}]
    (tmp_path / "x.har").write_text(json.dumps(har(entries)))
    corpus = load(tmp_path / "x.har", {"label": "comment"})
    assert "1 of 301 rows were left out: entry 301: its request is not as in HAR" in corpus.meta.notes[0]


RULES = (
    'Message: Warning. Match "x" at ARGS:q. [file "/rules/942.conf"] [line "1"] [id "942100"] [msg "SQL Injection"]'
    ' [tag "application-multi"] [tag "attack-sqli"]\nMessage: Access denied. [id "949110"] [msg "Score"]\n'
)


def serial(boundary: str, request: str, body: str = "", dashes: str = "--", rules: str = RULES) -> str:
    def mark(section: str) -> str:
        return f"{dashes}{boundary}{'-' * (len(dashes) - 1)}{section}--\n"

    head = f"[01/Jan/2024:10:00:00 +0000] {boundary}Zx@1 192.0.2.7 50000 192.0.2.1 80\n"
    parts = [mark("A"), head, mark("B"), request, "\n"]
    if body:
        parts += [mark("C"), body, "\n"]
    return "".join(
        [*parts, mark("F"), "HTTP/1.1 403 Forbidden\nServer: a\n\n", mark("H"), rules, "\n", mark("Z"), "\n"]
    )


GET = "GET /?q=%27 HTTP/1.1\nHost: a.example\n"
POST = "POST /a HTTP/1.1\nHost: a.example\nContent-Length: 36\n"


@pytest.mark.parametrize("dashes", ["--", "---"])
def test_transactions_of_a_serial_audit_log_are_rows(tmp_path: Path, dashes: str) -> None:
    body = "a=1\n--00000000-Z--\nGET / HTTP/1.1\n\n"  # which does not end the entry
    xss = RULES.replace("attack-sqli", "attack-xss").replace("942100", "941100")
    log = serial("abcdef01", GET, dashes=dashes) + serial("abcdef02", POST, body, dashes, xss)
    (tmp_path / "audit.log").write_text(log)
    corpus = load(tmp_path / "audit.log", {"label": "tag", "cue.rule": "rule", "source": "client"})
    assert pairs(corpus) == [
        (GET.replace("\n", "\r\n").encode() + b"\r\n", "attack-sqli"),
        (POST.replace("\n", "\r\n").encode() + b"\r\n" + body[:-1].encode(), "attack-xss"),
    ]
    assert corpus.table.column("cue.rule").to_pylist() == ["942100", "941100"]
    assert corpus.table.column("sample").to_pylist() == ["abcdef01Zx@1", "abcdef02Zx@1"]


def test_an_entry_of_an_audit_log_that_is_cut_is_a_row_that_cannot_be_used(tmp_path: Path) -> None:
    log = "".join(serial(f"abcdef{i:02x}", GET, rules=RULES.replace("sqli", "ab"[i % 2])) for i in range(150))
    (tmp_path / "audit.log").write_text(log + serial("abcdefff", GET)[:-30])
    corpus = load(tmp_path / "audit.log", {"label": "tag"})
    assert len(corpus) == 150
    assert "its entry has no end (section Z)" in corpus.meta.notes[0]


VERSION_3 = {
    "transaction": {
        "client_ip": "192.0.2.7",
        "time_stamp": "Mon Jan  1 10:00:00 2024",
        "unique_id": "1",
        "request": {"method": "GET", "http_version": 1.1, "uri": "/?q=%27", "headers": {"Host": "a.example", "A": "b"}},
        "response": {"http_code": 403},
        "messages": [{"message": "SQL Injection", "details": {"ruleId": "942100", "tags": ["a", "attack-sqli"]}}],
    }
}
VERSION_2 = {
    "transaction": {"time": "01/Jan/2024:10:00:00 +0000", "transaction_id": "2", "remote_address": "192.0.2.7"},
    "request": {
        "request_line": "POST /a HTTP/1.0",
        "headers": {"Host": "a.example", "Content-Length": "3"},
        "body": ["x", "=1"],
    },
    "response": {"protocol": "HTTP/1.1", "status": 403},
    "audit_data": {"messages": ['Warning. [id "941100"] [msg "XSS"] [tag "attack-xss"]']},
}


def test_audit_logs_in_json_are_rows(tmp_path: Path) -> None:
    (tmp_path / "audit.json").write_text(f"{json.dumps(VERSION_3)}\n{json.dumps(VERSION_2)}\n")
    corpus = load(tmp_path / "audit.json", {"label": "tag", "group": "rule", "cue.status": "status"})
    assert pairs(corpus) == [
        (b"GET /?q=%27 HTTP/1.1\r\nHost: a.example\r\nA: b\r\n\r\n", "attack-sqli"),
        (b"POST /a HTTP/1.0\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nx=1", "attack-xss"),
    ]
    assert corpus.table.column("group.rule").to_pylist() == ["942100", "941100"]
    assert corpus.table.column("cue.status").to_pylist() == ["403", "403"]


def test_exports_can_be_classified_without_a_mapping(tmp_path: Path) -> None:
    (tmp_path / "x.har").write_text(json.dumps(har([entry("a"), entry("b")])))
    registry.discover()
    rows = list(registry.open_benchmark(BenchmarkRef("files", str(tmp_path / "x.har"))).unlabelled(print))
    assert [payload for _, payload in rows] == [b"GET /x?q=%27 HTTP/1.1\r\nHost: a.example\r\n\r\n"] * 2
    assert payloads(load(tmp_path / "x.har", {"label": "comment"})) == [payload for _, payload in rows]
