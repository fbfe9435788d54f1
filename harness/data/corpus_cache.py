"""Cache of built corpora: Arrow files in the cache folder, memory-mapped when they are read.

An entry is verified against the digests of its files and against the content hash of its corpus, which is part of the
key of every cell: rows that differ from what the hash promises are never used.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from harness import hashing
from harness.data.corpus import Corpus, CorpusMeta
from harness.errors import UserError
from harness.storage import cache_entry
from harness.storage.cache_dir import cache_root

if TYPE_CHECKING:
    import pyarrow as pa

LAYOUT = 4  # version of the cached files; raise it to invalidate every entry
_PAYLOADS, _DESCRIPTIONS, _META = "payloads.arrow", "descriptions.arrow", "meta.json"
_FROM_ROWS = ("hash", "rows", "descriptions", "classes", "columns")  # metadata that can be computed from the rows


def cached(fingerprint: str, build: Callable[[], Corpus]) -> Corpus:
    """Returns a corpus from the cache; builds and stores it first if it is not cached or the cached one is damaged.

    Args:
        fingerprint: hash of everything that the corpus is built from (source bytes, mapping, code version).
        build: builds the corpus. Its exceptions are passed on, and nothing is stored.

    Raises:
        UserError: the cache folder cannot be written to.
    """
    return _load(_entry(fingerprint, build))


def cached_meta(fingerprint: str, build: Callable[[], Corpus]) -> CorpusMeta:
    """Returns the metadata of a corpus, like `cached`, without loading its rows; planning needs no more."""
    return _load_meta(_entry(fingerprint, build))


def _entry(fingerprint: str, build: Callable[[], Corpus]) -> Path:
    folder = cache_root() / "corpora" / hashing.of_json([LAYOUT, fingerprint])[:32]
    if not cache_entry.is_intact(folder, "corpus", _check_content):
        corpus = build()
        try:
            cache_entry.store(folder, lambda place: _write_corpus(corpus, place))
        except OSError as error:
            # Another process may have stored the same content first.
            if not cache_entry.is_intact(folder, "corpus", _check_content):
                raise cache_entry.unwritable(cache_root(), error) from error
    return folder


def _check_content(folder: Path) -> None:
    """Computes the content hash and the counts of a corpus from its rows, and compares them with its metadata."""
    import pyarrow as pa
    from pydantic import TypeAdapter

    try:
        meta = TypeAdapter(CorpusMeta).validate_json((folder / _META).read_bytes(), strict=True)
        table, descriptions = _read(folder / _PAYLOADS), _read(folder / _DESCRIPTIONS)
        table.validate(full=True)  # before any use: offsets that point outside of a buffer could crash the process
        descriptions.validate(full=True)
        actual = Corpus.create(meta.name, table, descriptions).meta
    except (pa.ArrowException, ValueError, UserError) as error:  # pydantic's ValidationError is a ValueError
        raise cache_entry.DamagedEntry(f"it is not a corpus ({' '.join(str(error).split())[:200]})") from error
    if differing := [name for name in _FROM_ROWS if getattr(meta, name) != getattr(actual, name)]:
        raise cache_entry.DamagedEntry(f"its rows do not have the {differing[0]} of its metadata")


def _write_corpus(corpus: Corpus, folder: Path) -> None:
    _write(corpus.table, folder / _PAYLOADS)
    _write(corpus.descriptions, folder / _DESCRIPTIONS)
    (folder / _META).write_text(json.dumps(asdict(corpus.meta), allow_nan=False), encoding="utf-8")


def _load_meta(folder: Path) -> CorpusMeta:
    values = json.loads((folder / _META).read_bytes())
    values |= {name: tuple(values[name]) for name in ("columns", "notes")}
    return CorpusMeta(**{**values, "left_out": tuple(map(tuple, values["left_out"]))})


def _load(folder: Path) -> Corpus:
    return Corpus(_read(folder / _PAYLOADS), _read(folder / _DESCRIPTIONS), _load_meta(folder))


def _write(table: "pa.Table", path: Path) -> None:
    import pyarrow as pa

    with pa.OSFile(str(path), "wb") as stream, pa.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table)


def _read(path: Path) -> "pa.Table":
    """Memory-maps a table: worker processes share its pages, and payloads that are never read take no memory."""
    import pyarrow as pa

    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
