"""Builds small files that claim or unpack to gigabytes; each function writes one and returns its path."""

import bz2
import gzip
import io
import json
import lzma
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

MEGABYTE = 2**20


def _repeated(block: bytes, times: int) -> bytes:
    """Returns a gzip file of many members, each with the same content, so that building it takes little time."""
    return gzip.compress(block, 6, mtime=0) * times


def _table(raw: pa.Array) -> pa.Table:
    return pa.table({"raw": raw, "kind": ["ab"[row % 2] for row in range(len(raw))]})


def parquet_dictionary(folder: Path) -> Path:
    values = pa.array([b"x" * 5_500_000], pa.binary())
    raw = pa.DictionaryArray.from_arrays(pa.array([0] * 1024, pa.int32()), values)
    pq.write_table(_table(raw), folder / "x.parquet", compression="zstd", store_schema=False)
    return folder / "x.parquet"


def parquet_list(folder: Path) -> Path:
    values = pa.DictionaryArray.from_arrays(pa.array([0] * 100_000, pa.int32()), ["x" * 50_000])
    lists = pa.ListArray.from_arrays(pa.array([0, 50_000, 100_000], pa.int32()), values)
    table = pa.table({"raw": ["a", "b"], "kind": lists})
    pq.write_table(table, folder / "x.parquet", compression="zstd", store_schema=False)
    return folder / "x.parquet"


def _parquet_rows(path: Path, rows: int, size: int, encoding: str) -> Path:
    batch = pa.RecordBatch.from_arrays([pa.array([b"x" * size], pa.binary()), pa.array(["a"])], ["raw", "kind"])
    options = {"use_dictionary": False, "column_encoding": {"raw": encoding, "kind": "PLAIN"}, "compression": "zstd"}
    with pq.ParquetWriter(path, batch.schema, write_statistics=False, **options) as writer:
        for _ in range(rows):
            writer.write_batch(batch)
    return path


def parquet_plain(folder: Path) -> Path:
    return _parquet_rows(folder / "x.parquet", 200, 15_000_000, "PLAIN")


def parquet_shared_prefixes(folder: Path) -> Path:
    return _parquet_rows(folder / "x.parquet", 1024, 3_000_000, "DELTA_BYTE_ARRAY")


def parquet_large_pages(folder: Path) -> Path:
    batch = pa.RecordBatch.from_arrays([pa.array([b"x" * 30_000_000] * 10, pa.binary()), ["a"] * 10], ["raw", "kind"])
    options = {"use_dictionary": False, "data_page_size": 2**31 - 1, "compression": "zstd"}
    pq.write_table(pa.Table.from_batches([batch]), folder / "x.parquet", write_statistics=False, **options)
    return folder / "x.parquet"


def parquet_footer(folder: Path) -> Path:
    path = folder / "x.parquet"
    path.write_bytes(b"PAR1" + bytes(40 * MEGABYTE) + struct.pack("<I", 32 * MEGABYTE) + b"PAR1")
    return path


def _zip(folder: Path, method: int, pack: Callable[[bytes], bytes]) -> Path:
    """Writes a zip archive whose member states 16 MiB and unpacks to gigabytes."""
    packed = pack(bytes(64 * MEGABYTE))
    name = b"a/1.txt"
    fields = struct.pack("<HHHHHIIIHH", 20, 0, method, 0, 33, 0, len(packed), 16 * MEGABYTE, len(name), 0)
    local = b"PK\x03\x04" + fields + name + packed
    entry = b"PK\x01\x02" + struct.pack("<H", 20) + fields + struct.pack("<HHHII", 0, 0, 0, 0, 0) + name
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry), len(local), 0)
    (folder / "x.zip").write_bytes(local + entry + end)
    return folder / "x.zip"


def zip_bzip2(folder: Path) -> Path:
    return _zip(folder, zipfile.ZIP_BZIP2, lambda block: bz2.compress(block * 40))


def zip_lzma(folder: Path) -> Path:
    filters = [{"id": lzma.FILTER_LZMA1, "preset": 1, "dict_size": 1 << 30}]

    def pack(block: bytes) -> bytes:
        packer = lzma.LZMACompressor(lzma.FORMAT_RAW, filters=[{**filters[0], "dict_size": MEGABYTE}])
        properties = struct.pack("<BI", 0x5D, filters[0]["dict_size"])
        data = b"".join(packer.compress(block) for _ in range(24)) + packer.flush()
        return struct.pack("<BBH", 9, 4, len(properties)) + properties + data

    return _zip(folder, zipfile.ZIP_LZMA, pack)


