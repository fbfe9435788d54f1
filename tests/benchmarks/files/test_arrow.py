"""Parquet and Arrow files: text that is not UTF-8, names of classes, parts, and damaged or hostile files."""

import contextlib
import gzip
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather as feather
import pyarrow.parquet as pq
import pytest

from harness import UserError
from tests.benchmarks.files.reading import labels, load, pairs, payloads
from tests.harness.sources.archives import zipped

RAW = [b"GET /%d\xff\xfe" % i if i % 40 == 0 else b"GET /%d" % i for i in range(400)]
KINDS = ["ab"[i % 2] for i in range(400)]


def as_text(values: list[bytes], kind: pa.DataType) -> pa.Array:
    """Text that may not be UTF-8, as ClickHouse writes it."""
    return pa.array(values, pa.large_binary() if kind == pa.large_string() else pa.binary()).view(kind)


def write_arrow(path: Path, table: pa.Table, stream: bool = False, rows: int = 100, **options: Any) -> Path:
    opened = (pa.ipc.new_stream if stream else pa.ipc.new_file)(
        path, table.schema, options=pa.ipc.IpcWriteOptions(**options)
    )
    with opened as writer:
        writer.write_table(table, rows)
    return path


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string()], ids=str)
def test_payloads_of_any_bytes_in_a_text_column_keep_them(tmp_path: Path, kind: pa.DataType) -> None:
    table = pa.table({"raw": as_text(RAW, kind), "kind": KINDS, "day": [None, "2024-01-02"] * 200})
    pq.write_table(table, tmp_path / "x.parquet")
    pq.write_table(table, tmp_path / "y.parquet", use_dictionary=["raw"], store_schema=False)
    files = [tmp_path / "x.parquet", tmp_path / "y.parquet", write_arrow(tmp_path / "x.arrow", table)]
    for path in files:
        corpus = load(path, {"payload": "raw", "label": "kind", "date": "day"})
        assert payloads(corpus) == RAW
        assert labels(corpus) == KINDS


def test_a_label_that_is_not_utf_8_is_a_row_that_cannot_be_used(tmp_path: Path) -> None:
    kinds = [b"a\xff" if i == 7 else b"ab"[i % 2 :][:1] for i in range(400)]
    pq.write_table(pa.table({"raw": RAW, "kind": as_text(kinds, pa.string())}), tmp_path / "x.parquet")
    corpus = load(tmp_path / "x.parquet")
    assert len(corpus) == 399
    assert corpus.meta.notes[0].startswith("1 of 400 rows were left out: row 8: the label 'a")


def class_label(table: pa.Table) -> pa.Table:
    feature = {"names": ["benign", "sqli"], "_type": "ClassLabel"}
    features = {"raw": {"dtype": "string", "_type": "Value"}, "kind": feature}
    return table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})


def test_class_labels_of_hugging_face_have_their_names(tmp_path: Path) -> None:
    table = class_label(pa.table({"raw": ["a", "b", "c", *"d" * 200], "kind": [0, 1, -1, *[1] * 200]}))
    pq.write_table(table, tmp_path / "x.parquet")
    for path in (tmp_path / "x.parquet", write_arrow(tmp_path / "x.arrow", table, stream=True)):
        corpus = load(path)
        assert pairs(corpus)[:3] == [(b"a", "benign"), (b"b", "sqli"), (b"d", "sqli")]
        assert "row 3: the label is missing" in corpus.meta.notes[0]


def test_a_data_set_that_hugging_face_saved_to_disk_is_read(tmp_path: Path) -> None:
    """The folder of `Dataset.save_to_disk`: Arrow streams beside two files of JSON."""
    table = class_label(pa.table({"raw": ["a", "b", "c", "d"], "kind": [0, 1, 1, 0]}))
    folder = tmp_path / "saved"
    folder.mkdir()
    write_arrow(folder / "data-00000-of-00002.arrow", table.slice(0, 3), stream=True)
    write_arrow(folder / "data-00001-of-00002.arrow", table.slice(3), stream=True)
    (folder / "dataset_info.json").write_text('{"features": {}}')
    (folder / "state.json").write_text('{"_data_files": []}')
    corpus = load(folder)
    assert pairs(corpus) == [(b"a", "benign"), (b"b", "sqli"), (b"c", "sqli"), (b"d", "benign")]
    assert "2 files were read as one table: data-00000-of-00002.arrow" in corpus.meta.notes[0]
    assert corpus.meta.left_out[0][:2] == ("a file that is not data", 2)


