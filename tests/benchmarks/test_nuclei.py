"""nuclei-templates: attacks become rows with the facts of their template, and all else is counted by reason."""

import datetime
import gzip
import hashlib
import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from harness.benchmarks.nuclei.expressions import Scope, Unknown, resolve
from harness.benchmarks.nuclei.requests import steps
from harness.benchmarks.nuclei.roles import roles
from harness.benchmarks.nuclei.template import parse

from harness import BenchmarkRef, Corpus, registry
from harness.data import taxonomy
from harness.sources import SourceTally, Tree, safe_yaml
from tests.conftest import SHARED, Shell
from tests.harness.sources.archives import folder, tar
from tests.harness.sources.test_safe_yaml import laughs

HEAD = """id: {id}
info:
  name: Some Product - Weakness
  author: ann,bob
  severity: high
  description: |
    A parameter of Some Product
    is not checked.
  classification: {{cve-id: {cve}, cwe-id: '{cwe}'}}
  metadata: {{vendor: acme, product: shop}}
  tags: cve,{tag}
"""


def template(http: str, id: str = "CVE-2021-0001", cwe: str = "CWE-89", tag: str = "web", more: str = "") -> bytes:
    return (HEAD.format(id=id, cve=id, cwe=cwe, tag=tag) + more + "http:\n" + http).encode()


RAW = """  - raw:
      - |
        POST /login.php HTTP/1.1
        Host: {{Hostname}}

        user={{username}}&pw={{password}}
      - |
        @timeout: 20s
        GET /item?id=1'+union+select+md5({{num}})--&n={{nonce}} HTTP/1.1
        Host: {{Hostname}}
        X-Token: {{randstr}}
    extractors: [{name: nonce, type: regex}]
"""
PATH = """  - method: POST
    path:
      - '{{BaseURL}}/fetch'
    headers: {X-Forwarded-For: "{{interactsh-url}}"}
    body: '{"url": "http://{{interactsh-url}}/"}'
"""


def build(root: Path) -> Corpus:
    registry.discover()
    return registry.open_benchmark(BenchmarkRef("nuclei", str(root))).corpus()


def test_templates_become_rows_with_all_that_they_say(tmp_path: Path, cache: Path) -> None:
    files = {
        "http/a.yaml": template(RAW, more="variables: {num: '999'}\n"),
        "http/b.yaml": template(PATH, "CVE-2020-0002", "CWE-918,NVD-CWE-Other"),
        "LICENSE.md": b"MIT License Permission is hereby granted, free of charge, to any person obtaining a copy",
    }
    corpus = build(folder(tmp_path / "folder", files))
    first, second = corpus.table.drop(["cluster"]).to_pylist()
    assert first == {
        "sample": "CVE-2020-0002#0",
        "payload": b"POST /fetch HTTP/1.1\r\nHost: target.example\r\nX-Forwarded-For: oast.example\r\n"
        b'Content-Length: 31\r\n\r\n{"url": "http://oast.example/"}',
        "label": "server-side-request-forgery",
        "cve": "CVE-2020-0002",
        "cwe": "CWE-918",
        "description_id": second["description_id"],
        "date": datetime.date(2020, 1, 1),
        "vendor": "acme",
        "product": "shop",
        "source": "ann",
        "severity": "high",
        "added": None,
        "group.cve": "CVE-2020-0002",
        "group.template": "CVE-2020-0002",
    }
    assert second["sample"] == "CVE-2021-0001#1"
    assert second["payload"].startswith(b"GET /item?id=1'+union+select+md5(999)--&n=")
    assert b"{{" not in second["payload"]
    assert corpus.descriptions.column("text").to_pylist() == ["A parameter of Some Product is not checked."]
    assert corpus.meta.left_out == (("helper step: login", 1, "http/a.yaml, request 0"),)
    assert corpus.meta.origin == {"licence": "MIT"}
    archive = build(tar(tmp_path / "a.tar.gz", {f"top/{name}": data for name, data in files.items()}, "c0ffee"))
    assert archive.meta.hash == corpus.meta.hash
    assert archive.meta.origin == {"licence": "MIT", "commit": "c0ffee"}


