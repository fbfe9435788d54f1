"""What is fuzzed: every reader of foreign files, with small valid files to start from."""

import gzip
import io
import json
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from harness import BenchmarkRef, GenericBenchmark, UserError, registry
from harness.records import predictions, store
from tests.harness.records.kept import kept_predictions, old_predictions

MAPPING = {"payload": "raw", "label": "kind", "cve": "cve", "date": "date"}
ROWS: list[dict[str, str | None]] = [
    {"raw": "GET /?q=1'%20or%201=1-- HTTP/1.1\r\n\r\n", "kind": "sqli", "cve": "CVE-2024-0001", "date": "2024-01-02"},
    {"raw": "GET /?q=<script>alert(1)</script>", "kind": "xss", "cve": None, "date": "2023"},
    {"raw": 'POST / HTTP/1.1\n\n{"a": "b"}', "kind": "benign", "cve": "CVE-2024-0002", "date": None},
]
TEMPLATE = b"""id: sample
info:
  name: a
  author: b
  severity: high
  classification:
    cve-id: CVE-2024-0001
    cwe-id: CWE-89
  metadata:
    vendor: acme
    product: shop
variables:
  a: "{{rand_int(1, 9)}}"
http:
  - raw:
      - |
        @timeout: 5s
        GET /?id=1'+or+1={{a}}--+{{url_encode("<>")}} HTTP/1.1
        Host: {{Hostname}}

  - method: POST
    path: ["{{BaseURL}}/x?y={{b}}"]
    headers: {X-A: "{{to_lower('A')}}"}
    body: "id=1' or 1=1--"
    payloads: {b: ["../../etc/passwd", "2"]}
"""
OTHER_TEMPLATE = b"""id: other
info: {name: a, author: b, severity: low, classification: {cwe-id: CWE-79}}
http:
  - method: GET
    path: ["{{BaseURL}}/?q=<script>alert(1)</script>"]
"""
TESTS = b"""meta: {author: a}
rule_id: 942100
tests:
  - test_id: 1
    stages:
      - input:
          method: POST
          uri: /a
          headers: {Host: one.example, Content-Type: application/x-www-form-urlencoded}
          data: "a=1' or 1=1--"
        output: {log: {expect_ids: [942100]}}
  - test_id: 2
    stages:
      - input: {encoded_request: R0VUIC8gSFRUUC8xLjENCg0K}
        output: {log: {no_expect_ids: [942100]}}
  - test_id: 3
    stages:
      - stage:
          input: {method: GET, uri: "/?a=<script>", ordered_headers: [{name: Host, value: one.example}]}
          output: {no_log_contains: id "942100"}
"""
CVE = {
    "dataType": "CVE_RECORD",
    "cveMetadata": {"cveId": "CVE-2024-0001", "state": "PUBLISHED", "datePublished": "2024-01-02T00:00:00Z"},
    "containers": {
        "cna": {
            "descriptions": [{"lang": "en", "value": "SQL injection in acme shop"}],
            "problemTypes": [{"descriptions": [{"cweId": "CWE-89", "lang": "en", "description": "CWE-89"}]}],
            "affected": [{"vendor": "acme", "product": "shop"}],
            "cpeApplicability": [{"nodes": [{"cpeMatch": [{"vulnerable": True, "criteria": "cpe:2.3:a:b:c"}]}]}],
        }
    },
}
FEED = {
    "vulnerabilities": [
        {
            "cve": {
                "id": "CVE-2024-0002",
                "published": "2024-01-02T00:00:00",
                "descriptions": [{"lang": "en", "value": "cross-site scripting"}],
                "weaknesses": [{"description": [{"lang": "en", "value": "CWE-79"}]}],
                "configurations": [{"nodes": [{"cpeMatch": [{"vulnerable": True, "criteria": "cpe:2.3:a:b:c"}]}]}],
            }
        }
    ]
}