def test_parts_in_folders_of_partitions_have_their_columns(tmp_path: Path) -> None:
    for kind in ("sqli", "cross site"):
        for part in range(2):
            folder = tmp_path / "rows" / "year=2024" / f"kind={kind.replace(' ', '%20')}"
            folder.mkdir(parents=True, exist_ok=True)
            pq.write_table(pa.table({"raw": [f"{kind} {part} {i}" for i in range(3)]}), folder / f"part-{part}.parquet")
    (tmp_path / "rows" / "_SUCCESS").touch()
    (tmp_path / "rows" / "README.md").write_text("about it")
    corpus = load(tmp_path / "rows")
    assert sorted(set(pairs(corpus))) == sorted(
        (f"{kind} {part} {i}".encode(), kind) for kind in ("sqli", "cross site") for part in range(2) for i in range(3)
    )
    assert len(load(tmp_path / "rows", where={"file": ("part-0",)})) == 6
    with pytest.raises(UserError, match=r"part-0\.parquet has no column kin"):
        load(tmp_path / "rows", {"payload": "raw", "label": "kin"})


def odd(raw: list[str | None]) -> pa.Table:
    return pa.table(
        {
            "raw": pa.array(raw * 50, pa.string_view()),
            "kind": pa.array(["a", "b"] * 25 * len(raw)).dictionary_encode(),
            "tags": pa.array([["CWE-89"], None, [], ["CWE-79"]] * 50).slice(0, 50 * len(raw)),
            "day": pa.array([1] * 50 * len(raw), pa.date32()),
            "map": pa.array([[("a", 1)]] * 50 * len(raw), pa.map_(pa.string(), pa.int32())),
        }
    )


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("compression", [None, "lz4", "zstd"])
def test_arrow_files_and_streams_of_every_kind(tmp_path: Path, stream: bool, compression: str | None) -> None:
    path = write_arrow(tmp_path / "x", odd(["a", None, "", "x" * 1000]), stream, compression=compression)
    mapping = {"payload": "raw", "label": "kind", "date": "day", "technique": "tags"}
    with pytest.raises(UserError, match="100 of 200 rows cannot be used"):
        load(path, mapping)
    packed = tmp_path / "y.arrow.gz"
    packed.write_bytes(gzip.compress(write_arrow(tmp_path / "z", odd(["a", "x" * 1000]), stream).read_bytes()))
    corpus = load(packed, mapping)
    assert payloads(corpus) == [b"a", b"x" * 1000] * 50
    assert labels(corpus) == ["a", "b"] * 50
    with pytest.raises(UserError, match=r"column map has the type map<.*, which is not read"):
        load(path, {"payload": "map", "label": "kind"})


def test_feather_files_are_arrow_files(tmp_path: Path) -> None:
    feather.write_feather(pa.table({"raw": ["a", "b"], "kind": ["a", "b"]}), tmp_path / "x.feather")
    assert payloads(load(tmp_path / "x.feather")) == [b"a", b"b"]
    (tmp_path / "y.feather").write_bytes(b"FEA1" + bytes(100) + b"FEA1")
    with pytest.raises(UserError, match="is a Feather file of version 1; write it as Parquet"):
        load(tmp_path / "y.feather")


def test_an_arrow_file_cut_anywhere_or_changed_is_one_sentence(tmp_path: Path) -> None:
    table = pa.table({"raw": [f"GET /{i}" for i in range(60)], "kind": pa.array(["a", "b"] * 30).dictionary_encode()})
    whole = write_arrow(tmp_path / "x", table, rows=20, compression="lz4").read_bytes()
    path = tmp_path / "y.arrow"
    for length in range(20, len(whole) - 600, 97):
        path.write_bytes(whole[:length])
        with pytest.raises(UserError):
            load(path)
    for at in range(8, len(whole), 11):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0x55]) + whole[at + 1 :])
        with contextlib.suppress(UserError):  # some bytes are values, which may be any
            load(path)


def test_a_parquet_file_in_an_archive_is_named(tmp_path: Path) -> None:
    pq.write_table(pa.table({"raw": ["a"], "kind": ["a"]}), tmp_path / "x.parquet")
    root = zipped(tmp_path / "x.zip", {"x.parquet": (tmp_path / "x.parquet").read_bytes()})
    with pytest.raises(UserError, match=r"x\.parquet is a Parquet file in an archive.*unpack it first"):
        load(root)
