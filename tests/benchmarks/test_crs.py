"""Regression tests of the Core Rule Set: positives by family, negatives as benign, all others counted."""

import base64
from pathlib import Path

import pytest

from harness import BenchmarkRef, Corpus, registry
from tests.conftest import SHARED
from tests.harness.sources.archives import folder

TEST = """  - test_id: {id}
    stages:
      - input:
          method: POST
          headers: {{Host: localhost, User-Agent: agent}}
          uri: /post?a=1
          data: "{data}"
          {more}
        output: {{{output}}}
"""
POSITIVE, NEGATIVE = "log: {expect_ids: [942100]}", "log: {no_expect_ids: [942100]}"


def rule(number: int, *tests: str) -> bytes:
    return f"meta: {{author: 'ann, bob'}}\nrule_id: {number}\ntests:\n{''.join(tests)}".encode()


def case(id: int, output: str, data: str = "q=1", more: str = "version: HTTP/1.1") -> str:
    return TEST.format(id=id, output=output, data=data, more=more)


def build(root: Path) -> Corpus:
    registry.discover()
    return registry.open_benchmark(BenchmarkRef("crs", str(root))).corpus()


def test_requests_have_class_rule_and_author(tmp_path: Path, cache: Path) -> None:
    raw = base64.b64encode(b"GET /\x00 HTTP/1.0\n\n").decode()
    old = '  - test_title: 942100-9\n    stages:\n      - stage:\n          input: {uri: "/?old"}\n'
    old += "          output: {log_contains: 'id \"942100\"'}\n"
    files = {
        "942100.yaml": rule(942100, case(1, POSITIVE, "q=ü"), case(2, NEGATIVE), old),
        "932100.yaml": rule(932100, case(1, "log: {expect_ids: [932100]}", more=f"encoded_request: {raw}")),
    }
    corpus = build(folder(tmp_path, files))
    rows = {row["sample"]: row for row in corpus.table.to_pylist()}
    assert {name: row["label"] for name, row in rows.items()} == {
        "942100-1": "sql-injection",
        "942100-2": "benign",
        "942100-9": "sql-injection",
        "932100-1": "command-injection",
    }
    assert rows["942100-1"]["payload"] == (
        b"POST /post?a=1 HTTP/1.1\r\nHost: localhost\r\nUser-Agent: agent\r\n"
        b"Content-Type: application/x-www-form-urlencoded\r\nContent-Length: 4\r\n\r\nq=\xc3\xbc"
    )
    assert rows["932100-1"]["payload"] == b"GET /\x00 HTTP/1.0\n\n"
    assert rows["942100-9"]["payload"] == b"GET /?old HTTP/1.1\r\n\r\n"
    assert {row["source"] for row in rows.values()} == {"ann"}
    assert rows["942100-2"]["group.rule"] == "942100"
    assert corpus.meta.left_out == ()


def test_requests_without_a_class_are_counted(tmp_path: Path, cache: Path) -> None:
    files = {
        "942100.yaml": rule(942100, case(1, POSITIVE), case(2, NEGATIVE), case(2, NEGATIVE), case(3, "status: 400")),
        "951190.yaml": rule(951190, case(1, "log: {expect_ids: [951190]}")),
        "949110.yaml": rule(949110, case(1, "log: {expect_ids: [949110]}")),
        "941100.yaml": rule(941100, case(1, "log: {expect_ids: [932100, 942100]}")),
        "933100.yaml": rule(933100, case(1, "log: {expect_ids: [933100]}", more="encoded_request: '%%'")),
        "config.yml": b"a: 1",
    }
    left_out = {reason: count for reason, count, _ in build(folder(tmp_path, files)).meta.left_out}
    assert left_out == {
        "request: an earlier test has the same number": 1,
        "request: it neither expects nor excludes a rule": 1,
        "request: its rule inspects responses": 1,
        "request: its rule belongs to no known family": 1,
        "request: its rules belong to several families": 1,
        "request: its encoded_request is not base64": 1,
        "file: not a file of regression tests": 1,
    }


def test_the_public_tests_load(cache: Path) -> None:
    archive = SHARED / "raw" / "crs.tar.gz"
    if not archive.exists():
        pytest.skip(f"{archive} is not there")
    meta = build(archive).meta
    assert meta.rows == 120
    assert meta.classes["command-injection"] == 39
    assert meta.classes["benign"] == 34
    assert meta.origin["licence"] == "Apache-2.0"
    assert [(reason, count) for reason, count, _ in meta.left_out] == [("request: its rule inspects responses", 1)]
