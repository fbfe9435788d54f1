"""Reads the rows of a file in any supported format, of a folder or of an archive, one at a time."""

import itertools
import re
from collections.abc import Collection, Iterator
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import unquote

from harness import UserError, nearest, sources

from . import data_file
from .combine import Combined
from .data_file import DataFile
from .formats import ecml, raw_requests, unread
from .formats.recognize import RAW, Format, recognize
from .rows import RawRow

_MAX_NAMES = 1000  # column names that are remembered for an error message
_ARCHIVE = re.compile(r"\.(?:zip|tar|tgz|tar\.\w+)$")
# Suffixes of files of rows; all other files of a folder are raw requests. Files with a suffix of the second kind are
# raw requests too, unless they are of a special format, or the mapping names columns that raw requests do not have.
_TABLES = (".csv", ".tsv", ".tab", ".psv", ".jsonl", ".ndjson", ".parquet", ".pq", ".arrow", ".feather", ".ipc", ".har")
_PERHAPS_TABLES = (".json", ".xml", ".log", ".txt")
# What lies beside data and is none; files with such a suffix may be raw requests, but not parts of a table.
_NOTES = ("readme", "license", "licence", "copying", "changelog", "notice")
_OF_HUGGING_FACE = ("dataset_info.json", "dataset_infos.json", "dataset_dict.json", "state.json")
_NOT_TABLES = frozenset(".md .txt .rst .pdf .html .yaml .yml .toml .py .ipynb .png .crc .lock".split()) | {""}
_PARTITION = re.compile(r"([^=]+)=(.*)")
_NO_VALUE = "__HIVE_DEFAULT_PARTITION__"


def rows(path: Path, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    """Yields the rows of a file, a folder or an archive, and checks that every column exists.

    Args:
        path: of a file in a format of `formats`, of a folder or an archive of such files, or of raw requests.
        columns: names of the columns to read, some of which `combine` computes.
        tally: counts files of a folder that are left out.

    Raises:
        UserError: it cannot be read, has no rows, or lacks a column.
    """
    combined = Combined(columns)
    missing, names = set(combined.columns), set[str]()
    count = 0
    try:
        for row in combined.rows(_rows(path, combined.columns, tally)):
            count += 1
            if row.values is not None and (missing or not names):
                missing.difference_update(row.values)
                names.update(itertools.islice(row.values, max(_MAX_NAMES - len(names), 0)))
            yield row
    except sources.READ_ERRORS as error:
        raise _damaged(path, error) from error
    if not count:
        raise UserError(f"{path} has no rows." if path.is_dir() or path.stat().st_size else f"{path} is empty.")
    if names:
        for column in sorted(missing):
            raise UserError(f"{path} has no column {column}; {nearest(column, sorted(names))}")


def format_of(path: Path, columns: Collection[str]) -> Format:
    """Returns the format of a source, of a folder or an archive that of its first file.

    Args:
        path: of the source.
        columns: that the user has mapped.

    Raises:
        UserError: it cannot be read, or has a format that is not read.
    """
    try:
        return next((kind for _, kind in _files(path, set(columns), sources.SourceTally())), RAW)
    except sources.READ_ERRORS as error:
        raise _damaged(path, error) from error


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(f"{path} cannot be read; it may be truncated or damaged: {error}.")


def _rows(path: Path, columns: set[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    several = path.is_dir() or _is_archive(path)
    names = list[str]()
    for file, kind in _files(path, columns, tally):
        if not several or kind is RAW:
            yield from kind.read(file, columns, tally)
            continue
        names.append(file.name)
        shared = {name: value for name, value in _of_path(file.name).items() if name in columns}
        for row in kind.read(file, columns - set(shared), tally):
            place = f"{file.name}, {row.place}"
            yield RawRow(place, None if row.values is None else {**row.values, **shared}, row.problem)
    if len(names) > 1:
        shown = ", ".join(names[:5]) + (" …" if len(names) > 5 else "")
        tally.notes.append(f"{len(names)} files were read as one table: {shown}")


def _of_path(name: str) -> dict[str, Any]:
    """Returns what the path of a part says: its folder and file, and the columns of Hive's partitions."""
    place = PurePosixPath(name)
    values: dict[str, Any] = {"folder": place.parent.name, "file": place.name.partition(".")[0]}
    for part in place.parent.parts:
        if match := _PARTITION.fullmatch(part):
            values[unquote(match[1])] = None if match[2] == _NO_VALUE else unquote(match[2])
    return values


def _files(path: Path, columns: set[str], tally: sources.SourceTally) -> Iterator[tuple[DataFile, Format]]:
    """Yields the files of a source that have rows, each with its format.

    Raises:
        UserError: they are of several formats.
    """
    if not path.is_dir() and not _is_archive(path):
        file = data_file.on_disk(path)
        yield file, recognize(file, columns)
        return
    first: tuple[DataFile, Format] | None = None
    for member in sources.Tree(path).streams(tally):
        if _is_hidden(member.path):
            continue
        if problem := "" if path.is_dir() else unread.name_of_archive(member.path):
            raise UserError(f"{path} {problem}.")
        file = data_file.within(path, member)
        if _is_beside(file, first is not None and first[1] is not RAW):
            tally.skip("a file that is not data", member.path)
            continue
        kind = _kind(file, columns)
        first = first or (file, kind)
        if kind is not first[1]:
            raise UserError(
                f"{path} has files of several formats: {first[0].name} ({first[1].name}) and {file.name} "
                f"({kind.name}); give those of one format."
            )
        yield file, kind


def _kind(file: DataFile, columns: set[str]) -> Format:
    """Returns the format of a file of a folder or an archive: that of raw requests, unless it is named as a table."""
    if file.suffix in _TABLES or file.head.startswith((b"PAR1", b"ARROW1")):
        return recognize(file, columns)
    if file.suffix not in _PERHAPS_TABLES or columns & {raw_requests.LINE, raw_requests.WHOLE}:
        return RAW
    try:
        kind = recognize(file, columns)
    except UserError:
        return RAW
    return kind if kind.columns or kind.defaults or columns - set(raw_requests.COLUMNS) else RAW


def _is_archive(path: Path) -> bool:
    if _ARCHIVE.search(path.name.lower()):
        return True
    with sources.open_unpacked(path) as stream:
        head = stream.read(512)
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06")) or head[257:262] == b"ustar"


def _is_hidden(name: str) -> bool:
    place = PurePosixPath(name)
    return place.name.startswith((".", "_SUCCESS", "_metadata", "_common_metadata")) or place.parts[0] == "__MACOSX"


def _is_beside(file: DataFile, is_tables: bool) -> bool:
    place = PurePosixPath(file.name.lower())
    if place.name.partition(".")[0] in _NOTES or place.name in _OF_HUGGING_FACE:
        return True
    is_data = raw_requests.REQUEST_LINE.match(file.text) or ecml.START.match(file.text)
    return is_tables and place.suffix in _NOT_TABLES and not is_data
