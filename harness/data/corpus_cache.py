"""Corpora as Arrow files in the cache folder, mapped into memory when they are read."""

import json
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from harness import hashing
from harness.data.corpus import Corpus, CorpusMeta
from harness.storage.cache_dir import cache_root

if TYPE_CHECKING:
    import pyarrow as pa

LAYOUT = 2  # of the cached files; a change makes every cache entry stale
_PAYLOADS, _DESCRIPTIONS = "payloads.arrow", "descriptions.arrow"  # of a cached corpus


def cached(fingerprint: str, build: Callable[[], Corpus]) -> Corpus:
    """Returns the corpus of a fingerprint from the cache, building and storing it first where it is absent.

    Args:
        fingerprint: a hash of everything the corpus is made from (source bytes, mapping, code version).
        build: makes the corpus; its errors pass through and nothing is stored then.
    """
    folder = cache_root() / "corpora" / hashing.of_json([LAYOUT, fingerprint])[:32]
    if not (folder / "meta.json").exists():
        _store(folder, build())
    return _load(folder)


def cached_meta(fingerprint: str, build: Callable[[], Corpus]) -> CorpusMeta:
    """Like `cached`, but reads only the metadata, so that planning loads no rows."""
    folder = cache_root() / "corpora" / hashing.of_json([LAYOUT, fingerprint])[:32]
    if not (folder / "meta.json").exists():
        _store(folder, build())
    return _load_meta(folder)


def _store(folder: Path, corpus: Corpus) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".building-", dir=folder.parent))
    try:
        _write(corpus.table, temporary / _PAYLOADS)
        _write(corpus.descriptions, temporary / _DESCRIPTIONS)
        (temporary / "meta.json").write_text(json.dumps(asdict(corpus.meta)), encoding="utf-8")
        temporary.rename(folder)
    except OSError:
        if not folder.exists():  # else another process was first, with the same content
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _load_meta(folder: Path) -> CorpusMeta:
    raw = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    raw |= {name: tuple(raw[name]) for name in ("columns", "notes")}
    return CorpusMeta(**{**raw, "left_out": tuple(map(tuple, raw.get("left_out", ())))})


def _load(folder: Path) -> Corpus:
    return Corpus(_read(folder / _PAYLOADS), _read(folder / _DESCRIPTIONS), _load_meta(folder))


def _write(table: "pa.Table", path: Path) -> None:
    import pyarrow as pa

    with pa.OSFile(str(path), "wb") as stream, pa.ipc.new_file(stream, table.schema) as writer:
        writer.write_table(table)


def _read(path: Path) -> "pa.Table":
    """Maps a table's file: workers share its pages, and a payload that nobody reads takes no memory."""
    import pyarrow as pa

    return pa.ipc.open_file(pa.memory_map(str(path))).read_all()
