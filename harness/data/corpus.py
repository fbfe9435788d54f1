"""The corpus: a payload table, a description table and metadata, content-hashed and cached as Arrow files."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness import hashing
from harness.data.payloads import Payloads
from harness.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1  # of the tables; a change makes every record stale
_AT_ONCE = 1024  # rows whose payloads are taken from Arrow together
GROUP, CUE = "group.", "cue."  # column prefixes
NAMED = frozenset(("vendor", "product"))  # columns whose values stand in several spellings


def name_key(text: str) -> str:
    """Returns what all spellings of a vendor's or product's name share; empty where it says that there is none.

    CVE records spell one product ``Jira Server`` and ``jira_server``, and an unknown one ``n/a``.
    """
    key = "".join(letter for letter in text.casefold() if letter.isalnum())
    return "" if key in ("na", "none", "unknown", "unspecified") else key


def payload_fields() -> "dict[str, pa.DataType]":
    """Returns the fixed columns of a payload table and their Arrow types.

    ``sample`` (unique), ``payload`` and ``label`` are never null. ``span`` holds flat byte offsets of the attack:
    start, end, start, end ... ``core`` names the attack, ``cluster`` a set of near-duplicates. Columns named
    ``group.*`` (a group's name) and ``cue.*`` (a cue's value) are strings.
    """
    import pyarrow as pa

    text = pa.string()
    return {
        "sample": text,
        "payload": pa.large_binary(),
        "label": text,
        "cve": text,
        "cwe": text,
        "description_id": text,
        "date": pa.date32(),
        "vendor": text,
        "product": text,
        "source": text,
        "technique": text,
        "core": text,
        "cluster": text,
        "span": pa.list_(pa.int32()),
    }


@dataclass(frozen=True)
class CorpusMeta:
    """What is known of a corpus without reading its rows."""

    name: str
    hash: str
    rows: int
    descriptions: int
    classes: dict[str, int]
    columns: tuple[str, ...]
    notes: tuple[str, ...] = ()  # what was dropped or changed while it was built, one sentence each
    lacks: dict[str, str] = field(default_factory=dict)  # scenarios that its rows do not carry, a sentence each
    left_out: tuple[tuple[str, int, str], ...] = ()  # what the source holds and the rows do not: reason, count, example
    origin: dict[str, str] = field(default_factory=dict)  # of the source, where known: licence, commit

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the grouping columns, without their prefix."""
        return tuple(c.removeprefix(GROUP) for c in self.columns if c.startswith(GROUP))

    @property
    def cues(self) -> tuple[str, ...]:
        """Names of the cue columns, without their prefix."""
        return tuple(c.removeprefix(CUE) for c in self.columns if c.startswith(CUE))