def zip_directory(folder: Path) -> Path:
    entry = b"PK\x01\x02" + struct.pack("<HHHHHHIIIHHHHHII", 20, 20, 0, 0, 0, 33, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0) + b"a"
    count = 2_500_000
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 1, 1, len(entry) * count, 0, 0)
    (folder / "x.zip").write_bytes(entry * count + end)
    return folder / "x.zip"


def zip_overlap(folder: Path) -> Path:
    """Writes an archive whose entries all name the same member, so that 3 MB state 30 GB."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a/1.txt", bytes(15 * MEGABYTE))
    data = packed.getvalue()
    start = data.index(b"PK\x01\x02")
    entry = data[start : data.index(b"PK\x05\x06")]
    end = b"PK\x05\x06" + struct.pack("<HHHHIIH", 0, 0, 2000, 2000, len(entry) * 2000, start, 0)
    (folder / "x.zip").write_bytes(data[:start] + entry * 2000 + end)
    return folder / "x.zip"


def _tar(folder: Path, kind: bytes, block: bytes, times: int) -> Path:
    header = tarfile.TarInfo("a/1.txt")
    header.type, header.size = kind, len(block) * times
    data = gzip.compress(header.tobuf(tarfile.GNU_FORMAT), mtime=0) + _repeated(block, times)
    (folder / "x.tar.gz").write_bytes(data)
    return folder / "x.tar.gz"


def tar_attributes(folder: Path) -> Path:
    return _tar(folder, tarfile.XHDTYPE, bytes(64 * MEGABYTE), 40)


def tar_long_name(folder: Path) -> Path:
    return _tar(folder, tarfile.GNUTYPE_LONGNAME, b"x" * 64 * MEGABYTE, 40)


def tar_sparse(folder: Path) -> Path:
    header = bytearray(tarfile.TarInfo("a/1.txt").tobuf(tarfile.GNU_FORMAT))
    header[156:157], header[482:483], header[148:156] = tarfile.GNUTYPE_SPARSE, b"\1", b" " * 8
    header[148:156] = b"%06o\0 " % sum(header)
    extension = (b"%011o\0" % 1) * 42 + b"\1" + bytes(7)
    data = gzip.compress(bytes(header), mtime=0) + _repeated(extension * 100_000, 10)
    (folder / "x.tar.gz").write_bytes(data)
    return folder / "x.tar.gz"


def tar_xz_dictionary(folder: Path) -> Path:
    filters = [{"id": lzma.FILTER_LZMA2, "preset": 0, "dict_size": 3 << 29}]
    with tarfile.open(folder / "plain.tar", "w") as archive:
        archive.addfile(tarfile.TarInfo("a/1.txt"))
    packed = lzma.compress((folder / "plain.tar").read_bytes(), filters=[{**filters[0], "dict_size": MEGABYTE}])
    # The size of the dictionary is one byte of the block's header, whose checksum follows it.
    at = 12
    header = bytearray(packed[at : at + 4 * (packed[at] + 1)])
    header[header.index(b"\x21\x01") + 2] = 39  # 3 GiB
    header[-4:] = struct.pack("<I", zlib_crc32(bytes(header[:-4])))
    (folder / "x.tar.xz").write_bytes(packed[:at] + header + packed[at + len(header) :])
    return folder / "x.tar.xz"


def zlib_crc32(data: bytes) -> int:
    import zlib

    return zlib.crc32(data)


def csv_line(folder: Path) -> Path:
    (folder / "x.csv.gz").write_bytes(gzip.compress(b"raw,kind\n") + _repeated(b"x" * 64 * MEGABYTE, 40))
    return folder / "x.csv.gz"


def csv_cells(folder: Path) -> Path:
    (folder / "x.csv.gz").write_bytes(gzip.compress(b"raw,kind\n") + _repeated(b"ab," * 10**6, 40))
    return folder / "x.csv.gz"


def csv_row(folder: Path) -> Path:
    cell = b'"' + (b"x" * 1023 + b"\n") * 2**16 + b'",'
    (folder / "x.csv.gz").write_bytes(gzip.compress(b"raw,kind\n") + _repeated(cell, 10))
    return folder / "x.csv.gz"


def arrow_buffer(folder: Path) -> Path:
    """Writes a record batch whose compressed buffer unpacks to 2 GB."""
    table = pa.table({"raw": pa.array([bytes(2 * 10**9)], pa.large_binary()), "kind": ["a"]})
    with pa.ipc.new_file(
        folder / "x.arrow", table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
    ) as writer:
        writer.write_table(table)
    return folder / "x.arrow"


def arrow_dictionary(folder: Path) -> Path:
    """Writes a million references to one value of 5 MB."""
    raw = pa.DictionaryArray.from_arrays(
        pa.array([0] * 1_000_000, pa.int8()), pa.array([b"x" * 5_000_000], pa.binary())
    )
    table = _table(raw)
    with pa.ipc.new_stream(
        folder / "x.arrow", table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
    ) as writer:
        writer.write_table(table)
    return folder / "x.arrow"


def arrow_views(folder: Path) -> Path:
    """Writes a million views of one value of 5 MB, which a reader that copies them would make 5 TB."""
    views = struct.pack("<i4sii", 5_000_000, b"xxxx", 0, 0) * 1_000_000
    buffers = [None, pa.py_buffer(views), pa.py_buffer(b"x" * 5_000_000)]
    table = _table(pa.Array.from_buffers(pa.binary_view(), 1_000_000, buffers))
    with pa.ipc.new_stream(
        folder / "x.arrow", table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")
    ) as writer:
        writer.write_table(table)
    return folder / "x.arrow"


def arrow_nulls(folder: Path) -> Path:
    """Writes a batch that states 2**40 rows, of which none takes a byte."""
    nulls = pa.Array.from_buffers(pa.null(), 2**40, [None])
    batch = pa.RecordBatch.from_arrays([nulls, nulls], ["raw", "kind"])
    options = pa.ipc.IpcWriteOptions(allow_64bit=True)
    with pa.ipc.new_stream(folder / "x.arrow", batch.schema, options=options) as writer:
        writer.write_batch(batch)
    return folder / "x.arrow"


def json_array(folder: Path) -> Path:
    row = json.dumps({"raw": "x" * 16_000, "kind": "a"}).encode() + b","
    (folder / "x.json.gz").write_bytes(gzip.compress(b"[") + _repeated(row * 2000, 80))
    return folder / "x.json.gz"


def json_element(folder: Path) -> Path:
    (folder / "x.json.gz").write_bytes(gzip.compress(b'[{"raw": "') + _repeated(b"x" * 64 * MEGABYTE, 3))
    return folder / "x.json.gz"


def json_document(folder: Path) -> Path:
    (folder / "x.json").write_bytes(b'{\n"data": [' + b"[]," * 40_000_000 + b"0]}")
    return folder / "x.json"


def xml_element(folder: Path) -> Path:
    start = b"<items><item><request><![CDATA["
    (folder / "x.xml.gz").write_bytes(gzip.compress(start) + _repeated(b"x" * 64 * MEGABYTE, 3))
    return folder / "x.xml.gz"


def xml_attributes(folder: Path) -> Path:
    (folder / "x.xml.gz").write_bytes(gzip.compress(b"<items><item a='") + _repeated(b"x" * 64 * MEGABYTE, 3))
    return folder / "x.xml.gz"


def xml_items(folder: Path) -> Path:
    (folder / "x.xml.gz").write_bytes(gzip.compress(b"<items>") + _repeated(b"<item><a/></item>" * 100_000, 3))
    return folder / "x.xml.gz"


def xml_entities(folder: Path) -> Path:
    entities = "".join(f'<!ENTITY e{i + 1} "{f"&e{i};" * 10}">' for i in range(12))
    text = f'<!DOCTYPE items [<!ENTITY e0 "x">{entities}]><items><item><request>&e12;</request></item></items>'
    (folder / "x.xml").write_text(text)
    return folder / "x.xml"


def audit_log(folder: Path) -> Path:
    start = b"--abcdef01-A--\n[a] b c\n--abcdef01-B--\n"
    (folder / "x.log.gz").write_bytes(gzip.compress(start) + _repeated(b"a\n" * 8 * MEGABYTE, 15))
    return folder / "x.log.gz"


def raw_text(folder: Path) -> Path:
    start = b"GET / HTTP/1.1\nHost: a\n\n\n" * 4 + b"POST / HTTP/1.1\nHost: a\n\n"
    (folder / "x.txt.gz").write_bytes(gzip.compress(start) + _repeated(b"a\n" * 8 * MEGABYTE, 15))
    return folder / "x.txt.gz"


def csv_utf_16(folder: Path) -> Path:
    block = "x".encode("utf-16-le") * 32 * MEGABYTE
    (folder / "x.csv.gz").write_bytes(gzip.compress("raw,kind\n".encode("utf-16")) + _repeated(block, 5))
    return folder / "x.csv.gz"


def csv_in_zip(folder: Path) -> Path:
    """Writes a table whose entry in the archive states 16 MiB, and which unpacks to gigabytes."""
    path = _zip(folder, zipfile.ZIP_BZIP2, lambda block: bz2.compress(b"raw,kind\n" + block * 40))
    (folder / "x.csv.zip").write_bytes(path.read_bytes().replace(b"a/1.txt", b"a/1.csv"))
    return folder / "x.csv.zip"


def jsonl_lists(folder: Path) -> Path:
    line = b'{"raw": [' + b"[]," * 40_000_000 + b'0], "kind": "a"}\n'
    (folder / "x.jsonl").write_bytes(b'{"raw": "x", "kind": "b"}\n' + line)
    return folder / "x.jsonl"


def jsonl_lines(folder: Path) -> Path:
    line = json.dumps({"raw": "x" * 16_000, "kind": "a"}).encode() + b"\n"
    (folder / "x.jsonl.gz").write_bytes(_repeated(line * 2000, 80))
    return folder / "x.jsonl.gz"


def jsonl_names(folder: Path) -> Path:
    with gzip.open(folder / "x.jsonl.gz", "wb", 1) as stream:
        for row in range(4000):
            names = ",".join(f'"{row * 1000 + i:x}":0' for i in range(1000))
            stream.write(b'{"raw": "x", "kind": "%s", %s}\n' % (b"ab"[row % 2 :][:1], names.encode()))
    return folder / "x.jsonl.gz"


def cve_lists(folder: Path) -> Path:
    (folder / "x.json").write_bytes(b'{"vulnerabilities": [' + b"[]," * 80_000_000 + b"0]}")
    return folder / "x.json"


def crs_aliases(folder: Path) -> Path:
    text = "x" * 2_000_000
    aliases = ", ".join(["*a"] * 2000)
    stage = f"input: {{headers: {{A: &a {text}}}, data: [{aliases}]}}, output: {{log: {{expect_ids: [942100]}}}}"
    (folder / "942100.yaml").write_text(f"rule_id: 942100\ntests: [{{test_id: 1, stages: [{{{stage}}}]}}]\n")
    return folder / "942100.yaml"


def _template(folder: Path, variables: str, raw: str) -> Path:
    info = "{name: n, severity: low, classification: {cwe-id: CWE-89}}"
    text = f"id: t\ninfo: {info}\nvariables: {{{variables}}}\nhttp: [{{raw: [{raw}]}}]\n"
    (folder / "t.yaml").write_text(text)
    return folder / "t.yaml"


def nuclei_requests(folder: Path) -> Path:
    raw = ", ".join(['"GET /{{v}} HTTP/1.1\\n\\n"'] * 5000)
    return _template(folder, f"v: {'x' * 900_000}", raw)


def nuclei_replace(folder: Path) -> Path:
    return _template(folder, f"v: {'x' * 60_000}", """'GET /{{replace(v, "x", v)}} HTTP/1.1'""")


def predictions(folder: Path) -> Path:
    """A million references to one long name of a unit."""
    rows = 10**6
    unit = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), ["u" * 2**16])
    return _predictions(folder / "x.parquet", rows, unit)


def many_predictions(folder: Path) -> Path:
    """Equal rows, which take next to no space in the file."""
    path, rows = folder / "x.parquet", 10**6
    unit = pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int32)), ["u"])
    return _predictions(path, rows, unit, groups=100)


def _predictions(path: Path, rows: int, unit: pa.Array, groups: int = 1) -> Path:
    from harness.benchmark import BenchmarkRef
    from harness.records.predictions import _schema

    schema = _schema("0" * 64, BenchmarkRef("synthetic"), ["a", "b"], "0" * 64)
    zeros = np.zeros(rows, np.int64)
    columns = {
        "environment": pa.DictionaryArray.from_arrays(pa.array(zeros.astype(np.int32)), ["id"]),
        "row": pa.array(zeros),
        "sample": pa.array(["s"] * rows),
        "draw": pa.array(zeros.astype(np.int16)),
        "label": pa.array(zeros.astype(np.int16)),
        "unit": unit,
        "probabilities": pa.FixedSizeListArray.from_arrays(pa.array(np.zeros(2 * rows, np.float32)), 2),
    }
    table = pa.table(columns, schema=schema)
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for _ in range(groups):
            writer.write_table(table)
    return path


def old_predictions(folder: Path) -> Path:
    path = folder / "x.json.gz"
    path.write_bytes(gzip.compress(b'{"format": 1, "environments": {"id": {"rows": [' + b"0," * 400_000_000, 1))
    return path


def record(folder: Path) -> Path:
    with (folder / "x.json").open("wb") as stream:
        stream.truncate(5 * 2**30)  # a sparse file, which takes no space
    return folder / "x.json"


def record_lists(folder: Path) -> Path:
    (folder / "x.json").write_bytes(b'{"schema_version": 1, "provenance": [' + b"[]," * 20_000_000 + b"0]}")
    return folder / "x.json"
