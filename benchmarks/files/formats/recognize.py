"""Recognizes the format of a file by its first bytes; its name decides only where these leave it open."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field

from harness import UserError, sources

from ..data_file import DataFile
from ..rows import RawRow
from . import arrow, burp, ecml, har, json_rows, modsecurity, raw_requests, text_table, unread

Reader = Callable[[DataFile, Collection[str], sources.SourceTally], Iterator[RawRow]]


@dataclass(frozen=True)
class Format:
    """A format that is read.

    Attributes:
        name: as in errors.
        read: yields the rows of a file.
        defaults: mapping of fields to its columns, where ``--map`` says nothing else.
        columns: names of its columns, if every file has the same.
    """

    name: str
    read: Reader
    defaults: Mapping[str, str] = field(default_factory=dict)
    columns: tuple[str, ...] = ()


PARQUET = Format("Parquet", arrow.read_parquet)
ARROW = Format("Arrow", arrow.read_arrow)
TABLE = Format("text table", text_table.read)
JSON_LINES = Format("JSON lines", json_rows.read_lines)
JSON_ARRAY = Format("JSON array", json_rows.read_array)
JSON_OBJECT = Format("JSON object", json_rows.read_document)
RAW = Format("raw requests", raw_requests.read, raw_requests.DEFAULTS, raw_requests.COLUMNS)
BURP = Format("Burp Suite XML", burp.read, burp.DEFAULTS, burp.COLUMNS)
ECML = Format("ECML/PKDD 2007 XML", ecml.read, ecml.DEFAULTS)
ECML_TEXT = Format("ECML/PKDD 2007 text", ecml.read_text, ecml.DEFAULTS, ecml.TEXT_COLUMNS)
HAR = Format("HAR", har.read, har.DEFAULTS, har.COLUMNS)
AUDIT_LOG = Format("ModSecurity audit log", modsecurity.read_sections, modsecurity.DEFAULTS, modsecurity.COLUMNS)
AUDIT_JSON = Format("ModSecurity audit log", modsecurity.read_json, modsecurity.DEFAULTS, modsecurity.COLUMNS)

_JSON_SUFFIXES = (".json", ".jsonl", ".ndjson", ".har")
_TABLE_SUFFIXES = (".csv", ".tsv", ".tab", ".psv")
_HAR = re.compile(rb'\{\s*"log"\s*:\s*\{\s*"(?:version|creator|browser|pages|entries|comment)"')
_AUDIT = re.compile(rb'\{\s*"transaction"\s*:\s*\{')
_ROOT = re.compile(
    rb"(?:(?>\s+|<\?xml[^>]*>|<!--.*?-->|<!DOCTYPE[^\[>]*(?:\[.*?\])?\s*>))*+<(?:\w+:)?(\w+)[\s>]", re.DOTALL
)
_ACCESS_LOG = re.compile(rb'\S+ \S+ \S+ \[[^\]\n]{5,40}\] "')  # of a web server
_XML = re.compile(rb"<\?xml\s")


def recognize(file: DataFile, columns: Collection[str] = ()) -> Format:
    """Returns the format of a file.

    Args:
        file: the file.
        columns: the columns to read, some of which only raw files have.

    Raises:
        UserError: the file has a format that is not read.
    """
    head, text = file.head, file.text
    if {raw_requests.LINE, raw_requests.WHOLE} & set(columns):
        return RAW
    if found := _binary(head):
        return found
    if problem := unread.name(head, file.name):
        raise UserError(f"{file.title} {problem}.")
    if text.startswith(b"<") and (found := _xml(file)):
        return found
    if modsecurity.BOUNDARY.match(text):
        return AUDIT_LOG
    if ecml.START.match(text):
        return ECML_TEXT
    if raw_requests.REQUEST_LINE.match(text):
        return RAW
    if (file.suffix not in _TABLE_SUFFIXES or text.startswith(b'{"')) and (found := _json(file)):
        return found
    if file.suffix in _TABLE_SUFFIXES:
        return TABLE
    return _of_text(file)


def _binary(head: bytes) -> Format | None:
    if head.startswith((b"PAR1", b"PARE")):
        return PARQUET
    if head.startswith((b"ARROW1", b"\xff\xff\xff\xff")):
        return ARROW
    return None


def _xml(file: DataFile) -> Format | None:
    root = _ROOT.match(file.text)
    name = root[1].decode() if root else ""
    if name == "items":
        return BURP
    if name == "dataset" and b"<sample" in file.text:
        return ECML
    if _XML.match(file.text) or file.suffix == ".xml":
        raise UserError(
            f"{file.title} is XML with the root {name or '(unknown)'}; files: reads XML of Burp Suite (items) and "
            "ECML/PKDD 2007 (dataset); write its rows as CSV or JSON lines."
        )
    return None


def _json(file: DataFile) -> Format | None:
    text = file.text
    if text.startswith(b"[") and (file.suffix in _JSON_SUFFIXES or re.match(rb"\[\s*[\{\]]", text)):
        return JSON_ARRAY
    if text.startswith(b"{"):
        if _HAR.match(text):
            return HAR
        if _AUDIT.match(text):
            return AUDIT_JSON
        return JSON_OBJECT if json_rows.is_document(text) else JSON_LINES
    return JSON_LINES if file.suffix in _JSON_SUFFIXES else None


def _of_text(file: DataFile) -> Format:
    """Returns the format of a file whose first bytes and name say little."""
    if file.suffix == ".parquet" or not file.head:
        return PARQUET if file.suffix == ".parquet" else JSON_LINES
    first = file.text.split(b"\n", 1)[0]
    if b"\0" in file.head[:1024]:
        raise UserError(
            f"{file.title} is neither text nor a format that files: reads (JSON, CSV, Parquet, Arrow, HAR, Burp Suite "
            "XML, audit logs of ModSecurity, raw requests)."
        )
    if _ACCESS_LOG.match(first):
        raise UserError(
            f"{file.title} is an access log of a web server, which has no headers and no bodies; write its requests as "
            f"CSV or, to read each line as a payload, give --map payload={raw_requests.LINE}."
        )
    if any(separator.encode() in first for separator in text_table.SEPARATORS):
        return TABLE
    raise UserError(
        f"{file.title}: its first line is neither a header of columns, nor JSON, nor a request line; to read each line "
        f"as a payload, give --map payload={raw_requests.LINE}; to read the file as one, payload={raw_requests.WHOLE}."
    )
