"""Requests of nuclei templates: the bytes that the scanner sends, and which of them attack."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from harness.benchmarks.nuclei.requests import steps
from harness.benchmarks.nuclei.roles import roles
from harness.benchmarks.nuclei.template import parse

from harness import BenchmarkRef, registry
from harness.sources import SourceBenchmark, SourceTally, Tree, safe_yaml
from tests.benchmarks.test_nuclei import template
from tests.harness.sources.archives import folder


def block(*raws: str, more: str = "") -> str:
    """A block of raw requests, each as a block scalar that keeps its last line end."""
    texts = "".join("      - |\n" + "".join(f"        {line}\n" for line in raw.split("\n")) for raw in raws)
    return f"  - raw:\n{texts}{more}"


def payloads(http: str, tally: SourceTally | None = None) -> list[bytes]:
    return [step.payload for step in steps(parse(safe_yaml.load(template(http))), (tally or SourceTally()).skip)]


def roles_of(*raws: str) -> list[str]:
    return roles(steps(parse(safe_yaml.load(template(block(*raws)))), SourceTally().skip))


def read(root: Path) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """The rows of a folder, and the counts of what is left out."""
    registry.discover()
    benchmark = registry.open_benchmark(BenchmarkRef("nuclei", str(root)))
    assert isinstance(benchmark, SourceBenchmark)
    tally = SourceTally()
    rows = [dict(row) for row in benchmark.read(Tree(root), tally)]
    return rows, {reason: count for reason, count, _ in tally.left_out()}


def test_only_whole_lines_before_the_request_line_are_annotations() -> None:
    raw = """@Host: {{nosuch}}