@dataclass(frozen=True)
class Corpus:
    """Payloads with their labels and attributes, and the descriptions they refer to.

    Attributes:
        table: one row per payload, see `payload_fields`.
        descriptions: ``description_id``, ``text`` and, where known, ``label`` and ``cve``; may be empty.
        meta: name, content hash and counts.
    """

    table: "pa.Table"
    descriptions: "pa.Table"
    meta: CorpusMeta
    _columns: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def create(
        cls, name: str, table: "pa.Table", descriptions: "pa.Table | None" = None, notes: tuple[str, ...] = ()
    ) -> "Corpus":
        """Checks the tables, casts them to the schema and computes the content hash.

        Raises:
            UserError: a required column is missing or has nulls, sample ids repeat, fewer than two classes. Where
                there are no payloads, the classes are those of the descriptions.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        types = payload_fields()
        columns = {n: types.get(n, pa.string()) for n in table.column_names}
        table = _in_one_piece(table.cast(pa.schema(list(columns.items()))))
        for required in ("sample", "payload", "label"):
            if required not in columns:
                raise UserError(f"corpus {name}: the column {required} is missing.")
            if table.column(required).null_count:
                raise UserError(f"corpus {name}: {table.column(required).null_count} rows have no {required}.")
        if pc.count_distinct(table.column("sample")).as_py() != table.num_rows:
            repeated = next(v["values"] for v in table.column("sample").value_counts().to_pylist() if v["counts"] > 1)
            raise UserError(f"corpus {name}: sample ids must be unique, and some repeat, as {repeated!r}.")
        if descriptions is None:
            descriptions = pa.table({"description_id": pa.array([], pa.string()), "text": pa.array([], pa.string())})
        counts = _class_counts(table, descriptions)
        if len(counts) < 2 and not (descriptions.num_rows and not table.num_rows):
            there = ", ".join(counts) or "none"
            raise UserError(f"corpus {name}: at least two classes are needed, and {len(counts)} is there ({there}).")
        digest = hashing.of_json([FORMAT, hashing.of_table(table), hashing.of_table(descriptions)])
        meta = CorpusMeta(
            name,
            digest,
            table.num_rows,
            descriptions.num_rows,
            dict(sorted(counts.items())),
            tuple(sorted(table.column_names)),
            notes,
        )
        return cls(table, descriptions, meta)

    def __len__(self) -> int:
        return self.meta.rows

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names in their fixed (sorted) order; labels are indices into it."""
        return tuple(self.meta.classes)

    @cached_property
    def labels(self) -> npt.NDArray[np.int64]:
        """Class index of every row, int64 (n,)."""
        return self.codes("label")[0]

    def codes(self, column: str) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
        """Returns a string column as integers (int64 (n,), -1 where missing) and their sorted values."""
        import pyarrow.compute as pc

        if column not in self._columns:
            values = sorted(v for v in self.table.column(column).unique().to_pylist() if v is not None)
            index = pc.index_in(self.table.column(column), value_set=_strings(values))
            codes = pc.fill_null(index, -1).to_numpy().astype(np.int64)
            self._columns[column] = (codes, tuple(values))
        found: tuple[npt.NDArray[np.int64], tuple[str, ...]] = self._columns[column]
        return found

    def payloads(self, rows: npt.NDArray[np.int64]) -> Payloads:
        """Returns a copy of the payloads of the given rows."""
        import pyarrow as pa

        taken = self.table.column("payload").take(pa.array(rows))
        return Payloads.from_arrow(taken)

    def each_payload(self) -> Iterator[bytes]:
        """Yields the payload of every row, without a copy of all of them."""
        column = self.table.column("payload")
        for start in range(0, len(self), _AT_ONCE):
            yield from column.slice(start, _AT_ONCE).to_pylist()

    @cached_property
    def text_of_row(self) -> npt.NDArray[np.int64]:
        """Place of each row's text in the description table, int64 (n,); -1 where it has none."""
        if not self.has("description_id") or not self.meta.descriptions:
            return np.full(len(self), -1, dtype=np.int64)
        place = {name: at for at, name in enumerate(self.descriptions.column("description_id").to_pylist())}
        codes, values = self.codes("description_id")
        return np.array([*(place.get(value, -1) for value in values), -1], dtype=np.int64)[codes]

    def has(self, column: str) -> bool:
        """Whether the payload table has the column."""
        return column in self.meta.columns


def _in_one_piece(table: "pa.Table") -> "pa.Table":
    """Returns the table with one chunk per column; a column that has one already is not copied."""
    import pyarrow as pa

    return pa.table(
        {
            name: column if column.num_chunks == 1 else column.combine_chunks()
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
    )


def _class_counts(table: "pa.Table", descriptions: "pa.Table") -> dict[str, int]:
    """Returns how many payloads each class has; all classes that descriptions name where there is no payload."""
    if not table.num_rows and "label" in descriptions.column_names:
        return {name: 0 for name in descriptions.column("label").unique().to_pylist() if name is not None}
    return {row["values"]: row["counts"] for row in table.column("label").value_counts().to_pylist()}


def _strings(values: list[str]) -> "pa.Array":
    import pyarrow as pa

    return pa.array(values, pa.string())
