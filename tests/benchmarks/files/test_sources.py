"""Tables in archives and folders, and files that are met and not read."""

import gzip
import io
import pickle
import sqlite3
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.orc as orc
import pytest

from harness import UserError
from tests.benchmarks.files.reading import load, pairs
from tests.conftest import Shell
from tests.harness.sources.archives import folder, tar, zipped

TABLE = b'raw,kind\n"GET /a HTTP/1.1\r\n\r\n",sqli\n/b,xss\n'
ROWS = [(b"GET /a HTTP/1.1\r\n\r\n", "sqli"), (b"/b", "xss")]
ARRAY = b'[{"raw": "/b", "kind": "xss"}, {"raw": "/c", "kind": "sqli"}]'


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_zip_archive_of_one_table_is_that_table(tmp_path: Path, method: int) -> None:
    path = tmp_path / "download"
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("data/", "")
        archive.writestr("README.txt", "about it")
        archive.writestr("data/rows.csv", TABLE)
        archive.writestr("__MACOSX/data/._rows.csv", b"\x00\x05\x16\x07")
    corpus = load(path)
    assert pairs(corpus) == ROWS
    assert corpus.meta.left_out == (("a file that is not data", 1, "README.txt"),)


@pytest.mark.parametrize(("name", "mode"), [("x.tar", "w"), ("x.tgz", "w:gz"), ("x.tar.xz", "w:xz"), ("x", "w:bz2")])
def test_a_tar_archive_of_one_table_is_that_table(tmp_path: Path, name: str, mode: str) -> None:
    with tarfile.open(tmp_path / name, mode) as archive:  # type: ignore[call-overload]
        member = tarfile.TarInfo("rows.csv.gz")
        content = gzip.compress(TABLE)
        member.size = len(content)
        archive.addfile(member, io.BytesIO(content))
    assert pairs(load(tmp_path / name)) == ROWS


def test_tables_of_any_format_and_encoding_in_archives(tmp_path: Path) -> None:
    files = {
        "x.tsv": TABLE.replace(b",", b"\t").decode().encode("utf-16"),
        "y.json": ARRAY,
        "z.jsonl": b'{"raw": "/b", "kind": "xss"}\n{"raw": "/c", "kind": "sqli"}\n',
    }
    for name, data in files.items():
        expected = ROWS if name == "x.tsv" else [(b"/b", "xss"), (b"/c", "sqli")]
        assert pairs(load(zipped(tmp_path / f"{name}.zip", {name: data}))) == expected
        assert pairs(load(tar(tmp_path / f"{name}.tar.gz", {name: data}))) == expected


def test_parts_of_a_table_are_one_table_and_named(tmp_path: Path) -> None:
    files = {"sqli/part-0.csv": b"raw\n/a\n", "sqli/part-1.csv": b"raw\n/b\n", "xss/part-0.csv": b"raw\n/c\n"}
    for root in (folder(tmp_path / "x", files), zipped(tmp_path / "x.zip", files)):
        corpus = load(root, {"payload": "raw", "label": "folder"})
        assert pairs(corpus) == [(b"/a", "sqli"), (b"/b", "sqli"), (b"/c", "xss")]
        assert corpus.meta.notes == (
            "3 files were read as one table: sqli/part-0.csv, sqli/part-1.csv, xss/part-0.csv",
        )
    (tmp_path / "x" / "xss" / "part-1.csv").write_bytes(b"other\n/d\n")
    with pytest.raises(UserError, match=r"xss/part-1\.csv has no column raw"):
        load(tmp_path / "x", {"payload": "raw", "label": "folder"})