BURP = b"""<?xml version="1.0"?>
<!DOCTYPE items [<!ELEMENT items (item*)><!ATTLIST items burpVersion CDATA "">]>
<items burpVersion="2024.1" exportTime="Tue Jan 02 00:00:00 UTC 2024">
  <item><url><![CDATA[http://one.example/?q=1]]></url><host ip="192.0.2.1">one.example</host>
    <request base64="true"><![CDATA[R0VUIC8/cT0xIEhUVFAvMS4xDQoNCg==]]></request><comment>benign</comment></item>
  <item><request base64="false"><![CDATA[GET /?q=1'+or+1=1 HTTP/1.1\n\n]]></request><comment>sqli</comment></item>
</items>
"""
HAR: dict[str, Any] = {
    "log": {
        "version": "1.2",
        "creator": {"name": "a", "version": "1"},
        "entries": [
            {
                "comment": label,
                "startedDateTime": "2024-01-02T00:00:00Z",
                "request": {
                    "method": "POST",
                    "url": "http://one.example/?q=1",
                    "httpVersion": "HTTP/1.1",
                    "headers": [{"name": "Host", "value": "one.example"}],
                    "postData": {"mimeType": "text/plain", "text": text},
                },
            }
            for label, text in (("sqli", "1' or 1=1"), ("benign", "1"))
        ],
    }
}
AUDIT = b"""--0a1b2c3d-A--
[02/Jan/2024:00:00:00 +0000] AAAA 192.0.2.1 5000 192.0.2.2 80
--0a1b2c3d-B--
POST /?q=1'+or+1=1 HTTP/1.1
Host: one.example

--0a1b2c3d-C--
a=1
--0a1b2c3d-H--
Message: Warning. [file "a.conf"] [line "1"] [id "942100"] [msg "SQL injection"] [tag "attack-sqli"]
--0a1b2c3d-Z--

--0a1b2c3e-A--
[02/Jan/2024:00:00:01 +0000] AAAB 192.0.2.1 5001 192.0.2.2 80
--0a1b2c3e-B--
GET /?q=<script> HTTP/1.1
Host: one.example

--0a1b2c3e-H--
Message: Warning. [id "941100"] [msg "XSS"] [tag "attack-xss"]
--0a1b2c3e-Z--
"""
AUDIT_JSON = {
    "transaction": {
        "client_ip": "192.0.2.1",
        "unique_id": "AAAA",
        "time_stamp": "Tue Jan  2 00:00:00 2024",
        "request": {
            "method": "GET",
            "http_version": 1.1,
            "uri": "/?q=1",
            "headers": {"Host": "one.example"},
            "body": "",
        },
        "response": {"http_code": 200},
        "messages": [{"message": "SQL injection", "details": {"ruleId": "942100", "tags": ["attack-sqli"]}}],
    }
}
ECML = b"""<?xml version="1.0" encoding="UTF-8"?>
<dataset xmlns="http://www.example/dataset">
  <sample id="1">
    <reqContext><os>UNIX</os><webserver>APACHE</webserver></reqContext>
    <class><type>SqlInjection</type><inContext>FALSE</inContext><attackIntervall>uri:1:9</attackIntervall></class>
    <request><method>GET</method><protocol>HTTP/1.1</protocol><uri><![CDATA[/a]]></uri>
      <query><![CDATA[q=1' or 1=1]]></query><headers><![CDATA[Host: one.example]]></headers></request>
  </sample>
  <sample id="2"><class><type>Valid</type></class>
    <request><method>POST</method><protocol>HTTP/1.0</protocol><uri>/b</uri><body>q=1</body></request></sample>
</dataset>
"""
BLOCKS = b"""Start - Id: 1
class: SqlInjection
GET /a?q=1' or 1=1 HTTP/1.1
Host: one.example

null
End - Id: 1

Start - Id: 2
class: Valid
POST /b HTTP/1.0

q=1
End - Id: 2
"""
REQUESTS = b"""GET /one?q=1 HTTP/1.1
Host: one.example

POST /two HTTP/1.1
Host: one.example
Content-Length: 3

a=1

GET /three HTTP/1.1
"""


@dataclass(frozen=True)
class Reader:
    """A reader of foreign files.

    Attributes:
        kind: the benchmark that reads the file, or ``record`` or ``predictions`` for files of a results folder.
        file: name of the file; its suffix is what the reader goes by.
        seeds: contents of valid files.
        mapping: columns by field, as for ``--map``.
        beside: other files of the folder, valid ones, by name.
    """

    kind: str
    file: str
    seeds: tuple[bytes, ...]
    mapping: Mapping[str, str] = field(default_factory=dict)
    beside: Mapping[str, bytes] = field(default_factory=dict)

    def read(self, content: bytes, folder: Path) -> str:
        """Writes the content to a file, reads it, and returns the count of rows, or the sentence of a `UserError`.

        Every other exception is a finding.
        """
        path = folder / self.file
        path.write_bytes(content)
        for name, other in self.beside.items():
            (folder / name).write_bytes(other)
        if self.kind == "predictions":
            return _outcome(lambda: predictions.read_classes(path) is not None, ValueError)
        if self.kind == "record":
            return _outcome(lambda: store.read(path) is not None)
        ref = BenchmarkRef(self.kind, str(path if self.kind == "files" else folder), dict(self.mapping))
        return _outcome(lambda: len(_opened(ref).load()))


def _opened(ref: BenchmarkRef) -> GenericBenchmark:
    benchmark = registry.open_benchmark(ref)
    assert isinstance(benchmark, GenericBenchmark)
    return benchmark


def _outcome(read: Callable[[], object], refusal: type[Exception] = UserError) -> str:
    try:
        return str(read())
    except refusal as error:
        return str(error)


def jsonl() -> bytes:
    """Returns `ROWS` as JSON lines."""
    return "".join(json.dumps(row) + "\n" for row in ROWS).encode()


