"""Names formats that are met but not read, with what to do about them."""

import re

_EXPORT_REQUESTS = "export its requests, for example as HAR, or one raw request per file"
# First bytes, what they are, and what to do; {0} is its name.
_MARKS: tuple[tuple[bytes, str, str], ...] = (
    (b"FEA1", "a Feather file of version 1", "write it as Parquet, or as Feather of version 2"),
    (b"ORC", "an ORC file", "write it as Parquet"),
    (b"Obj\x01", "an Avro file", "write it as Parquet or JSON lines"),
    (b"SQLite format 3\0", "an SQLite database", "export a table: sqlite3 -csv -header {0} 'SELECT * FROM …'"),
    (b"\x93NUMPY", "a NumPy array", "write its rows as CSV or Parquet"),
    (b"\x89HDF\r\n", "an HDF5 file", "write its table as Parquet: pandas.read_hdf(…).to_parquet(…)"),
    (b"\xd4\xc3\xb2\xa1", "a packet capture (pcap)", _EXPORT_REQUESTS),
    (b"\xa1\xb2\xc3\xd4", "a packet capture (pcap)", _EXPORT_REQUESTS),
    (b"\x4d\x3c\xb2\xa1", "a packet capture (pcap)", _EXPORT_REQUESTS),
    (b"\x0a\x0d\x0d\x0a", "a packet capture (pcapng)", _EXPORT_REQUESTS),
    (b"%PDF-", "a PDF document", "write its table as CSV"),
    (b"\x28\xb5\x2f\xfd", "packed by zstd", "unpack it: zstd -d {0}"),
    (b"\x04\x22\x4d\x18", "packed by lz4", "unpack it: lz4 -d {0}"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive", "unpack it: 7z x {0}"),
    (b"Rar!\x1a\x07", "a RAR archive", "unpack it: unrar x {0}"),
    (b"\x1f\x9d", "packed by compress", "unpack it: uncompress {0}"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook (.xls)", "save it as CSV UTF-8"),
    (b"RDX2\n", "an R data file", "write it as CSV: write.csv(…, row.names=FALSE)"),
    (b"version https://git-lfs", "a pointer of Git LFS, not the data", "fetch the data: git lfs pull"),
    (b"\x7fELF", "a program", "give a data file"),
    (b"\x89PNG", "an image", "give a data file"),
    (b"\xff\xd8\xff", "an image", "give a data file"),
)  # fmt: skip
_PICKLE = re.compile(rb"\x80[\x02-\x05][\x00-\xff]")
_HTML = re.compile(rb"(?:<!doctype html|<html|<head|<body)[\s>]", re.IGNORECASE)
_OFFICE = ("[Content_Types].xml", "_rels/", "docProps/", "xl/", "word/", "mimetype")  # first members of documents


def name(head: bytes, file: str) -> str:
    """Returns what a file is and what to do, as ``is an ORC file; write it as Parquet``; empty if it is unknown.

    Args:
        head: its first bytes.
        file: its name.
    """
    for mark, what, remedy in _MARKS:
        if head.startswith(mark):
            return f"is {what}; {remedy.format(file)}"
    if _PICKLE.match(head):
        return "is a pickle, which can run code when it is read; write its rows as CSV or Parquet"
    if _HTML.match(head.lstrip()):
        return "is a web page (HTML), not data; download the file that the page shows"
    return ""


def name_of_archive(member: str) -> str:
    """Returns the same for a zip archive with a member; empty if the member says nothing."""
    if member.startswith(_OFFICE):
        return "is an Office document, such as an Excel workbook; save its table as CSV UTF-8"
    if member.endswith(".npy"):
        return "is an archive of NumPy arrays; write their rows as CSV or Parquet"
    if member.startswith("META-INF/"):
        return "is a Java archive, not data"
    return ""
