"""Cache of built corpora: Arrow files in the cache folder, memory-mapped when they are read."""

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

LAYOUT = 2  # version of the cached files; raise it to invalidate every entry
_PAYLOADS, _DESCRIPTIONS = "payloads.arrow", "descriptions.arrow"


def cached(fingerprint: str, build: Callable[[], Corpus]) -> Corpus:
    """Returns a corpus from the cache; builds and stores it first if it is not cached.

    Args:
        fingerprint: hash of everything that the corpus is built from (source bytes, mapping, code version).
        build: builds the corpus. Its exceptions are passed on, and nothing is stored.
    """
    return _load(_entry(fingerprint, build))


def cached_meta(fingerprint: str, build: Callable[[], Corpus]) -> CorpusMeta:
    """Returns the metadata of a corpus, like `cached`, without loading its rows; planning needs no more."""
    return _load_meta(_entry(fingerprint, build))


def _entry(fingerprint: str, build: Callable[[], Corpus]) -> Path:
    folder = cache_root() / "corpora" / hashing.of_json([LAYOUT, fingerprint])[:32]
    if not (folder / "meta.json").exists():
        _store(folder, build())
    return folder


def _store(folder: Path, corpus: Corpus) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".building-", dir=folder.parent))
    try:
        _write(corpus.table, temporary / _PAYLOADS)
        _write(corpus.descriptions, temporary / _DESCRIPTIONS)
        (temporary / "meta.json").write_text(json.dumps(asdict(corpus.meta), allow_nan=False), encoding="utf-8")
        temporary.rename(folder)
    except OSError:
        if not folder.exists():  # otherwise another process stored the same content first
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _load_meta(folder: Path) -> CorpusMeta:
    values = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    values |= {name: tuple(values[name]) for name in ("columns", "notes")}
    return CorpusMeta(**{**values, "left_out": tuple(map(tuple, values.get("left_out", ())))})


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
