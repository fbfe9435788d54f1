"""Regression tests of the Core Rule Set: positives by family, negatives as benign, all others counted."""

import base64
from pathlib import Path

import pytest

from harness import BenchmarkRef, Corpus, registry
from tests.conftest import SHARED
from tests.harness.sources.archives import folder, tar

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


def case(id: int, output: str, data: str = "", more: str = "version: HTTP/1.1") -> str:
    return TEST.format(id=id, output=output, data=data or f"q={id}", more=more)


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
        b"Content-Type: application/x-www-form-urlencoded\r\nConnection: close\r\nContent-Length: 8\r\n\r\nq=%C3%BC"
    )
    assert rows["932100-1"]["payload"] == b"GET /\x00 HTTP/1.0\n\n"
    assert rows["942100-9"]["payload"] == b"GET /?old HTTP/1.1\r\nConnection: close\r\n\r\n"
    assert {row["source"] for row in rows.values()} == {"ann"}
    assert rows["942100-2"]["group.rule"] == "942100"
    assert corpus.meta.left_out == ()


def test_requests_without_a_class_are_counted(tmp_path: Path, cache: Path) -> None:
    files = {
        "942100.yaml": rule(942100, case(1, POSITIVE), case(2, NEGATIVE, "q=2"), case(3, "status: 400")),
        "old/942100.yaml": rule(942100, case(2, NEGATIVE)),
        "951190.yaml": rule(951190, case(1, "log: {expect_ids: [951190]}")),
        "949110.yaml": rule(949110, case(1, "log: {expect_ids: [949110]}")),
        "941100.yaml": rule(941100, case(1, "log: {expect_ids: [932100, 942100]}")),
        "933100.yaml": rule(933100, case(1, "log: {expect_ids: [933100]}", more="encoded_request: '%%'")),
        "config.yml": b"a: 1",
        "943100.yaml": rule(943100, case(1, "log: {expect_ids: [943100]}", more="uri: /other")),
    }
    left_out = {reason: count for reason, count, _ in build(folder(tmp_path, files)).meta.left_out}
    assert left_out == {
        "request: a test of another file has the same number": 1,
        "request: it neither expects nor excludes a rule": 1,
        "request: its rule inspects responses": 1,
        "request: its rule belongs to no known family": 1,
        "request: its rules belong to several families": 1,
        "request: its encoded_request is not base64": 1,
        "file: not a file of regression tests": 1,
        "file: the key 'uri' stands twice in a mapping": 1,
    }


def left_out(corpus: Corpus) -> dict[str, int]:
    return {reason: count for reason, count, _ in corpus.meta.left_out}


def labels(corpus: Corpus) -> dict[str, str]:
    return {row["sample"]: row["label"] for row in corpus.table.to_pylist()}


def test_rules_are_expected_as_numbers_lists_or_log_texts(tmp_path: Path, cache: Path) -> None:
    files = {
        "941100.yaml": rule(
            941100, case(1, "log: {expect_ids: 941100}"), case(2, "log: {no_expect_ids: 941100}", "q=2")
        ),
        "942100.yaml": rule(
            942100, case(1, "log: {expect_id: 942100}", "q=3"), case(2, "log: {expect_ids: ['942100']}", "q=5")
        ),
        "933100.yaml": rule(
            933100,
            case(1, "log: {match_regex: 'id \"933100\"'}", "q=6"),
            case(2, "log: {no_match_regex: 'id \"933100\"'}", "q=4"),
            case(3, "log: {match_regex: 'msg .*'}"),
            case(4, "log: {expect_ids: {a: 1}}"),
            case(5, "log: {expect_ids: [true]}"),
            case(6, "log: [933100]"),
        ),
        "9507100.yaml": rule(9507100, case(1, "log: {expect_ids: [9507100]}")),  # a plug-in, not of family 950
    }
    corpus = build(folder(tmp_path, files))
    assert labels(corpus) == {
        "941100-1": "cross-site-scripting",
        "941100-2": "benign",
        "942100-1": "sql-injection",
        "942100-2": "sql-injection",
        "933100-1": "code-injection",
        "933100-2": "benign",
    }
    assert left_out(corpus) == {
        "request: the log text that it expects names no rule": 1,
        "request: its expect_ids is not a list of rule numbers": 2,
        "request: it neither expects nor excludes a rule": 1,
        "request: its rule belongs to no known family": 1,
    }


def test_equal_bytes_have_one_class(tmp_path: Path, cache: Path) -> None:
    files = {
        "942100.yaml": rule(942100, case(1, POSITIVE, "q=1"), case(2, NEGATIVE, "q=2"), case(3, NEGATIVE, "q=3")),
        "941100.yaml": rule(941100, case(1, "log: {expect_ids: [941100]}", "q=4")),
        "933100.yaml": rule(933100, case(1, "log: {expect_ids: [933100]}", "q=4"), case(2, NEGATIVE, "q=4")),
        "942101.yaml": rule(942101, case(1, "log: {no_expect_ids: [942101]}", "q=1")),
        "920100.yaml": rule(
            920100, case(1, "log: {expect_ids: [920100]}", "q=1"), case(2, "log: {expect_ids: [920100]}", "q=2")
        ),
    }
    corpus = build(folder(tmp_path, files))
    assert labels(corpus) == {"942100-1": "sql-injection", "942100-3": "benign", "920100-2": "protocol-enforcement"}
    assert left_out(corpus) == {
        "request: benign for its rule, and byte for byte an attack in another test": 2,
        "request: its bytes are an attack of several classes": 3,
        "request: byte for byte an attack of a threat class in another test": 1,
    }