def test_whatever_is_left_out_has_a_reason(tmp_path: Path, shell: Shell) -> None:
    files = {
        "a.yaml": template(RAW, more="variables: {num: '999'}\n"),
        "a2.yaml": template(PATH),
        "b.yaml": template(PATH, "CVE-2020-0002", "CWE-918"),
        "c.yaml": template(PATH, "CVE-2020-0003", "CWE-287"),
        "d.yaml": template(PATH, "CVE-2020-0004", "CWE-89, CWE-79"),
        "e.yaml": template("  - path: ['{{BaseURL}}/{{secret_name}}']\n", "CVE-2020-0005"),
        "f.yaml": template("  - fuzzing: []\n", "CVE-2020-0006"),
        "g.yaml": b"id: x\ninfo: {name: x}\ndns: [{name: x}]\n",
        "h.yaml": b"a: 1",
        "i.yaml": b"a: [",
        "j.yaml": laughs(12),
        "k.yaml": template(PATH + "    body: other\n", "CVE-2020-0007"),
    }
    process = shell("data", "build", "nuclei", "--from", folder(tmp_path / "t", files))
    assert process.returncode == 0, process.stderr
    table = [re.split(r"\s{2,}", line.strip()) for line in process.stdout.splitlines()]
    counts = {cells[0]: cells[1] for cells in table if len(cells) == 3}
    for reason in (
        "template: an earlier file has the same id",
        "template: no threat class of the taxonomy",
        "template: several threat classes",
        "template: no HTTP (dns)",
        "request: unknown variable secret_name",
        "block: neither raw nor path",
        "file: not a template",
        "file: not readable as YAML",
        "file: aliases expand to more than 200000 values",
        "file: the key 'body' stands twice in a mapping",
        "helper step: login",
    ):
        assert counts[reason] == "1"
    assert f"use it as nuclei:{tmp_path / 't'}" in process.stdout


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("{{Hostname}}", "target.example"),
        ("{{interactsh-url}}", "oast.example"),
        ("${{{num1}}*{{num2}}}", "${6*7}"),
        ("{{to_lower('ABC')}}", "abc"),
        ('{{to_upper("{{word}}")}}', "WORD"),
        ("{{base64(concat('a', \"b\"))}}", "YWI="),
        ("{{base64_decode('/w==')}}", "\udcff"),
        ("{{hex_encode(base64_decode('/w=='))}}", "ff"),
        ("{{url_encode('a b&c')}}", "a%20b%26c"),
        ("{{num1*num2}}", "42"),
        ("{{md5('a' + 'b')}}", "187ef4436122d1cc2f40dc2b92f0eba0"),
        ("§word§ {{word}}", "word word"),
        ("no {{ end", "no {{ end"),
        ("{{word + ':' + num2}}", "word:7"),
        ("{{ md5({{num2}}) }}", "8f14e45fceea167a5a36dedd4bea2543"),
        ("{{md5('{{word}}')}}", "c47d187067c6cf953245f128b5fde62a"),
        ("{{base64('a\\nb')}}", "YW5i"),  # a backslash means the character after it
        ("{{base64('it\\'s')}}", "aXQncw=="),
        ("{{base64('a\nb')}}", "YQpi"),
        ("{{to_number('6') % 4 - 5 * 2}}", "-8"),
        ("{{'1' + 1000000 + word}}", "11e+06word"),  # as Go adds a number to a text
        ("{{true + word}}", "trueword"),
        ("{{url_encode('~a/', true)}}", "%7Ea%2F"),
        # Text without a variable and without a helper function is not an expression.
        ("{{91*83}}", "{{91*83}}"),
        ("${{7+7}}", "${{7+7}}"),
        ("{{7*'7'}}", "{{7*'7'}}"),
        ("{{'a' + 'b'}}", "{{'a' + 'b'}}"),
        ("{{{7*7}}}", "{{{7*7}}}"),
        ("{{}}", "{{}}"),
        ("{{ '' }}", "{{ '' }}"),
        ("§1§ § §nosuch§", "§1§ § §nosuch§"),
        # A value is not searched for expressions again.
        ("{{literal}}", "{{7*7}}"),
        ("{{concat('{{', 'word', '}}')}}", "{{word}}"),
        ("{{concat('{{', 123, '*', 123, '}}')}}", "{{123*123}}"),
    ],
)
def test_expressions_have_inert_values(text: str, value: str) -> None:
    variables = {"word": "word", "num1": "{{to_number('6')}}", "num2": 7, "literal": "{{7*7}}"}
    if "*num2}}" in text:
        text = text.replace("num1*num2", "to_number('6')*7")
    assert resolve(text, Scope("t", variables, frozenset())) == value


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{{nosuch}}", "unknown variable nosuch"),
        ("{{md5(nosuch)}}", "unknown variable nosuch"),
        ("{{md5('{{nosuch}}')}}", "unknown variable nosuch"),
        ("{{generate_java_gadget('dns', 'x')}}", r"unknown helper function generate_java_gadget\(\)"),
        ("{{__import__('os')}}", r"unknown helper function __import__\(\)"),
        ("{{'a'.upper()}}", "unknown expression 'a'.upper"),
        ("{{7*7 if x}}", "unknown expression 7"),
        ("{{word*9}}", "arithmetic with text"),
        ("{{md5()}}", r"md5\(\) does not accept its arguments"),
        ("{{hex_decode('6 1')}}", r"hex_decode\(\) does not accept its arguments"),
        ("{{base64_decode('a!b=')}}", r"base64_decode\(\) does not accept its arguments"),
        ("{{to_number('1') / 0}}", "arithmetic"),
        ("{{a}}", "unknown variable a"),
        ("{{" + "(" * 5000 + "}}", None),
        ("{{md5(" + "(" * 5000 + "'a'" + ")" * 5000 + ")}}", "unknown expression md5"),
        ("{{repeat(repeat('a', 99999), 99999)}}", "a value of more than 1000000 characters"),
        ("{{replace(repeat('a', 99999), 'a', repeat('b', 99))}}", "a value of more than 1000000 characters"),
        ("{{rand_base(99999999)}}", "a value of more than 1000000 characters"),
        ("{{b}}", "a value of more than 1000000 characters"),
        ("{{Hostname}}" * 501, "more than 500 expressions"),
        ("{{p0}}", "unknown variable p20"),
    ],
)
def test_unknown_expressions_are_named_and_hostile_ones_end(text: str, named: str | None) -> None:
    large = {"b": "{{c}}" * 50, "c": "{{d}}" * 50, "d": "{{repeat('x', 100000)}}"}
    deep = {f"p{i}": f"{{{{p{i + 1}}}}}" * 400 for i in range(30)}
    scope = Scope("t", {"a": "{{a}}", "word": "w", **large, **deep}, frozenset())
    if named is None:
        assert resolve(text, scope) == text
        return
    with pytest.raises(Unknown, match=named):
        resolve(text, scope)


