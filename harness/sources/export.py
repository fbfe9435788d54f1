"""Exports a corpus to one Parquet file, whose metadata describe its columns and its origin."""

import json
from pathlib import Path
from typing import Any

from harness.data import column_names
from harness.data.corpus import CUE, GROUP, Corpus, payload_fields
from harness.errors import UserError
from harness.storage import safe_json
from harness.storage.atomic_write import atomic_write
from harness.storage.parquet import open_parquet

KEY = b"shortcut-harness"  # key in the file's metadata
_FIELDS = {"sample": "id"}  # columns that have another name as a field of --map


def export(corpus: Corpus, path: Path) -> None:
    """Writes payloads, attributes and descriptions to one Parquet file, atomically.

    Raises:
        UserError: the corpus has no payloads, or the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not len(corpus):
        raise UserError(f"--out {path}: {corpus.meta.name} has no payloads to export; use its source directly.")
    table = corpus.table.drop_columns([name for name in ("description_id", "cluster", "span") if corpus.has(name)])
    if corpus.meta.descriptions:
        indices = pa.array(corpus.text_of_row, mask=corpus.text_of_row < 0)
        table = table.append_column("description", corpus.descriptions.column("text").take(indices))
    metadata = {
        "name": corpus.meta.name,
        "hash": corpus.meta.hash,
        "map": _mapping(table.column_names),
        "origin": corpus.meta.origin,
        "left_out": corpus.meta.left_out,
    }
    table = table.replace_schema_metadata({KEY: json.dumps(metadata).encode()})
    try:
        with atomic_write(path) as file:
            pq.write_table(table, file, compression="zstd")
    except OSError as error:
        raise UserError(f"--out {path} cannot be written ({error.strerror}).") from error


def mapping_of(path: Path) -> dict[str, str]:
    """Returns the mapping that an exported file holds in its metadata; empty for any other file."""
    try:
        with open_parquet(path) as file:
            metadata: Any = safe_json.loads((file.metadata.metadata or {}).get(KEY, b"{}"))
    except (UserError, ValueError):
        return {}  # the error is reported when the rows are read
    mapping = metadata.get("map") if isinstance(metadata, dict) else None
    return {str(k): str(v) for k, v in mapping.items()} if isinstance(mapping, dict) else {}


def _mapping(columns: list[str]) -> dict[str, str]:
    mappable = {*payload_fields(), "description"} - {"cwe", "core"}
    fields = {_FIELDS.get(name, name): name for name in columns if name in mappable or name.startswith(CUE)}
    groups = [name for name in columns if name.startswith(GROUP)]
    return fields | ({"group": "+".join(map(column_names.escaped, groups))} if groups else {})