def test_a_table_in_a_damaged_archive_is_one_sentence(tmp_path: Path) -> None:
    rows = b"".join(b"/%d,%s\n" % (i, (b"a", b"b")[i % 2]) for i in range(20_000))
    whole = zipped(tmp_path / "x.zip", {"x.csv": b"raw,kind\n" + rows}).read_bytes()
    for at in (len(whole) // 3, len(whole) // 2):
        (tmp_path / "y.zip").write_bytes(whole[:at] + bytes(20) + whole[at + 20 :])
        with pytest.raises(UserError, match="cannot be read; it may be truncated or damaged"):
            load(tmp_path / "y.zip")


def workbook() -> bytes:
    """The members of a workbook, in the order in which openpyxl writes them."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in ("docProps/app.xml", "xl/workbook.xml", "[Content_Types].xml"):
            archive.writestr(name, "<a/>")
    return stream.getvalue()


def arrays() -> bytes:
    stream = io.BytesIO()
    np.savez(stream, raw=np.zeros(3))
    return stream.getvalue()


def columns(kind: str) -> bytes:
    stream = io.BytesIO()
    if kind == "npy":
        np.save(stream, np.zeros(3))
    else:
        orc.write_table(pa.table({"raw": ["a"]}), stream)
    return stream.getvalue()


def database() -> bytes:
    with sqlite3.connect(":memory:") as connection:
        connection.execute("CREATE TABLE rows (raw TEXT, kind TEXT)")
        return bytes(connection.serialize())


UNREAD = {
    "x.xlsx": (workbook, "is an Office document, such as an Excel workbook; save its table as CSV UTF-8"),
    "x.xls": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "is an Excel workbook"),
    "x.npz": (arrays, "is an archive of NumPy arrays"),
    "x.npy": (lambda: columns("npy"), "is a NumPy array"),
    "x.orc": (lambda: columns("orc"), "is an ORC file; write it as Parquet"),
    "x.db": (database, r"is an SQLite database; export a table: sqlite3 -csv -header x\.db"),
    "x.pkl": (lambda: pickle.dumps([{"raw": "a"}]), "is a pickle, which can run code when it is read"),
    "x.avro": (lambda: b"Obj\x01\x04", "is an Avro file"),
    "x.pcap": (lambda: b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00", "is a packet capture"),
    "x.pcapng": (lambda: b"\x0a\x0d\x0d\x0a" + bytes(20), "is a packet capture"),
    "x.csv.zst": (lambda: b"\x28\xb5\x2f\xfd\x20\x03", r"is packed by zstd; unpack it: zstd -d x\.csv\.zst"),
    "x.7z": (lambda: b"7z\xbc\xaf\x27\x1c\x00\x04", "is a 7z archive"),
    "x.pdf": (lambda: b"%PDF-1.7\n", "is a PDF document"),
    "x.csv": (lambda: b"\n<!DOCTYPE html>\n<html><body>Sign in</body></html>", "is a web page"),
    "y.csv": (lambda: b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "is a pointer of Git LFS"),
    "access.log": (
        lambda: b'192.0.2.1 - - [01/Jan/2024:10:00:00 +0000] "GET / HTTP/1.1" 200 5 "-" "a; b"\n',
        "is an access log of a web server",
    ),
    "x.bin": (lambda: bytes(range(256)), "is neither text nor a format that files: reads"),
    "x.txt": (lambda: b"a line\nanother\n", "its first line is neither a header of columns, nor JSON, nor a request"),
}


@pytest.mark.parametrize("name", UNREAD)
def test_a_format_that_is_not_read_is_named(tmp_path: Path, name: str) -> None:
    content, complaint = UNREAD[name]
    (tmp_path / name).write_bytes(content())
    for mapping in ({}, {"payload": "raw", "label": "kind"}):
        with pytest.raises(UserError, match=complaint):
            load(tmp_path / name, mapping)


def test_a_damaged_file_is_one_sentence_in_every_verb(tmp_path: Path, shell: Shell) -> None:
    packed = bytearray(gzip.compress(b"raw,kind\n" + b"".join(b"/%d,a\n" % i for i in range(9000))))
    packed[3000:] = bytes(byte ^ 0x5A for byte in packed[3000:])
    path = tmp_path / "x.csv.gz"
    path.write_bytes(packed)
    options = ("--map", "payload=raw,label=kind")
    for verb in (("data", "info"), ("audit",)):
        process = shell(*verb, f"files:{path}", *options)
        assert process.returncode == 2, process.stderr
        assert len(process.stderr.strip().splitlines()) == 1
        assert "cannot be read; it may be truncated or damaged" in process.stderr