def test_a_long_helper_argument_is_evaluated() -> None:
    text = "{{hex_decode('" + "61" * 60_000 + "')}}"
    assert resolve(text, Scope("t", {}, frozenset())) == "a" * 60_000


def test_unknown_expressions_stay_where_a_template_says_so() -> None:
    http = "  - path: ['{{BaseURL}}/?q={{7*7}}&r={{nosuch}}&s={{config.items()}}&h={{Hostname}}']\n"
    (step,) = steps(parse(safe_yaml.load(template(http + "    skip-variables-check: true\n"))), SourceTally().skip)
    assert step.payload.startswith(b"GET /?q={{7*7}}&r={{nosuch}}&s={{config.items()}}&h=target.example HTTP/1.1")


def test_random_values_are_those_of_the_template() -> None:
    http = "  - path: ['{{BaseURL}}/{{rand_text_alpha(4)}}/{{randstr}}/{{rand_text_alpha(4)}}']\n"

    def path(id: str) -> list[bytes]:
        (step,) = steps(parse(safe_yaml.load(template(http, id))), SourceTally().skip)
        return step.payload.split(b" ")[1].split(b"/")[1:]

    assert path("CVE-2021-0001") == path("CVE-2021-0001") != path("CVE-2021-0002")
    assert path("CVE-2021-0001")[0] != path("CVE-2021-0001")[2]


