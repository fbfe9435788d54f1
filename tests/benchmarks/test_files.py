"""The user's own files: every format gives the same bytes, and errors are one sentence."""

import base64
import csv
import gzip
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from harness.benchmarks.files import field_types, readers
from harness.benchmarks.files.formats import json_rows, text_table

from harness import BenchmarkRef, Corpus, GenericBenchmark, UserError, registry
from harness.sources import SourceTally
from tests.conftest import Shell
from tests.harness.sources.archives import folder, tar, zipped

AWKWARD = [
    b"GET /\x00 HTTP/1.1\r\nHost: a\n\r\n",
    b"GET /\xff\xfe?q=\xc3\xbc HTTP/1.1\n\r\r\n",
    b'POST / HTTP/1.1\r\n\r\na="b",c;\td',
    b"\r\n\r\n",
    "GET /ü HTTP/1.1\n".encode(),
]
MAP = {"payload": "raw", "label": "kind"}


def load(path: Path, mapping: dict[str, str] | None = None, **options: Any) -> Corpus:
    registry.discover()
    benchmark = registry.open_benchmark(
        BenchmarkRef("files", str(path), MAP if mapping is None else mapping, **options)
    )
    assert isinstance(benchmark, GenericBenchmark)
    return benchmark.load()


def payloads(corpus: Corpus) -> list[bytes]:
    return list(corpus.payloads(np.arange(len(corpus))))


def write_csv(path: Path, rows: Sequence[Sequence[bytes]], separator: str = ",") -> Path:
    with path.open("w", encoding="latin-1", newline="") as stream:
        writer = csv.writer(stream, delimiter=separator)
        writer.writerows([[cell.decode("latin-1") for cell in row] for row in rows])
    return path


