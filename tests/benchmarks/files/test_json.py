"""JSON as lines, as an array, and as an object that holds a list."""

import json
from pathlib import Path
from typing import Any

import pytest
from harness.benchmarks.files.formats import json_rows

from harness import UserError
from tests.benchmarks.files.reading import load, pairs, payloads

ROWS: list[dict[str, Any]] = [
    {"raw": f'GET /{i} HTTP/1.1\r\n"[{{,}}]\\" é', "kind": "ab"[i % 2], "more": {"list": [[1], {"a": []}], "no": None}}
    for i in range(500)
]
PAIRS = [(row["raw"].encode(), row["kind"]) for row in ROWS]


def written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["x.json", "x.jsonl", "x"])
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("block", [20, 70, 2**18])
def test_an_array_is_read_element_by_element(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, indent: int | None, block: int
) -> None:
    monkeypatch.setattr(json_rows, "_BLOCK_BYTES", block)
    rows = ROWS if block > 70 else ROWS[:20]
    path = written(tmp_path / name, "\ufeff" * (block > 70) + json.dumps(rows, indent=indent))
    assert pairs(load(path)) == PAIRS[: len(rows)]


@pytest.mark.parametrize("indent", [None, 1])
def test_an_object_with_a_list_of_rows_is_that_list(tmp_path: Path, indent: int | None) -> None:
    path = written(tmp_path / "x.json", json.dumps({"version": 1, "tags": ["a"], "data": ROWS}, indent=indent))
    assert pairs(load(path)) == PAIRS
    two = {"train": ROWS[:3], "test": ROWS[3:5]}
    with pytest.raises(UserError, match=r"has several lists of objects \(test, train\)"):
        load(written(tmp_path / "y.json", json.dumps(two, indent=indent)))


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("orient", ["columns", "index by list", "split", "records", "table"])
def test_what_pandas_writes_is_read(tmp_path: Path, orient: str, indent: int | None) -> None:
    names = ["raw", "kind"]
    value: Any = {
        "columns": {name: {str(at): row[name] for at, row in enumerate(ROWS)} for name in names},
        "index by list": {name: [row[name] for row in ROWS] for name in names},
        "split": {"columns": names, "index": [0, 1], "data": [[row[name] for name in names] for row in ROWS]},
        "records": ROWS,
        "table": {"schema": {"fields": [{"name": "raw"}]}, "data": ROWS},
    }[orient]
    assert pairs(load(written(tmp_path / "x.json", json.dumps(value, indent=indent)))) == PAIRS


def test_lines_stay_lines(tmp_path: Path) -> None:
    rows = [{"items": [{"raw": "x"}], "raw": "a", "kind": "a"}, {"items": [], "raw": "b", "kind": "b"}]
    path = written(tmp_path / "x.json", "".join(json.dumps(row) + "\n" for row in rows))
    assert payloads(load(path)) == [b"a", b"b"]
    broken = '{"raw":\n' + "".join(json.dumps(row) + "\n" for row in ROWS)
    corpus = load(written(tmp_path / "y.jsonl", broken))
    assert len(corpus) == 500
    assert "1 of 501 rows were left out: line 1: not JSON" in corpus.meta.notes[0]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('[{"raw": "a", "kind": "a"}, {"raw": "b', "ends within its JSON array, after 1 elements"),
        ('[{"raw": "a", "kind": "a"}', "ends within its JSON array, after 0 elements"),
        ('[{"raw": "a", "kind": "a"}, {"raw": "b", "kind": "b"}]\n[]', "goes on after its JSON array"),
        ('[{"raw": "a", "kind": "a"}, 7]', r"element 2: expected a JSON object, not int"),
        ('[{"raw": "a", "kind": "a"}, {"raw": }]', r"element 2: not JSON"),
        ("[]", "has no rows"),
        ('{\n "raw": "a",\n "kind": "a"\n', "is not JSON"),
        ("{\n}\n", "the payload is missing"),
    ],
)
def test_damaged_documents_are_one_sentence(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        load(written(tmp_path / "x.json", text))


def test_long_elements_and_documents_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_rows, "MAX_LINE_BYTES", 2**20)
    monkeypatch.setattr(json_rows, "MAX_DOCUMENT_BYTES", 2**20)
    rows = [{"raw": "a", "kind": "a"}, {"raw": "x" * 2**21, "kind": "b"}]
    with pytest.raises(UserError, match="element 2 is longer than 1 MiB"):
        load(written(tmp_path / "x.json", json.dumps(rows)))
    with pytest.raises(UserError, match="is one JSON object of more than 1 MiB"):
        load(written(tmp_path / "y.json", json.dumps({"data": rows}, indent=1)))