def test_alternative_attacks_all_count_and_a_tag_stands_in_for_a_cwe() -> None:
    http = "  - path: ['{{BaseURL}}/../../etc/passwd', '{{BaseURL}}/x/....//etc/passwd', '{{BaseURL}}/readme.txt']\n"
    parsed = parse(safe_yaml.load(template(http, cwe="NVD-CWE-noinfo", tag="lfi")))
    assert parsed.label == "path-traversal"
    assert roles(steps(parsed, SourceTally().skip)) == ["attack", "attack", "plain GET"]


def agreement_with(rows: list[dict[str, Any]], archive: Path) -> Counter[str]:
    """Counts the requests of the templates whose method and path, and whose class, are those of the rows."""
    other = {(row["source_path"].rpartition("/")[2], row["step"]): row for row in rows}
    agreement = Counter[str]()
    tally = SourceTally()
    for file in Tree(archive).files((".yaml",), 2**20, tally):
        try:
            parsed = parse(safe_yaml.load(file.data))
        except Exception:
            continue
        for step in steps(parsed, tally.skip):
            row = other[file.path.rpartition("/")[2], step.number]
            ours, theirs = step.payload.split(b"\r\n")[0], row["payload"].split("\n")[0].encode()
            agreement["all"] += 1
            agreement["method and path"] += ours.split(b" ")[:2] == theirs.split(b" ")[:2]
            agreement["class"] += parsed.label in taxonomy.classes_of(row["family"])
    return agreement


def test_the_same_templates_read_elsewhere_agree() -> None:
    archive, reference = SHARED / "raw" / "nuclei.tar.gz", SHARED / "nuclei_dev.jsonl.gz"
    if not archive.exists():
        pytest.skip(f"{archive} is not there")
    with gzip.open(reference, "rt", encoding="utf-8") as stream:
        rows = [json.loads(line) for line in stream]
    agreement = agreement_with(rows, archive)
    assert agreement["all"] == 514
    assert agreement["method and path"] >= 0.93 * agreement["all"]  # the others contain random values
    assert agreement["class"] >= 0.97 * agreement["all"]


def test_templates_of_our_own_agree_with_the_requests_written_beside_them(tmp_path: Path) -> None:
    """As with the templates above, which a bare clone lacks: each template with its requests by hand."""
    files = {
        "top/http/cves/2021/a.yaml": template(RAW, more="variables: {num: '999'}\n"),
        "top/http/cves/2020/b.yaml": template(PATH, "CVE-2020-0002", "CWE-918"),
        "top/http/cves/2019/c.yaml": template(
            "  - path: ['{{BaseURL}}/a?b=%3Cb%3E', '{{BaseURL}}/c']\n", "c", "CWE-79"
        ),
        "top/http/cves/2019/d.yaml": template(PATH, "CVE-2019-0003", "CWE-287"),  # no class
        "top/dns/e.yaml": b"id: x\ninfo: {name: x}\ndns: [{name: x}]\n",
        "top/http/f.yaml": b"a: [",
    }

    def row(file: str, step: int, family: str, line: str) -> dict[str, Any]:
        return {"source_path": f"http/{file}", "step": step, "family": family, "payload": f"{line} HTTP/1.1\nHost: a"}

    rows = [
        row("a.yaml", 0, "sqli", "POST /login.php"),
        row("a.yaml", 1, "sqli", "GET /item?id=1'+union+select+md5(999)--&n={nonce}"),  # filled in otherwise
        row("b.yaml", 0, "ssrf_xxe", "POST /fetch"),
        row("c.yaml", 0, "xss", "GET /a?b=%3Cb%3E"),
        row("c.yaml", 1, "xss", "GET /c"),
    ]
    archive = tar(tmp_path / "templates.tar.gz", files)
    assert agreement_with(rows, archive) == {"all": 5, "method and path": 4, "class": 5}
    rows[2] |= {"family": "xss", "payload": "GET /fetch HTTP/1.1\nHost: a"}
    assert agreement_with(rows, archive) == {"all": 5, "method and path": 3, "class": 4}


