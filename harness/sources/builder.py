"""Builds a corpus from rows that are added one at a time."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Any

from harness.data import values
from harness.data.corpus import Corpus, payload_fields
from harness.data.payloads import PayloadWriter
from harness.sources.tally import LeftOut

TEXT_COLUMNS = ("text", "label", "cve", "date", "vendor", "product")  # of a corpus without payloads
BATCH_ROWS = 8192  # rows that are collected as Python objects before they are converted to Arrow


class Builder:
    """Collects rows with payloads on disk and all other columns in Arrow batches, to keep payloads out of memory."""

    def __init__(self, columns: Iterable[str]) -> None:
        """Initializes a builder without rows.

        Args:
            columns: names of the rows' columns: those of `payload_fields`, ``group.*``, ``cue.*``, any other text
                column, and ``description``, whose distinct texts become the description table.
        """
        import pyarrow as pa

        fields = payload_fields()
        names = [{"description": "description_id"}.get(name, name) for name in columns]
        self._has_descriptions = "description_id" in names
        self._schema = pa.schema({name: fields.get(name, pa.string()) for name in names if name != "payload"})
        self._payloads = PayloadWriter()
        self._texts: dict[str, str] = {}
        self._batches: list[pa.RecordBatch] = []
        self._rows: list[Mapping[str, Any]] = []

    def __len__(self) -> int:
        return len(self._payloads)

    def add(self, row: Mapping[str, Any]) -> None:
        """Adds a row; missing columns are null."""
        text = row.get("description")
        if self._has_descriptions and text:
            description_id = hashlib.sha256(text.encode()).hexdigest()[:16]
            self._texts[description_id] = text
            row = {**row, "description_id": description_id}
        self._payloads.append(row["payload"])
        self._rows.append({name: row.get(name) for name in self._schema.names})
        if len(self._rows) == BATCH_ROWS:
            self._flush()

    def corpus(self, name: str, notes: tuple[str, ...] = ()) -> Corpus:
        """Returns the corpus of all rows; see `Corpus.create` for errors."""
        import pyarrow as pa

        self._flush()
        descriptions = None
        if self._has_descriptions:
            descriptions = pa.table(
                {
                    "description_id": pa.array(list(self._texts), pa.string()),
                    "text": pa.array(list(self._texts.values()), pa.string()),
                }
            )
        table = pa.Table.from_batches(self._batches, self._schema)
        table = table.append_column("payload", self._payloads.payloads().to_arrow())
        return Corpus.create(name, table, descriptions, notes=notes)

    def _flush(self) -> None:
        import pyarrow as pa

        arrays = [pa.array([row.get(field.name) for row in self._rows], field.type) for field in self._schema]
        self._batches.append(pa.RecordBatch.from_arrays(arrays, schema=self._schema))
        self._rows = []


def text_corpus(name: str, rows: Iterable[Mapping[str, Any]], notes: tuple[str, ...] = ()) -> Corpus:
    """Returns a corpus of descriptions without payloads.

    Args:
        name: name of the corpus.
        rows: each with ``text`` and ``label``, ``cve``, ``date``, ``vendor`` and ``product``, None if unknown.
        notes: see `CorpusMeta`.
    """
    import pyarrow as pa

    fields = payload_fields()
    rows = list(rows)
    columns = {column: [row.get(column) for row in rows] for column in TEXT_COLUMNS}
    arrays = {column: pa.array(items, fields.get(column, pa.string())) for column, items in columns.items()}
    names = [values.cve(row.get("cve") or "") or hashlib.sha256(row["text"].encode()).hexdigest()[:16] for row in rows]
    no_payloads = pa.table({column: pa.array([], fields[column]) for column in ("sample", "payload", "label")})
    descriptions = pa.table({"description_id": pa.array(names, pa.string()), **arrays})
    return Corpus.create(name, no_payloads, descriptions, notes)


def with_origin(corpus: Corpus, left_out: tuple[LeftOut, ...], origin: Mapping[str, str] | None = None) -> Corpus:
    """Returns the corpus with the counts of what was left out and the origin of its source; see `CorpusMeta`."""
    return replace(corpus, meta=replace(corpus.meta, left_out=left_out, origin=dict(origin or {})))
