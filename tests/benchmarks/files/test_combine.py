"""Requests in columns, and labels in one column per class."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest

from harness import UserError
from tests.benchmarks.files.reading import labels, load, pairs, payloads


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    if path.suffix == ".csv":
        with path.open("w", encoding="utf-8", newline="") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


PARTS = {"method": "verb", "url": "uri", "headers": "head", "body": "data", "label": "kind"}


@pytest.mark.parametrize("name", ["x.csv", "x.jsonl"])
def test_a_request_in_columns_is_put_together(tmp_path: Path, name: str) -> None:
    rows = [
        {"verb": "POST", "uri": "/a?b", "head": "Host: a.example\nX-A:  b", "data": "é=1", "kind": "a"},
        {"verb": "", "uri": "http://u@b.example:80?q#f", "head": "", "data": "", "kind": "b"},
        {"verb": "PUT", "uri": "/ HTTP/1.0", "head": '{"Host": "a", "Content-Length": "0"}', "data": "x", "kind": "b"},
    ]
    assert pairs(load(written(tmp_path / name, rows), PARTS)) == [
        ("POST /a?b HTTP/1.1\r\nHost: a.example\r\nX-A: b\r\nContent-Length: 4\r\n\r\né=1".encode(), "a"),
        (b"GET /?q HTTP/1.1\r\nHost: b.example:80\r\n\r\n", "b"),
        (b"PUT / HTTP/1.0\r\nHost: a\r\nContent-Length: 0\r\n\r\nx", "b"),
    ]


@pytest.mark.parametrize(
    "headers",
    [
        {"A": "1", "B": ["2", "3"]},
        [["A", 1], ["B", "2"], ["B", "3"]],
        ["A: 1", "B: 2", "B: 3"],
        "A: 1\r\nB: 2\r\nB: 3\r\n",
    ],
    ids=["object", "pairs", "lines", "text"],
)
def test_headers_of_json_may_have_any_common_form(tmp_path: Path, headers: Any) -> None:
    rows = [{"uri": f"/{kind}", "head": headers, "kind": kind} for kind in "ab"]
    corpus = load(written(tmp_path / "x.jsonl", rows), {"url": "uri", "headers": "head", "label": "kind"})
    assert payloads(corpus)[0] == b"GET /a HTTP/1.1\r\nA: 1\r\nB: 2\r\nB: 3\r\n\r\n"


def test_headers_in_columns_of_their_own(tmp_path: Path) -> None:
    """As in the table of CSIC 2010, whose URL ends with the version and whose length has the name in the cell."""
    rows = [
        {"Method": "POST", "URL": "http://localhost:8080/a HTTP/1.1", "User-Agent": "b", "host": "localhost:8080",
         "lenght": "Content-Length: 3", "cookie": "", "content": "c=1", "class": kind}
        for kind in "ab"
    ]  # fmt: skip
    mapping = {"method": "Method", "url": "URL", "header.User-Agent": "User-Agent", "header.Host": "host"}
    mapping |= {"header.Cookie": "cookie", "header.Content-Length": "lenght", "body": "content", "label": "class"}
    corpus = load(written(tmp_path / "x.csv", rows), mapping)
    request = b"POST /a HTTP/1.1\r\nUser-Agent: b\r\nHost: localhost:8080\r\nContent-Length: 3\r\n\r\nc=1"
    assert pairs(corpus) == [(request, "a"), (request, "b")]


def test_a_row_without_a_url_cannot_be_used(tmp_path: Path) -> None:
    rows = [{"uri": "" if i == 5 else f"/{i}", "kind": "ab"[i % 2]} for i in range(200)]
    corpus = load(written(tmp_path / "x.csv", rows), {"url": "uri", "label": "kind"})
    assert corpus.meta.notes[0].startswith("1 of 200 rows were left out: line 7: the url is missing")


@pytest.mark.parametrize("yes", [1, 1.0, True, "1", "True", "yes"])
@pytest.mark.parametrize("no", [0, 0.0, False, None, "0"])
def test_a_label_in_one_column_per_class(tmp_path: Path, yes: Any, no: Any) -> None:
    classes = ["sqli", "xss", "path traversal"]
    rows = [
        {"raw": f"{i}", **{name: yes if i % 3 == at else no for at, name in enumerate(classes)}} for i in range(300)
    ]
    path = written(tmp_path / "x.jsonl", rows)
    assert labels(load(path, {"payload": "raw", "label": "@one-hot:sqli|xss|path traversal"})) == classes * 100
    corpus = load(path, {"payload": "raw", "label.taxonomy": "@one-hot:sqli|xss|path traversal"})
    assert labels(corpus)[:3] == ["sql-injection", "cross-site-scripting", "path-traversal"]


def test_rows_of_several_classes_or_none_cannot_be_used(tmp_path: Path) -> None:
    rows = [{"raw": f"{i}", "a": i % 2, "b": 1 - i % 2} for i in range(400)]
    rows[10] |= {"a": 1, "b": 1}
    rows[20] |= {"a": 0, "b": 0}
    rows[30] |= {"a": 0.3}
    corpus = load(written(tmp_path / "x.csv", rows), {"payload": "raw", "label": "@one-hot:a|b"})
    assert len(corpus) == 397
    for part in (
        "line 12: it has several classes (a, b)",
        "line 22: it has none of the classes a, b",
        "line 32: a is '0.3'",
    ):
        assert part in corpus.meta.notes[0]


@pytest.mark.parametrize(
    ("mapping", "complaint"),
    [
        ({"payload": "raw", "url": "uri", "label": "kind"}, "payload and url both give the payload"),
        ({"method": "verb", "body": "data", "label": "kind"}, "method, body are parts of a request, which also needs"),
        ({"url": "uri", "headers": "heads", "label": "kind"}, "has no column heads"),
        ({"payload": "uri", "label": "@one-hot:kind"}, "name the columns of at least two classes"),
        ({"payload": "uri", "label": "@one-hot:kind|other"}, "has no column other"),
    ],
)
def test_mappings_that_make_no_sense_are_one_sentence(tmp_path: Path, mapping: dict[str, str], complaint: str) -> None:
    path = written(tmp_path / "x.csv", [{"raw": "a", "uri": "/", "verb": "GET", "data": "", "kind": "1", "head": ""}])
    with pytest.raises(UserError, match=complaint):
        load(path, mapping)


def test_a_column_may_begin_with_an_at_sign(tmp_path: Path) -> None:
    rows = [{"raw": kind, "kind": kind, "@timestamp": "2024-01-02"} for kind in "ab"]
    corpus = load(written(tmp_path / "x.jsonl", rows), {"payload": "raw", "label": "kind", "date": "@timestamp"})
    assert corpus.has("date")