OFFERED = {
    *("random group-disjoint cve-disjoint vendor-disjoint product-disjoint source-disjoint temporal".split()),
    *("long-tail", "leave-one-source-out"),
}


def offered(archive: Path) -> tuple[set[str], Corpus]:
    registry.discover()
    benchmark = registry.open_benchmark(BenchmarkRef("nuclei", str(archive)))
    return {spec.name for spec in benchmark.scenarios()}, benchmark.corpus()


def test_every_split_is_offered_where_the_templates_are_many(cache: Path) -> None:
    archive = SHARED / "raw" / "nuclei.tar.gz"
    if not archive.exists():
        pytest.skip(f"{archive} is not there")
    scenarios, corpus = offered(archive)
    assert scenarios >= OFFERED
    assert len(corpus) == 372
    assert np.all(corpus.payloads(np.arange(len(corpus))).lengths > 20)


def test_every_split_is_offered_where_templates_of_our_own_are_many(tmp_path: Path, cache: Path) -> None:
    """120 templates of four classes by three authors, of 40 vendors with two products each, over ten years."""
    files = {}
    for i in range(120):
        # Paths that are alike, and those that differ in digits alone, would be near-duplicates.
        name = hashlib.sha256(b"%d" % i).hexdigest().translate(str.maketrans("0123456789", "ghijklmnop"))
        cwe, cve = ("CWE-918", "CWE-89", "CWE-79", "CWE-22")[i % 4], f"CVE-{2012 + i % 10}-{1000 + i}"
        facts = template(
            PATH.replace("/fetch", f"/{name}").replace("http://", f"http://{name[::-1]}."), cve, cwe
        ).decode()
        facts = facts.replace("ann,bob", ("ann", "bob", "eve")[i % 7 % 3])
        facts = facts.replace("vendor: acme, product: shop", f"vendor: v{i // 3}, product: p{i // 3}{i % 2}")
        files[f"top/http/cves/{cve}.yaml"] = facts.encode()
    scenarios, corpus = offered(tar(tmp_path / "nuclei.tar.gz", files))
    assert scenarios >= OFFERED
    assert len(corpus) == 120
    assert np.all(corpus.payloads(np.arange(len(corpus))).lengths > 20)


def test_an_exported_corpus_is_a_file_that_says_what_it_is(tmp_path: Path, shell: Shell) -> None:
    files = {
        f"{i}.yaml": template(PATH.replace("fetch", f"fetch{i}" * 9), f"CVE-20{10 + i % 9}-00{10 + i}", cwe)
        for i, cwe in enumerate(["CWE-918", "CWE-89", "CWE-79"] * 8)
    }
    root = folder(tmp_path / "templates", files)
    process = shell("data", "build", "nuclei", "--from", root, "--out", "all.parquet")
    assert process.returncode == 0, process.stderr
    assert f"use it as nuclei:{root} or files:all.parquet" in process.stdout
    scenarios = [
        shell("list", "scenarios", "--bench", bench).stdout for bench in (f"nuclei:{root}", "files:all.parquet")
    ]
    assert scenarios[0].splitlines()[:9] == scenarios[1].splitlines()[:9]
    assert "template-disjoint" in scenarios[1]
    metadata = json.loads(pq.read_schema(shell.folder / "all.parquet").metadata[b"shortcut-harness"])
    assert metadata["map"]["group"] == "group.cve+group.template"
    rows = pq.read_table(shell.folder / "all.parquet").to_pylist()
    assert {row["description"] for row in rows} == {"A parameter of Some Product is not checked."}
    assert shell("data", "build", "nuclei", "--from", root, "--out", "no/all.parquet").returncode == 2
    process = shell("data", "build", "nuclei", "--from", root, "--out", "all.csv")
    assert "the file name must end in .parquet" in process.stderr
