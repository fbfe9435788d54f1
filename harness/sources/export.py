"""A corpus as one Parquet file, which says itself what its columns are and where it comes from."""

import json
from pathlib import Path
from typing import Any

from harness.data.corpus import CUE, GROUP, Corpus, payload_fields
from harness.errors import UserError
from harness.storage.atomic_write import whole

KEY = b"shortcut-harness"  # in the file's metadata
_FIELDS = {"sample": "id"}  # columns whose field in a mapping has another name


def export(corpus: Corpus, path: Path) -> None:
    """Writes payloads, attributes and descriptions; whole, or not at all.

    Raises:
        UserError: the corpus holds no payloads, or the file cannot be written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not len(corpus):
        raise UserError(f"--out {path}: {corpus.meta.name} holds no payloads; name its source itself.")
    table = corpus.table.drop_columns([name for name in ("description_id", "cluster", "span") if corpus.has(name)])
    if corpus.meta.descriptions:
        places = pa.array(corpus.text_of_row, mask=corpus.text_of_row < 0)
        table = table.append_column("description", corpus.descriptions.column("text").take(places))
    about = {
        "name": corpus.meta.name,
        "hash": corpus.meta.hash,
        "map": _mapping(table.column_names),
        "origin": corpus.meta.origin,
        "left_out": corpus.meta.left_out,
    }
    table = table.replace_schema_metadata({KEY: json.dumps(about).encode()})
    try:
        with whole(path) as file:
            pq.write_table(table, file, compression="zstd")
    except OSError as error:
        raise UserError(f"--out {path} cannot be written ({error.strerror}).") from error


def mapping_of(path: Path) -> dict[str, str]:
    """Returns what an exported file says that its columns are; nothing where it says nothing."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        about: Any = json.loads((pq.read_schema(path).metadata or {}).get(KEY, b"{}"))
    except (OSError, ValueError, pa.ArrowInvalid):
        return {}  # reading its rows says what is wrong with it
    found = about.get("map") if isinstance(about, dict) else None
    return {str(k): str(v) for k, v in found.items()} if isinstance(found, dict) else {}


def _mapping(columns: list[str]) -> dict[str, str]:
    known = {*payload_fields(), "description"} - {"cwe", "core"}
    fields = {_FIELDS.get(name, name): name for name in columns if name in known or name.startswith(CUE)}
    groups = [name for name in columns if name.startswith(GROUP)]
    return fields | ({"group": "+".join(groups)} if groups else {})