@timeout: 15s
POST /fetch?to=http://me@oast.example/@x HTTP/1.1
Host: {{Hostname}}
X-Expr: %{(#a=@java.lang.Runtime@getRuntime())}
@odd: 1
Content-Type: application/json

{"@type": "a", "mail": "me@example.com", "v": "@@VERSION"}
@end: 2"""
    assert payloads(block(raw)) == [
        b"POST /fetch?to=http://me@oast.example/@x HTTP/1.1\r\nHost: target.example\r\n"
        b"X-Expr: %{(#a=@java.lang.Runtime@getRuntime())}\r\n@odd: 1\r\nContent-Type: application/json\r\n"
        b'Content-Length: 67\r\n\r\n{"@type": "a", "mail": "me@example.com", "v": "@@VERSION"}\r\n@end: 2'
    ]


def test_lines_end_as_the_scanner_ends_them() -> None:
    head = "POST /up HTTP/1.1\nHost: {{Hostname}}\nContent-Type: {}\nContent-Length: 1\n\n"
    form = head.replace("{}", "text/plain") + "a\n\nb"
    multipart = head.replace("{}", "multipart/form-data; boundary=zz") + "--zz\nContent-Disposition: a\n\n1\n--zz--"
    first, second = payloads(block(form, multipart))
    assert first.endswith(b"Content-Length: 6\r\n\r\na\r\n\r\nb")
    assert second.endswith(b"Content-Length: 43\r\n\r\n--zz\r\nContent-Disposition: a\r\n\r\n1\r\n--zz--\r\n")
    # Text that has a CR LF anywhere has its own line ends; only the last one is not part of the body.
    own = payloads('  - raw: ["POST / HTTP/1.1\\r\\nHost: a.example\\n\\nx\\ny\\r\\n\\r\\n"]\n')
    assert own == [b"POST / HTTP/1.1\r\nHost: a.example\r\nContent-Length: 5\r\n\r\nx\ny\r\n"]
    # A line end that a helper function returns is part of its value.
    helper = payloads(block("POST / HTTP/1.1\nHost: {{Hostname}}\n\n{{base64_py('a')}}"))
    assert helper[0].endswith(b"Content-Length: 5\r\n\r\nYQ==\n")


def test_bodies_of_addresses_have_the_same_line_ends() -> None:
    text = "  - method: POST\n    path: ['{{BaseURL}}/x']\n    body: "
    assert payloads(text + "|\n      a\n      b\n")[0].endswith(b"Content-Length: 6\r\n\r\na\r\nb\r\n")
    assert payloads(text + '"a\\r\\nb\\nc"\n')[0].endswith(b"Content-Length: 6\r\n\r\na\r\nb\nc")
    assert payloads("  - method: POST\n    path: ['{{BaseURL}}/x']\n")[0].endswith(b"\r\nContent-Length: 0\r\n\r\n")


def test_an_unsafe_request_is_sent_byte_for_byte() -> None:
    raw = "@timeout: 5s\nGET http://a.example/x y HTTP/1.0\nhost:{{Hostname}}\nContent-Length: 5\n"
    raw += "Transfer-Encoding : chunked\n\n0\n\nX"
    assert payloads(block(raw, more="    unsafe: true\n")) == [
        b"GET http://a.example/x y HTTP/1.0\r\nhost:target.example\r\nContent-Length: 5\r\n"
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\nX\r\n"
    ]


def test_the_head_is_that_of_the_client() -> None:
    raw = "GET  /a b  HTTP/1.11\nHost:  {{Hostname}}:80 \nCookie: a\nX-A:b\nCookie:  c \nContent-Length: 9"
    assert payloads(block(raw, more="    headers: {X-A: '{{Hostname}}'}\n")) == [
        b"GET /a b HTTP/1.1\r\nHost: target.example\r\nCookie: c\r\nX-A: target.example\r\n\r\n"
    ]
    chunked = "POST / HTTP/1.1\nHost: {{Hostname}}\nTransfer-Encoding: chunked\n\n1\na\n0\n"
    assert b"Content-Length" not in payloads(block(chunked))[0]
    assert payloads(block("GET HTTP/1.1")) == [b"GET / HTTP/1.1\r\nHost: target.example\r\n\r\n"]
    tally = SourceTally()
    assert payloads(block("GET /x", "\n"), tally) == []
    assert tally.left_out()[0][:2] == ("request: a request line without target or version", 2)


def test_a_request_goes_to_the_host_of_its_address() -> None:
    absolute = "GET https://api.example.com:8443/v1?x=1 HTTP/1.1\nAccept: */*"
    own = "GET {{BaseURL}}/v1 HTTP/1.1\nHost: {{Hostname}}"
    other = "GET https://me@api.example.com:443 HTTP/1.1\nAccept: */*"
    assert payloads(block(absolute, own, other)) == [
        b"GET /v1?x=1 HTTP/1.1\r\nHost: api.example.com:8443\r\nAccept: */*\r\n\r\n",
        b"GET /v1 HTTP/1.1\r\nHost: target.example\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: api.example.com\r\nAccept: */*\r\n\r\n",
    ]
    addresses = "['https://api.example.com/v1', '{{BaseURL}}:8080/x', '{{Hostname}}/y', '/z', '{{BaseURL}}?q']"
    assert [payload.split(b"\r\n")[:2] for payload in payloads(f"  - path: {addresses}\n")] == [
        [b"GET /v1 HTTP/1.1", b"Host: api.example.com"],
        [b"GET /x HTTP/1.1", b"Host: target.example:8080"],
        [b"GET /y HTTP/1.1", b"Host: target.example"],
        [b"GET /z HTTP/1.1", b"Host: target.example"],
        [b"GET /?q HTTP/1.1", b"Host: target.example"],
    ]


def test_payload_lists_may_be_lines_of_text_and_hold_expressions() -> None:
    http = "  - path: ['{{BaseURL}}/{{a}}/{{b}}/{{c}}']\n    payloads:\n      a: ['{{Hostname}}', x]\n"
    tally = SourceTally()
    assert payloads(http + "      b: |-\n        1\n        2\n        3\n      c: [true]\n", tally)[0].startswith(
        b"GET /target.example/1/true HTTP/1.1"
    )
    assert tally.left_out() == (("payload value: only the first of each list is used", 3, "CVE-2021-0001"),)


POST = "\nHost: {{Hostname}}\nContent-Type: application/x-www-form-urlencoded\n\n"


@pytest.mark.parametrize(
    ("raws", "expected"),
    [
        (["GET / HTTP/1.1"], ["no attack in the template"]),
        (["GET /app/whoAmI/ HTTP/1.1"], ["no attack in the template"]),
        (["GET /readme.txt HTTP/1.1", "GET /a?page=list&id=5 HTTP/1.1"], ["no attack in the template"] * 2),
        (["GET /x?y=..%2f..%2fetc/passwd HTTP/1.1", "GET /whoAmI/ HTTP/1.1"], ["attack", "plain GET"]),
        # A sign-in with fields of its own, and one that encodes the scanner's credentials.
        (["POST /rest/session HTTP/1.1" + POST + "user=YQ==&secret=Yg==", "GET /?q=<x> HTTP/1.1"], ["login", "attack"]),
        (["POST /enter HTTP/1.1" + POST + "u={{base64(username)}}", "GET /?q=<x> HTTP/1.1"], ["login", "attack"]),
        (["POST /x HTTP/1.1" + POST + "do=in&userid={{randstr}}&passwd={{randstr}}"], ["no attack in the template"]),
        (['POST /x HTTP/1.1\n\n{"user": "a", "password": {"$ne": 1}}'], ["attack"]),
        # Escaped and encoded separators, addresses without slashes, payloads in base64.
        (["GET /a/!/etc!/hosts HTTP/1.1", "GET /b HTTP/1.1"], ["attack", "plain GET"]),
        (["GET /reload/http:!/!/oast.example HTTP/1.1", "GET /b HTTP/1.1"], ["attack", "plain GET"]),
        (["GET /%2f/ HTTP/1.1", "GET /b?c=d HTTP/1.1"], ["attack", "set-up"]),
        (["GET /?go=https:evil.example.com HTTP/1.1", "GET /b?c=d HTTP/1.1"], ["attack", "set-up"]),
        (["GET //evil.example.com HTTP/1.1", "GET //index.php HTTP/1.1"], ["attack", "plain GET"]),
        (["GET /?c=PHN2Zy9vbmxvYWQ9YWxlcnQoMSk+ HTTP/1.1", "GET /b?c=d HTTP/1.1"], ["attack", "set-up"]),
        (["GET /?u=127.0.0.1:22 HTTP/1.1", "GET /b?c=d HTTP/1.1"], ["attack", "set-up"]),
        (["GET /?n=1+and+1=1 HTTP/1.1", "GET /b?c=d|e HTTP/1.1"], ["attack", "set-up"]),
        # Names of fields are not commands, and the head of a part is not a text that ends early.
        (["POST /a HTTP/1.1" + POST + "a=1&id=2&type=3", "GET /?q=<x> HTTP/1.1"], ["set-up", "attack"]),
        (
            [
                "POST /a HTTP/1.1\nContent-Type: multipart/form-data; boundary=z\n\n"
                '--z\nContent-Disposition: form-data; name="a"; filename="b.txt"\n\nc\n--z--',
                "GET /?q=<x> HTTP/1.1",
            ],
            ["set-up", "attack"],
        ),
        # Without a sign in any request, those are attacks that hold more than plain words.
        (["GET /?q=a|b HTTP/1.1", "GET /b?c=d HTTP/1.1"], ["attack", "set-up"]),
        (["GET / HTTP/1.1\nRange: bytes=0-9"], ["attack"]),
        (["GET / HTTP/1.1\nHost: a.example", "GET /b HTTP/1.1"], ["attack", "plain GET"]),
        (["GET /a HTTP/1.1\nHost: b.{{Hostname}}:8080"], ["no attack in the template"]),
        (["PUT /a.txt HTTP/1.1\n\nb"], ["attack"]),
        (["GET /?q=" + "QUJD" * 20 + " HTTP/1.1"], ["attack"]),
    ],
)
def test_requests_have_roles(raws: Sequence[str], expected: list[str]) -> None:
    assert roles_of(*raws) == expected


ATTACK = "GET /?q=<x> HTTP/1.1"
XML = "\nHost: {{Hostname}}\nContent-Type: text/xml\n\n"
JSON = "\nHost: {{Hostname}}\nContent-Type: application/json\n\n"
FILE = (
    '\nContent-Type: multipart/form-data; boundary={}\n\n--z\nContent-Disposition: form-data; name="a"{}\n\n{}\n--z--'
)


@pytest.mark.parametrize(
    "raw",
    [
        # Client hints, quoted cookies, and names of lists are not quotes, separators and commands of an attack.
        'GET /a HTTP/1.1\nSec-Ch-Ua: " Not A;Brand";v="99", "Chromium";v="92"\nSec-Fetch-Site: none',
        'GET /a HTTP/1.1\nCookie: session="abc"; lang=en',
        "GET /a?b[]=1&id[]=2&type[x]=3&cat[0]=1&id-1=2 HTTP/1.1",
        "POST /a HTTP/1.1" + POST + "select=1&from=2",
        "POST /a HTTP/1.1" + JSON + '{"and": 1, "operator": "or"}',
        # Long names, such as random ones, that decode as base64, to noise.
        "GET /uploads/4h39jx1c3lz8bwkez9smqotoc99.txt HTTP/1.1",
        "GET /uploads/fnk5r6z9v9gpu9u5wsonkh8t557.txt HTTP/1.1",
        "GET /solrdefault/WEBACCOUNT.CGI/properties/icinga2 HTTP/1.1",
        # A multipart body with another boundary, or none.
        "POST /a HTTP/1.1" + FILE.format("zz", "", ""),
        "POST /a HTTP/1.1" + FILE.format("zz", '; filename="b.txt"', "c"),
        "POST /a HTTP/1.1" + JSON + '{"icon": "data:image/png;base64,QUJD"}',
        # An address of a new user at the host of the scanner.
        "POST /a HTTP/1.1" + POST + "user=a&user_email=a%40{{interactsh-url}}&b=1",
        "POST /a HTTP/1.1" + JSON + '{"email": "a@interact.sh"}',
        "POST /a HTTP/1.1" + FILE.format("z", "", "a@interact.sh"),
        # Sign-ins in XML and GraphQL, and with the page to go to.
        "POST /soap HTTP/1.1"
        + XML
        + '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><u>{{username}}</u>'
        + "<p>{{password}}</p></s:Envelope>",
        "POST /enter HTTP/1.1" + JSON + '{"query": "{ login(u: \\"{{username}}\\", p: \\"{{password}}\\") { t } }"}',
        "POST /enter HTTP/1.1" + XML + '<?xml version="1.0"?><a><u>{{username}}</u><p>{{password}}</p></a>',
        "POST /x HTTP/1.1" + POST + "u={{username}}&p={{password}}&redirect_to=http%3A%2F%2Flocalhost%3A8080%2Fa",
        "POST /x HTTP/1.1" + JSON + '{"u": "{{username}}", "p": "{{password}}", "redirect": "/home/index"}',
    ],
)
def test_a_request_that_prepares_has_no_sign(raw: str) -> None:
    role, attack = roles_of(raw, ATTACK)
    assert attack == "attack"
    assert role == (
        "login" if "{{username}}" in raw else "plain GET" if raw.startswith("GET") and "?" not in raw else "set-up"
    )


@pytest.mark.parametrize(
    "raw",
    [
        "GET /a HTTP/1.1\nPragma: no-cache\nDNT: 1\nSec-Fetch-Mode: navigate\nTe: trailers\nPriority: u=1",
        "GET /a HTTP/1.1\nIf-None-Match: abc\nX-CSRF-Token: {{randstr}}",
        "GET /a?q=two+words HTTP/1.1",
        "GET /admin/Contact!default.jspa HTTP/1.1",
        "GET /+portal+/session.html HTTP/1.1",
        "GET /uploads/eirk0jc6x9g5atre3j6z4520afh.txt HTTP/1.1",
    ],
)
def test_headers_of_browsers_long_names_and_words_are_plain(raw: str) -> None:
    assert roles_of(raw) == ["no attack in the template"]


@pytest.mark.parametrize(
    "raw",
    [
        *(
            f"GET {target} HTTP/1.1"
            for target in (
                # Files and paths.
                "/?f=wp-config.php",
                "/?file=inc/config.php",
                "/?f=etc%5cpasswd",
                "/?f=..%c0%afx",
                "/?f=..0x2fx",
                "/?f=..%uff0fx",
                "/?dir=%2Fetc&f=hosts",
                "/a?/..",
                "/?platform=..&name=a",
                "/?img=%5Ca.zip",
                "/%c0%ae%c0%ae/x",
                "/?f=boot.ini",
                # Schemes and forms of hosts.
                "/?f=php://filter/resource=index",
                "/?u=gopher://a:25/",
                "/?u=data:text/plain,x",
                "/?u=http://2130706433/",
                "/?u=http://0:8080/",
                "/a.json?@a.example/b",
                "/?url=target.example@interact.sh",
                "/?email=a@b.example&u=http://a@oast.example",
                "/?u=http://[::ffff:7f00:1]/",
                # Commands.
                "/?a=x;id&b=1",
                "/?a=x|id&b=1",
                "/?port=80%7Cpwd%26id&b=1",
                "/?a=1;expr+1+%2b+2",
                "/x.php?cmd=id",
                "/?a=b+|base64+-d",
                "/?LD_DEBUG=files",
                # SQL and LDAP.
                "/?id=1+ORDER+BY+10",
                "/?id=1;WAITFOR+DELAY+0x5",
                "/?id=load_file(0x61)",
                "/?id=dbms_pipe.receive_message(1,2)",
                "/?id=1/**/and/**/1",
                "/?id=1+into+outfile+x",
                "/item/1'/x",
                "/?user=''&b=1",
                "/?user=%27+or+1+--",
                "/?q=*)(uid=*",
                # Scripts, code, expressions, objects.
                "/?a=x'+onfocus=b",
                "/?a=document.domain",
                "/?a=b%0d%0aSet-Cookie:c",
                "/?a=\\u003cscript",
                "/?a=print(1)",
                "/?a=x.execute()",
                "/?a=phpinfo",
                "/?a=call_user_func_array",
                "/?a=_memberAccess",
                "/?a={%25+x+%25}",
                "/?a={if:b}",
                "/?a=9409*2519",
                "/?a=java.lang.Runtime",
                "/?a=@(7*7)",
                "/?a=%23set($x=7)",
                "/?a=aced0005737200",
                # Base64 in one segment of a path.
                "/view/PHN2Zy9vbmxvYWQ9YWxlcnQoMSk+/x",
            )
        ),
        "POST /a HTTP/1.1" + POST + "class.module.classLoader.a=b",
        "POST /a HTTP/1.1" + JSON + '{"command": "id"}',
        "POST /a HTTP/1.1" + JSON + '{"arguments": "-c id"}',
        "POST /a HTTP/1.1" + JSON + '{"message": "{\\"token\\": {\\"$regex\\": 1}}"}',
        "POST /a HTTP/1.1" + JSON + '{"from": "a", "to": "b.php"}',
        "POST /a HTTP/1.1\nContent-Type: application/yaml\n\n!!javax.script.A [b]",
        # Uploads.
        "PUT /a.jsp/ HTTP/1.1\n\nb",
        "POST /a HTTP/1.1" + FILE.format("z", '; filename="b.shtml"', "c"),
        "POST /a HTTP/1.1" + FILE.format("zz", '; filename="b.php"', "c"),
        # Common headers with encoded attacks.
        "GET /a HTTP/1.1\nCookie: lang=..%2F..%2Fetc%2Fpasswd",
        "GET /a HTTP/1.1\nCookie: d=TzoxOiJBIjoxOntzOjE6ImEiO2k6MTt9",
        "GET /a HTTP/1.1\nCookie: d=cGhwaW5mbygpOw==; e=",
        # Sign-ins that attack.
        "POST /a HTTP/1.1" + XML + "<!DOCTYPE a [<!ENTITY b SYSTEM 'x'>]><u>{{username}}</u>",
        "POST /a?next=//evil.example.com HTTP/1.1" + POST + "u={{username}}&p={{password}}",
    ],
)
def test_an_attack_has_a_sign(raw: str) -> None:
    assert roles_of(raw, ATTACK) == ["attack", "attack"]


def test_signs_are_found_in_linear_time() -> None:
    hostile = "GET /?" + "union name=filename=from a \\n" * 20_000 + " HTTP/1.1"
    assert roles_of(hostile, "GET /?" + " " * 300_000 + "x HTTP/1.1")[0] == "attack"
    assert roles_of("GET /?" + "." * 300_000 + "x HTTP/1.1") == ["no attack in the template"]


def test_requests_without_an_attack_are_counted(tmp_path: Path) -> None:
    files = {
        "a.yaml": template("  - path: ['{{BaseURL}}/']\n"),
        "b.yaml": template("  - path: ['{{BaseURL}}/?q=<x>']\n", "CVE-2021-0002", "CWE-79"),
    }
    rows, left_out = read(folder(tmp_path / "t", files))
    assert [row["sample"] for row in rows] == ["CVE-2021-0002#0"]
    assert left_out == {"request: no attack in the template": 1}


@pytest.mark.parametrize(
    ("cwe", "query", "label"),
    [
        ("CWE-94,CWE-1336", "a=<x>", "template-injection"),  # one is a kind of the other
        ("CWE-77,CWE-917", "a=<x>", "template-injection"),
        ("CWE-26", "a=../b", "path-traversal"),
        ("CWE-31", "a=../b", "path-traversal"),
        ("CWE-502", "a=${jndi:ldap://oast.example/a}", "template-injection"),
        ("CWE-94", "a=${${lower:j}ndi:ldap://oast.example/a}", "template-injection"),
        ("CWE-78,CWE-502", "a=$%7bjndi:ldap://oast.example/a}", "template-injection"),
        ("CWE-918", "a=${jndi:ldap://oast.example/a}", "server-side-request-forgery"),
        ("CWE-94", 'a={"@type":"x"}', "deserialization"),
        ("CWE-90", "a=*)(uid=*", "ldap-injection"),
    ],
)
def test_a_row_has_the_most_specific_class(tmp_path: Path, cwe: str, query: str, label: str) -> None:
    http = f"  - path: ['{{{{BaseURL}}}}/?{query}']\n"
    rows, _ = read(folder(tmp_path / "t", {"a.yaml": template(http, cwe=cwe)}))
    assert [row["label"] for row in rows] == [label]


def test_a_template_of_several_classes_is_left_out(tmp_path: Path) -> None:
    path = "  - path: ['{{BaseURL}}/?q=<x>', '{{BaseURL}}/a']\n"
    files = {
        "a.yaml": template(path, "CVE-2021-0001", "CWE-79,CWE-89"),
        "b.yaml": template(path, "CVE-2021-0002", "CWE-94,CWE-502"),  # only the payload could tell
    }
    rows, left_out = read(folder(tmp_path / "t", files))
    assert rows == []
    assert left_out == {"template: several threat classes": 2, "helper step: plain GET": 1}


def test_equal_payloads_have_equal_labels(tmp_path: Path) -> None:
    cases = [("q=<x>", ("CWE-94", "CWE-1336")), ("q=<y>", ("CWE-79", "CWE-89")), ("q=<z>", ("CWE-79", "CWE-79"))]
    files = {
        f"{i}{j}.yaml": template(f"  - path: ['{{{{BaseURL}}}}/?{query}']\n", f"CVE-2021-00{i}{j}", cwe)
        for i, (query, cwes) in enumerate(cases)
        for j, cwe in enumerate(cwes)
    }
    rows, left_out = read(folder(tmp_path / "t", files))
    assert [row["label"] for row in rows] == ["template-injection"] * 2 + ["cross-site-scripting"] * 2
    assert left_out == {
        "request: equal to one of another threat class": 2,
        "label: an equal request has a class that is a kind of it": 1,
    }
