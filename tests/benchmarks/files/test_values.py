"""Values of the user's files: missing ones, lists, numbers, dates and filters mean the same in every format."""

import csv
import datetime
import json
import math
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import harness
from harness import BenchmarkRef, Corpus, GenericBenchmark, UserError, registry
from harness.api.benchmarks import DataOptions, open_benchmark
from harness.cli import options
from harness.sources import export
from tests.conftest import Shell

MAP = {"payload": "raw", "label": "kind"}


def load(path: Path, mapping: Mapping[str, str] = MAP, **options: Any) -> Corpus:
    registry.discover()
    benchmark = registry.open_benchmark(BenchmarkRef("files", str(path), mapping, **options))
    assert isinstance(benchmark, GenericBenchmark)
    return benchmark.load()


def write(path: Path, rows: Sequence[Mapping[str, object]]) -> Path:
    """Writes rows in the format that the file's name says; a missing value is empty in CSV."""
    if path.suffix == ".csv":
        with path.open("w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    elif path.suffix == ".parquet":
        pq.write_table(pa.Table.from_pylist([dict(row) for row in rows]), path)
    else:
        path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def rows(count: int = 6, **columns: Sequence[object]) -> list[dict[str, object]]:
    return [
        {"raw": f"GET /{row}", "kind": "ab"[row % 2], **{name: items[row] for name, items in columns.items()}}
        for row in range(count)
    ]


FORMATS = pytest.mark.parametrize("name", ["x.jsonl", "x.csv", "x.parquet"])


@FORMATS
def test_a_missing_cve_links_nothing(tmp_path: Path, name: str) -> None:
    cves = ["CVE-2020-1000", "cve-2020-1000", "N/A", " ", "NaN", None]
    corpus = load(write(tmp_path / name, rows(cve=cves)), {**MAP, "cve": "cve", "group": "cve"})
    for column in ("cve", "group.cve"):
        assert corpus.table.column(column).to_pylist() == ["CVE-2020-1000", "CVE-2020-1000", None, None, None, None]


@pytest.mark.parametrize("name", ["x.jsonl", "x.parquet"])
def test_a_list_of_cves_names_several(tmp_path: Path, name: str) -> None:
    cves = [["cve-2020-1000", "CVE-2019-1000"], ["CVE-2020-1000"], [], None, ["n/a"], ["CVE-2019-1000", None]]
    corpus = load(write(tmp_path / name, rows(cve=cves)), {**MAP, "cve": "cve"})
    found = corpus.table.column("cve").to_pylist()
    assert found == ["CVE-2019-1000 CVE-2020-1000", "CVE-2020-1000", None, None, None, "CVE-2019-1000"]
    units = harness.splits.link(corpus, ["cve"])[0].tolist()
    assert units[0] == units[1] == units[5]
    assert len(set(units)) == 4


@FORMATS
def test_not_a_number_is_missing(tmp_path: Path, name: str) -> None:
    items = rows(cve=[math.nan, 1.0, 2.0, math.nan, 1.0, math.nan])
    corpus = load(write(tmp_path / name, items), {**MAP, "group": "cve"})
    found = corpus.table.column("group.cve").to_pylist()
    assert found in ([None, "1", "2", None, "1", None], [None, "1.0", "2.0", None, "1.0", None])
    with pytest.raises(UserError, match=r"3 of 6 rows cannot be used .*the label is missing"):
        load(tmp_path / name, {"payload": "raw", "label": "cve"})


@FORMATS
def test_none_is_a_class_and_null_is_none(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, rows(label=["none", "none ", "sqli", "n/a", "sqli", "n/a"]))
    assert load(path, {"payload": "raw", "label": "label"}).classes == ("n/a", "none", "sqli")
    path = write(tmp_path / name, rows(label=["none", "null", "sqli", "", "sqli", "x"]))
    with pytest.raises(UserError, match="2 of 6 rows cannot be used"):
        load(path, {"payload": "raw", "label": "label"})


def test_payloads_are_never_missing_by_their_text(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", [{"raw": text, "kind": kind} for text, kind in (("null", "a"), ("NaN", "b"))])
    assert load(path).table.column("payload").to_pylist() == [b"null", b"NaN"]
    path = write(tmp_path / "y.jsonl", [{"raw": "null", "kind": "a"}, {"raw": "nan=", "kind": "b"}])
    assert load(path, {"payload.base64": "raw", "label": "kind"}).table.column("payload").to_pylist()[0] == b"\x9e\xe9e"


@pytest.mark.parametrize("name", ["x.jsonl", "x.parquet"])
def test_a_list_of_one_label_is_that_label_and_of_several_is_refused(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, rows(labels=[["a"], ["b"]] * 3))
    assert load(path, {"payload": "raw", "label": "labels"}).classes == ("a", "b")
    path = write(tmp_path / name, rows(labels=[["a"], ["b"], ["a", "b"], [], None, ["a"]]))
    with pytest.raises(UserError, match=r"3 of 6 rows cannot be used \(.* 3: the label is a list of 2 values") as info:
        load(path, {"payload": "raw", "label": "labels"})
    assert str(info.value).count("the label is missing") == 2


def test_lists_that_pandas_writes_into_a_csv_file_are_lists(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", rows(labels=["['a']", '["b"]', "[x]", "['a']", "['b']", "a"]))
    assert load(path, {"payload": "raw", "label": "labels"}).classes == ("[x]", "a", "b")
    path = write(tmp_path / "x.csv", rows(labels=["['a', 'b']", "b", "a", "[]", "b", "a"]))
    with pytest.raises(UserError, match=r"2 of 6 rows .*the label is a list of 2 values.*the label is missing"):
        load(path, {"payload": "raw", "label": "labels"})


def test_objects_are_no_labels_and_no_units(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", rows(what=[{"name": "a"}, {"name": "b"}] * 3))
    for mapping, field in (({"payload": "raw", "label": "what"}, "label"), ({**MAP, "cve": "what"}, "CVE")):
        with pytest.raises(UserError, match=f"the {field} is an object with keys; a text or a number is needed"):
            load(path, mapping)


def test_a_list_of_cwes_names_one_class(tmp_path: Path) -> None:
    mapping = {"payload": "raw", "label.taxonomy": "cwes"}
    path = write(tmp_path / "x.jsonl", rows(cwes=[["CWE-79", "CWE-707"], ["CWE-89"], ["xss", "XSS"]] * 2))
    assert load(path, mapping).meta.classes == {"cross-site-scripting": 4, "sql-injection": 2}
    path = write(tmp_path / "x.jsonl", rows(cwes=[["CWE-79", "CWE-89"], ["xss", "odd"], "xss", "sqli", "xss", "sqli"]))
    with pytest.raises(UserError, match=r"2 of 6 rows .*a list of 2 values that do not name one class of the taxonomy"):
        load(path, mapping)


def test_labels_of_one_number_are_one_class_and_similar_ones_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", rows(label=[1, 1.0, " SQLi", "sqli", "sql i", "-1"]))
    corpus = load(path, {"payload": "raw", "label": "label"})
    assert corpus.meta.classes == {"-1": 1, "1": 2, "SQLi": 1, "sql i": 1, "sqli": 1}
    assert [note for note in corpus.meta.notes if "separate classes: 'SQLi', 'sql i', 'sqli'" in note]
    corpus = load(write(tmp_path / "x.csv", rows(label=["1", "1.0", "0", "-1", "0", "-1"])), {**MAP, "label": "label"})
    assert [note for note in corpus.meta.notes if note.endswith("separate classes: '1', '1.0'")]


def test_labels_that_the_taxonomy_does_not_recognise_are_named(tmp_path: Path) -> None:
    path = write(
        tmp_path / "x.jsonl", rows(label=["SqlInjection", "Cross-Site Scripting (XSS)", "Valid", "odd"] * 2)[:6]
    )
    corpus = load(path, {"payload": "raw", "label.taxonomy": "label"})
    assert corpus.classes == ("Valid", "cross-site-scripting", "odd", "sql-injection")
    assert corpus.meta.notes == (
        "label.taxonomy does not recognise these labels, which stay classes of their own: 'odd'",
    )


@pytest.mark.parametrize("name", ["x.jsonl", "x.csv"])
def test_seconds_since_1970_are_no_dates(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, rows(day=[1701010100 + row for row in range(6)]))
    with pytest.raises(UserError, match=r"'1701010100' is neither a year nor ISO 8601; convert Unix times to dates"):
        load(path, {**MAP, "date": "day"})


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "UTC"])
def test_times_of_parquet_are_dates_in_every_unit(tmp_path: Path, unit: str, zone: str | None) -> None:
    factor = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[unit]
    times = [1_700_000_000 * factor + factor - 1, None, 1_500_000_000 * factor + 1]
    columns = {"raw": ["a", "b", "c"], "kind": ["x", "y", "x"], "day": pa.array(times, pa.timestamp(unit, zone))}
    pq.write_table(pa.table(columns), tmp_path / "x.parquet")
    found = load(tmp_path / "x.parquet", {**MAP, "date": "day"}).table.column("date").to_pylist()
    assert found == [datetime.date(2023, 11, 14), None, datetime.date(2017, 7, 14)]


@FORMATS
def test_a_question_mark_selects_rows_with_a_value(tmp_path: Path, name: str) -> None:
    path = write(tmp_path / name, rows(cve=["CVE-2020-1", "N/A", None, "x", "", "?"]))
    corpus = load(path, where={"cve": ("?",)})
    assert corpus.table.column("sample").to_pylist() == ["0", "3"]
    assert load(path, where={"cve": ("CVE-2020-1", "\\?")}).table.column("sample").to_pylist() == ["0", "5"]


def test_a_whole_number_is_selected_by_its_integer(tmp_path: Path) -> None:
    path = write(tmp_path / "x.parquet", rows(split=[1.0, 1.0, 2.0, None, 2.5, None]))
    for text in ("1", "1.0"):
        assert load(path, where={"split": (text,)}).table.column("sample").to_pylist() == ["0", "1"]


def test_names_of_columns_may_contain_separators(tmp_path: Path) -> None:
    names = {"a,b=c": ["u", "v"] * 3, "d+e": ["w", "w", "x"] * 2, "f|g": ["1", "2", "3"] * 2}
    path = write(tmp_path / "x.csv", rows(**names))
    mapping = options.mapping([r"payload=raw,label=a\,b=c,group=d\+e+a\,b=c"])
    corpus = load(path, mapping, where=options.where([r"f|g=1|2"]))
    assert corpus.meta.groups == ("a,b=c", "d+e")
    assert len(corpus) == 4
    export(corpus, tmp_path / "out.parquet")  # its metadata name the columns again
    assert load(tmp_path / "out.parquet", {}).meta.groups == ("a,b=c", "d+e")


def test_a_missing_description_is_no_text(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", rows(text=["A flaw.", "N/A", None, "nan", "A flaw.", " "]))
    corpus = load(path, {**MAP, "description": "text"})
    assert corpus.meta.descriptions == 1
    texts = [{"t": "One.", "c": "cve-2020-1000"}, {"t": "Two.", "c": "n/a"}]
    corpus = load(write(tmp_path / "y.jsonl", texts), {"description": "t", "cve": "c"})
    assert corpus.descriptions.column("cve").to_pylist() == ["CVE-2020-1000", None]
    assert corpus.descriptions.column("description_id").to_pylist()[0] == "CVE-2020-1000"


def test_columns_in_memory_have_the_same_missing_values(cache: Path) -> None:
    columns = {
        "payload": ["a", "b", "c"],
        "label": ["x", "y", "x"],
        "cve": ["cve-2020-1000", math.nan, "None"],
        "date": ["2020-01-02", 2021, math.nan],
    }
    table = open_benchmark(columns, DataOptions()).corpus().table
    assert table.column("cve").to_pylist() == ["CVE-2020-1000", None, None]
    assert table.column("date").to_pylist() == [datetime.date(2020, 1, 2), datetime.date(2021, 1, 1), None]
    with pytest.raises(UserError, match="1 rows have no label"):
        open_benchmark({**columns, "label": ["x", "y", math.nan]}, DataOptions())


def test_a_tilde_behind_a_colon_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    path = write(tmp_path / "x.jsonl", rows())
    for name in ("files:~/x.jsonl", "~/x.jsonl", Path("~/x.jsonl")):
        assert open_benchmark(name, DataOptions(mapping=MAP)).ref.argument == str(path)
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    from harness.api.methods import choose_methods

    infos, _ = choose_methods("exec:~/program", {}, None)
    assert infos[0].name == f"exec:{program}"


def test_the_audit_finds_no_leak_that_spellings_would_make(tmp_path: Path, shell: Shell) -> None:
    spelled = ("CVE-2021-{}", "cve-2021-{}", " CVE_2021_{}")
    items = [
        {"raw": f"GET /{kind}/{number}/{copy}", "kind": kind, "cve": spelled[copy].format(1000 + number)}
        for number in range(24)
        for copy in range(3)
        for kind in ("ab"[number % 2],)
    ]
    path = write(tmp_path / "x.jsonl", items)
    done: subprocess.CompletedProcess[str] = shell(
        "data", "info", f"files:{path}", "--map", "payload=raw,label=kind,cve=cve"
    )
    assert done.returncode == 0, done.stderr
    assert [
        line.split()[-2] for line in done.stdout.splitlines() if line.split()[:2] in (["a", "36"], ["b", "36"])
    ] == [
        "12",
        "12",
    ]
    corpus = load(path, {**MAP, "cve": "cve"})
    assert len(set(harness.splits.link(corpus, ["cve"])[0].tolist())) == 24