def write_lines(path: Path, rows: Sequence[object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def test_every_format_keeps_every_byte(tmp_path: Path) -> None:
    kinds = [b"ab"[i % 2 : i % 2 + 1] for i in range(len(AWKWARD))]
    cells = [(b"raw", b"kind"), *zip(AWKWARD, kinds, strict=True)]
    comma = write_csv(tmp_path / "x.csv", cells)
    tabs = write_csv(tmp_path / "x.tsv", cells, "\t")
    packed = tmp_path / "y.csv.gz"
    packed.write_bytes(gzip.compress(b"\xef\xbb\xbf" + comma.read_bytes()))
    columns = {"raw": pa.array(AWKWARD, pa.binary()), "kind": [kind.decode() for kind in kinds]}
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    for path in (comma, tabs, packed, tmp_path / "x.parquet"):
        assert payloads(load(path)) == AWKWARD, path
    coded = [
        {"b": base64.b64encode(payload).decode(), "h": payload.hex(), "kind": kind.decode()}
        for payload, kind in zip(AWKWARD, kinds, strict=True)
    ]
    lines = write_lines(tmp_path / "x.jsonl", coded)
    assert payloads(load(lines, {"payload.base64": "b", "label": "kind"})) == AWKWARD
    assert payloads(load(lines, {"payload.hex": "h", "label": "kind"})) == AWKWARD


def test_folders_and_archives_of_requests_need_no_mapping(tmp_path: Path) -> None:
    files = {"sqli/1.txt": AWKWARD[0], "sqli/2.txt": AWKWARD[1], "deep/xss/3.bin": AWKWARD[2], "xss/.hidden": b"x"}
    roots = (
        folder(tmp_path / "requests", files),
        tar(tmp_path / "r.tar.gz", {f"top/{name}": data for name, data in files.items()}),
        zipped(tmp_path / "r.zip", files),
    )
    for root in roots:
        corpus = load(root, {})
        rows = {row["sample"].rpartition("/")[2]: (row["payload"], row["label"]) for row in corpus.table.to_pylist()}
        assert rows == {"1.txt": (AWKWARD[0], "sqli"), "2.txt": (AWKWARD[1], "sqli"), "3.bin": (AWKWARD[2], "xss")}
    corpus = load(roots[0], {"label.taxonomy": "folder"})
    assert corpus.classes == ("cross-site-scripting", "sql-injection")


def test_labels_map_to_threat_classes(tmp_path: Path) -> None:
    labels = ["CWE-89", "SQL Injection", ["CWE-707", "CWE-79"], "xss", "path_traversal", "homemade", "CWE-89 CWE-79"]
    path = write_lines(tmp_path / "x.jsonl", [{"raw": str(i), "kind": kind} for i, kind in enumerate(labels)])
    corpus = load(path, {"payload": "raw", "label.taxonomy": "kind"})
    assert corpus.table.column("label").to_pylist() == [
        "sql-injection",
        "sql-injection",
        "cross-site-scripting",
        "cross-site-scripting",
        "path-traversal",
        "homemade",
        "CWE-89 CWE-79",
    ]


def test_texts_without_payloads_are_a_corpus_of_texts(tmp_path: Path) -> None:
    rows = [{"t": "One.", "k": "sqli", "c": "CVE-2020-0001", "d": 2020}, {"t": "Two.", "k": None, "c": None, "d": None}]
    path = write_lines(tmp_path / "x.jsonl", rows)
    corpus = load(path, {"description": "t", "cve": "c", "date": "d"})
    assert corpus.descriptions.select(["text", "cve"]).to_pylist() == [
        {"text": "One.", "cve": "CVE-2020-0001"},
        {"text": "Two.", "cve": None},
    ]
    assert len(corpus) == 0


def test_one_row_in_a_hundred_may_be_broken_and_is_named(tmp_path: Path, shell: Shell) -> None:
    rows: list[object] = [{"raw": f"GET /{i}", "kind": "ab"[i % 2]} for i in range(198)]
    rows[50] = {"raw": "", "kind": "a"}
    path = write_lines(tmp_path / "x.jsonl", rows)
    path.write_text(path.read_text() + '{"raw":\n', encoding="utf-8")
    with pytest.raises(UserError, match=r"2 of 199 rows cannot be used \(line 51: the payload is missing"):
        load(path)
    path.write_text(path.read_text() + '{"raw": "last", "kind": "b"}\n', encoding="utf-8")
    corpus = load(path)
    assert len(corpus) == 198
    assert corpus.meta.notes[0].startswith("2 of 200 rows were left out: line 51: the payload is missing")
    assert "line 199: not JSON" in corpus.meta.notes[0]
    arguments = ("data", "build", "files", "--from", path, "--map", "payload=raw,label=kind")
    process = shell(*arguments)
    assert process.returncode == 0, process.stderr
    assert "2 of 200 rows were left out: line 51" in process.stdout
    process = shell(*arguments, "--strict")
    assert process.returncode == 2
    assert "--strict allows none" in process.stderr


BAD = {
    "empty.csv": b"",
    "header.csv": b"raw,kind\n",
    "cells.csv": b"raw,kind\na,b,c\nx,y\n",
    "quote.csv": b'raw,kind\na,"b"c\n',
    "coded.jsonl": b'{"raw": "YQ=", "kind": "a"}\n',
    "odd.jsonl": b'{"raw": "abc", "kind": "a"}\n',
    "deep.jsonl": b'{"raw": ' + b"[" * 100_000 + b"\n",
    "latin.csv": b"raw,kind\na,\xe9\n",
    "dates.jsonl": b'{"raw": "a", "kind": "a", "day": "2024-02-30"}\n',
    "twice.jsonl": b'{"raw": "a", "kind": "a", "day": "7"}\n{"raw": "b", "kind": "b", "day": "7"}\n',
    "one.jsonl": b'{"raw": "a", "kind": "a"}\n',
    "none.jsonl": b'{"raw": "a", "kind": null}\n',
    "cut.jsonl.gz": gzip.compress(b'{"raw": "a", "kind": "a"}\n' * 99)[:-12],
}


@pytest.mark.parametrize(
    ("name", "mapping", "complaint"),
    [
        ("empty.csv", {}, "is empty"),
        ("header.csv", {}, "has no rows"),
        ("cells.csv", {}, "line 2: 3 cells, but the header has 2"),
        ("quote.csv", {}, "line 2: not CSV"),
        ("coded.jsonl", {"payload.base64": "raw", "label": "kind"}, "the payload is not base64"),
        ("odd.jsonl", {"payload.hex": "raw", "label": "kind"}, "the payload is not hexadecimal"),
        ("deep.jsonl", {}, "line 1: not JSON"),
        ("latin.csv", {}, "is not UTF-8"),
        ("dates.jsonl", {**MAP, "date": "day"}, "the date '2024-02-30' is neither a year nor ISO 8601"),
        ("twice.jsonl", {**MAP, "id": "day"}, "sample ids must be unique, but '7' occurs more than once"),
        ("one.jsonl", {}, "at least two classes are needed; it has 1 ("),
        ("none.jsonl", {}, "the label is missing"),
        ("cut.jsonl.gz", {}, "cannot be read"),
        ("one.jsonl", {**MAP, "payload.hex": "raw"}, "payload and payload.hex set the same column"),
        ("one.jsonl", {"description": "raw"}, "map label or cve too"),
        ("one.jsonl", {**MAP, "vendor": "vendr"}, "has no column vendr"),
    ],
)
def test_bad_files_are_one_sentence(
    tmp_path: Path, shell: Shell, name: str, mapping: dict[str, str], complaint: str
) -> None:
    path = tmp_path / name
    path.write_bytes(BAD[name])
    pairs = ",".join(f"{field}={column}" for field, column in (mapping or MAP).items())
    process = shell("data", "info", f"files:{path}", "--map", pairs)
    assert process.returncode == 2, process.stdout + process.stderr
    assert complaint in process.stderr
    assert "Traceback" not in process.stderr
    assert len(process.stderr.strip().splitlines()) == 1


def test_info_counts_each_description_once_per_class(tmp_path: Path, shell: Shell) -> None:
    rows = [
        {"raw": f"GET /{i}", "kind": kind, "t": text} for i, (kind, text) in enumerate(zip("aaab", "xxyz", strict=True))
    ]
    path = write_lines(tmp_path / "x.jsonl", rows)
    process = shell("data", "info", f"files:{path}", "--map", "payload=raw,label=kind,description=t")
    counts = {cells[0]: cells[1:3] for line in process.stdout.splitlines() if len(cells := line.split()) == 4}
    assert counts == {"class": ["payloads", "descriptions"], "a": ["3", "2"], "b": ["1", "1"]}


def test_folders_that_cannot_be_used_are_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no rows"):
        load(folder(tmp_path / "empty", {"a/.x": b"1"}), {})
    with pytest.raises(UserError, match=r"rows cannot be used \(1\.txt: the label is missing"):
        load(folder(tmp_path / "flat", {"1.txt": b"1"}), {})
    with pytest.raises(UserError, match="points outside of the archive"):
        load(zipped(tmp_path / "x.zip", {"../a/1.txt": b"1"}), {})


def test_a_huge_payload_is_refused_and_never_held(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(field_types, "MAX_PAYLOAD_BYTES", 2**20)
    monkeypatch.setattr(json_rows, "MAX_LINE_BYTES", 2**22)
    path = tmp_path / "x.jsonl"
    for length, complaint in ((2**21, "the payload has 2 MiB; the limit is 1 MiB"), (2**23, "longer than 4 MiB")):
        write_lines(path, [{"raw": "a", "kind": "a"}, {"raw": "x" * length, "kind": "b"}])
        with pytest.raises(UserError, match=f"line 2: .*{complaint}"):
            load(path)


def test_a_huge_row_of_a_csv_file_is_left_out_and_the_others_are_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_table, "MAX_LINE_BYTES", 5000)
    monkeypatch.setattr(text_table, "_MAX_CELLS", 1000)
    path = tmp_path / "x.csv"
    for row, complaint in (
        (b"x" * 6000, "longer than"),
        (b'"' + b"x\n" * 3000 + b'",a', "longer than"),
        (b"," * 3000, "1000 cells"),
    ):
        path.write_bytes(b"raw,kind\n" + row + b"\n" + b"GET /,a\nPOST /,b\n")
        with pytest.raises(UserError, match=complaint):
            load(path)
        if row.startswith(b'"'):
            continue  # where a quoted cell is cut, the reader cannot know which later quote closes it
        found = [row.values for row in readers.rows(path, ("raw", "kind"), SourceTally())]
        assert found[-1] == {"raw": b"POST /", "kind": b"b"}


@pytest.mark.slow
def test_a_payload_of_half_a_gigabyte_takes_little_memory(tmp_path: Path, shell: Shell) -> None:
    path = tmp_path / "x.jsonl"
    with path.open("wb") as stream:
        stream.write(b'{"kind": "a", "raw": "a"}\n{"kind": "b", "raw": "')
        for _ in range(500):
            stream.write(b"x" * 10**6)
        stream.write(b'"}\n')
    # The peak of getrusage is that of the process before exec too, which is a copy of this one.
    code = "from harness.cli import main; from harness.execution.budget import peak_megabytes\n"
    code += "try: main()\nfinally: print(peak_megabytes())"
    process = subprocess.run(
        [sys.executable, "-c", code, "data", "info", f"files:{path}", "--map", "payload=raw,label=kind"],
        capture_output=True,
        text=True,
        env=shell.environment,
    )
    assert "line 2: it is longer than 128 MiB" in process.stderr
    assert float(process.stdout.split()[-1]) < 700