def table(separator: str) -> bytes:
    """Returns `ROWS` as text with a header."""
    lines = [list(ROWS[0]), *([row[name] or "" for name in ROWS[0]] for row in ROWS)]
    quoted = (['"' + str(cell).replace('"', '""') + '"' for cell in line] for line in lines)
    return "".join(separator.join(line) + "\n" for line in quoted).encode()


def parquet(**options: str | bool) -> bytes:
    """Returns `ROWS` as a Parquet file."""
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(ROWS), stream, **options)
    return stream.getvalue()


def arrow(writer: Callable[..., Any]) -> bytes:
    """Returns `ROWS` as an Arrow file or stream."""
    table, stream = pa.Table.from_pylist(ROWS), io.BytesIO()
    with writer(stream, table.schema) as opened:
        opened.write_table(table)
    return stream.getvalue()


def audit_lines() -> bytes:
    """Returns an audit log in JSON with two transactions."""
    line = json.dumps(AUDIT_JSON).encode()
    return b"\n".join((line, line.replace(b"942100", b"941100").replace(b"AAAA", b"AAAB"), b""))


def zipped(compression: int) -> bytes:
    """Returns a zip of raw requests in two folders."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", compression) as archive:
        for number, row in enumerate(ROWS):
            archive.writestr(f"{row['kind']}/{number}.txt", str(row["raw"]))
    return stream.getvalue()


def tarred(mode: str) -> bytes:
    """Returns a tar of raw requests in two folders."""
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:  # type: ignore[call-overload]
        for number, row in enumerate(ROWS):
            content = str(row["raw"]).encode()
            member = tarfile.TarInfo(f"{row['kind']}/{number}.txt")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return stream.getvalue()


def record() -> bytes:
    """Returns an official record, the shortest."""
    root = Path(__file__).parents[2] / "results/official"
    return min(root.glob("*/*/*.json"), key=lambda path: path.stat().st_size).read_bytes()


def predicted() -> bytes:
    """Returns predictions of two rows."""
    return kept_predictions("0" * 64, BenchmarkRef("synthetic"), {"id": ([0, 1], [1, 0])})


def predicted_before() -> bytes:
    """Returns predictions of two rows as protocol 2 kept them."""
    return old_predictions("0" * 64, {"id": {"rows": [0, 1], "classes": [1, 0]}})


def readers() -> dict[str, Reader]:
    """Returns all readers by name."""
    registry.discover()
    by_name = {
        "nuclei": Reader("nuclei", "sample.yaml", (TEMPLATE,), beside={"other.yaml": OTHER_TEMPLATE}),
        "crs": Reader("crs", "942100.yaml", (TESTS,)),
        "cve-text": Reader("cve-text", "cves.json", (json.dumps(CVE).encode(), json.dumps(FEED).encode())),
        "record": Reader("record", "method-s0-0123456789abcdef.json", (record(),)),
        "predictions": Reader("predictions", "0123.parquet", (predicted(),)),
        "old-predictions": Reader("predictions", "0123.json.gz", (predicted_before(),)),
    }
    files = {
        "rows.jsonl": (jsonl(),),
        "rows.jsonl.gz": (gzip.compress(jsonl(), mtime=0),),
        "rows.csv": (table(","),),
        "rows.csv.gz": (gzip.compress(table(","), mtime=0),),
        "rows.tsv": (table("\t"),),
        "rows.parquet": (parquet(), parquet(compression="zstd", use_dictionary=False)),
        "rows.json": (json.dumps(ROWS, indent=1).encode(), json.dumps({"data": ROWS}).encode()),
        "rows.arrow": (arrow(pa.ipc.new_file), arrow(pa.ipc.new_stream)),
    }
    for name, seeds in files.items():
        by_name[name] = Reader("files", name, seeds, MAPPING)
    requests = {"payload": "payload", "label": "folder"}
    items = {"payload": "request", "label": "comment"}
    others = {
        "requests.zip": (
            (zipped(zipfile.ZIP_DEFLATED), zipped(zipfile.ZIP_STORED), zipped(zipfile.ZIP_LZMA)),
            requests,
        ),
        "requests.tar.gz": ((tarred("w:gz"),), requests),
        "requests.txt": ((REQUESTS,), {"payload": "payload", "label": "id"}),
        "lines.txt": ((b"1' or 1=1\n<script>\n\xff\n",), {"payload": "@line", "label": "id"}),
        "burp.xml": ((BURP,), items),
        "a.har": ((json.dumps(HAR).encode(),), items),
        "audit.log": ((AUDIT, audit_lines()), {"payload": "request", "label": "rule"}),
        "ecml.xml": ((ECML,), {"payload": "request", "label.taxonomy": "class"}),
        "ecml.txt": ((BLOCKS,), {"payload": "request", "label.taxonomy": "class"}),
        "parts.csv": (
            (b"url,body,label\n/?q=1,a=1,b\nhttp://one.example/?q=<script>,,c\n",),
            {"url": "url", "body": "body", "label": "label"},
        ),
    }
    for name, (seeds, mapping) in others.items():
        by_name[name] = Reader("files", name, seeds, mapping)
    return by_name