def test_rules_of_a_mixed_family_have_the_class_that_they_are_about(tmp_path: Path, cache: Path) -> None:
    numbers = (934110, 934180, 934100, 944100)
    files = {f"{n}.yaml": rule(n, case(1, f"log: {{expect_ids: [{n}]}}", f"q={n}"), case(2, NEGATIVE)) for n in numbers}
    assert set(labels(build(folder(tmp_path, files))).items()) > {
        ("934110-1", "server-side-request-forgery"),
        ("934180-1", "template-injection"),
        ("934100-1", "generic-attack"),
        ("944100-1", "java-attack"),
    }


def test_a_typing_error_in_a_number_loses_no_test(tmp_path: Path, cache: Path) -> None:
    files = {
        "942100.yaml": rule(942100, case(1, POSITIVE), case(1, NEGATIVE, "q=2"), case(0, POSITIVE, "q=3")),
        "942110.yaml": rule(942100, case(1, "log: {expect_ids: [942110]}", "q=4")),
        "942120.yaml": rule(942130, case(1, "log: {expect_ids: [942130]}", "q=5")),
        "sql.yaml": rule(9421, case(1, "log: {no_expect_ids: [942140]}", "q=6")),
    }
    corpus = build(folder(tmp_path, files))
    rules = {row["sample"]: row["group.rule"] for row in corpus.table.to_pylist()}
    assert rules == {
        "942100-1": "942100",
        "942100-1@2": "942100",
        "942100-3": "942100",
        "942110-1": "942110",
        "942130-1": "942130",
        "942140-1": "942140",
    }
    assert left_out(corpus) == {}


def test_a_file_or_test_of_wrong_types_costs_itself_alone(tmp_path: Path, cache: Path) -> None:
    files = {
        "942100.yaml": rule(942100, case(1, POSITIVE), case(2, NEGATIVE, "q=2")),
        "a.yaml": b"tests: {}",
        "b.yaml": b"tests: [[1], {stages: 5}, {}, {stages: [1]}, {stages: [{input: {uri: /}, output: 3}]}]\nmeta: 4",
        "c.yaml": b"tests: !!int ''",
        "d.yaml": b"template: 7\ntests: [{payload: {a: 1}, output: {log: {expect_ids: [942100]}}}]\nrule_id: [1]",
        "e.yaml": b"\xff\x00",
    }
    corpus = build(folder(tmp_path, files))
    assert labels(corpus) == {"942100-1": "sql-injection", "942100-2": "benign"}
    assert left_out(corpus) == {
        "file: not a file of regression tests": 1,
        "file: not readable as YAML": 2,
        "request: it neither expects nor excludes a rule": 2,
        "test: its stages are not a list": 1,
        "test: its template is not a mapping": 1,
        "test: it has no stages": 1,
        "test: not a mapping": 1,
    }


def test_fields_that_are_not_known_are_counted_by_name(tmp_path: Path, cache: Path) -> None:
    files = {
        "942100.yaml": rule(
            942100,
            case(1, POSITIVE),
            case(2, NEGATIVE, "q=2"),
            case(3, POSITIVE, "q=3", more="body: x"),
            case(4, "log: {expect_ids: [942100], expect_msg: x}, header_contains: y", "q=4"),
        ),
        "942110.yaml": b"rule_id: 942110\nextra: {a: &a {uri: /7}}\n"
        b"tests: [{templates: [], stages: [{input: *a, output: {}}]}, {stages: [{input: *a, inputs: 3}]}]",
    }
    corpus = build(folder(tmp_path, files))
    assert labels(corpus) == {"942100-1": "sql-injection", "942100-2": "benign", "942100-4": "sql-injection"}
    assert left_out(corpus) == {
        "field of a file that is not read: 'extra'": 1,
        "field of an output that is not read: 'expect_msg'": 1,
        "field of an output that is not read: 'header_contains'": 1,
        "test: its input has the unknown field 'body'": 1,
        "test: its stage has the unknown field 'inputs'": 1,
        "test: it has the unknown field 'templates'": 1,
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


def test_an_archive_in_the_layout_of_the_public_tests_loads(tmp_path: Path, cache: Path) -> None:
    """As with the public tests, which a bare clone lacks: a release with its licence, other files and many rules."""
    top = "coreruleset-1/tests/regression/tests"
    files = {
        "coreruleset-1/LICENSE": b"Apache License\nVersion 2.0, January 2004",
        "coreruleset-1/README.md": b"# Rules",
        "coreruleset-1/rules/REQUEST-942.conf": b"SecRule ARGS ...",
    }
    for family, place in ((942, "SQLI"), (932, "RCE"), (930, "LFI")):
        for number in (100, 110):
            rule_id = 1000 * family + number
            cases = [
                case(i, f"log: {{{'no_expect_ids' if i % 3 == 0 else 'expect_ids'}: [{rule_id}]}}", f"q={rule_id}-{i}")
                for i in range(1, 10)
            ]
            files[f"{top}/REQUEST-{family}-APPLICATION-ATTACK-{place}/{rule_id}.yaml"] = rule(rule_id, *cases)
    response = case(1, "log: {expect_ids: [951110]}", "q=response")
    files[f"{top}/RESPONSE-951-DATA-LEAKAGES-SQL/951110.yaml"] = rule(951110, response)
    corpus = build(tar(tmp_path / "crs.tar.gz", files, "c0ffee"))
    assert corpus.meta.rows == 6 * 9
    assert dict(corpus.meta.classes) == {
        "benign": 6 * 3,
        "command-injection": 2 * 6,
        "path-traversal": 2 * 6,
        "sql-injection": 2 * 6,
    }
    assert corpus.meta.origin == {"licence": "Apache-2.0", "commit": "c0ffee"}
    assert left_out(corpus) == {"request: its rule inspects responses": 1}
    assert len(set(corpus.table.column("payload").to_pylist())) == corpus.meta.rows
