"""The corpus: a table of payloads, a table of descriptions, and metadata with a content hash."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness import hashing
from harness.data import values
from harness.data.payloads import Payloads
from harness.errors import UserError

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 1  # version of the tables; raise it to make every record stale
_BATCH = 1024  # rows that `Corpus.each_payload` converts from Arrow at a time
GROUP, CUE = "group.", "cue."  # column prefixes
NAMED = frozenset(("vendor", "product"))  # columns of names that occur in several spellings
CVES = frozenset(("cve", GROUP + "cve"))  # columns of CVEs
# Columns whose equal values link rows, beside CVEs and groups. Vendors and products are compared by `name_key`,
# and keep their spelling.
_UNITS = frozenset(("source", "technique", "cwe"))


def name_key(text: str) -> str:
    """Returns a key that is equal for all spellings of a vendor or product name; empty for an unknown name.

    CVE records spell the same product ``Jira Server`` and ``jira_server``, and an unknown one ``n/a``.
    """
    key = "".join(letter for letter in text.casefold() if letter.isalnum())
    return "" if values.is_missing(key) else key


def payload_fields() -> "dict[str, pa.DataType]":
    """Returns the fixed columns of a payload table and their Arrow types.

    ``sample`` (unique), ``payload`` and ``label`` are never null. ``span`` holds the flat byte offsets of the attack:
    start, end, start, end ... ``core`` identifies the attack, ``cluster`` a set of near-duplicates. A table may also
    have string columns named ``group.*`` (name of a group) and ``cue.*`` (value of a cue).
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
    """Metadata of a corpus, available without reading its rows.

    Attributes:
        name: name of the benchmark or file.
        hash: SHA-256 (hex) of the tables' content.
        rows, descriptions: number of payloads, and of descriptions.
        classes: class name to its number of payloads, sorted by name.
        columns: column names of the payload table, sorted.
        notes: what was dropped or changed while the corpus was built, one sentence each.
        lacks: scenarios that the rows do not support, with the reason in one sentence.
        left_out: rows of the source that are not in the corpus: reason, count, example.
        origin: licence and commit of the source, if known.
    """

    name: str
    hash: str
    rows: int
    descriptions: int
    classes: dict[str, int]
    columns: tuple[str, ...]
    notes: tuple[str, ...] = ()
    lacks: dict[str, str] = field(default_factory=dict)
    left_out: tuple[tuple[str, int, str], ...] = ()
    origin: dict[str, str] = field(default_factory=dict)

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
    """Payloads with their labels and attributes, and the descriptions that they refer to.

    Attributes:
        table: one row per payload, see `payload_fields`.
        descriptions: columns ``description_id``, ``text`` and, if known, ``label`` and ``cve``; may be empty.
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

        Missing values of labels and units become null, and a CVE gets one spelling; see `harness.data.values`.

        Raises:
            UserError: a required column is missing or has nulls, sample ids repeat, or there are fewer than two
                classes. If there are no payloads, the classes are those of the descriptions.
        """
        import pyarrow as pa
        import pyarrow.compute as pc

        types = payload_fields()
        columns = {n: types.get(n, pa.string()) for n in table.column_names}
        table = _combine_chunks(_one_spelling(table.cast(pa.schema(list(columns.items())))))
        for required in ("sample", "payload", "label"):
            if required not in columns:
                raise UserError(f"corpus {name}: the column {required} is missing.")
            if table.column(required).null_count:
                raise UserError(f"corpus {name}: {table.column(required).null_count} rows have no {required}.")
        if pc.count_distinct(table.column("sample")).as_py() != table.num_rows:
            repeated = next(v["values"] for v in table.column("sample").value_counts().to_pylist() if v["counts"] > 1)
            raise UserError(f"corpus {name}: sample ids must be unique, but {repeated!r} occurs more than once.")
        if descriptions is None:
            descriptions = pa.table({"description_id": pa.array([], pa.string()), "text": pa.array([], pa.string())})
        descriptions = _one_spelling(descriptions)
        counts = _class_counts(table, descriptions)
        if len(counts) < 2 and not (descriptions.num_rows and not table.num_rows):
            names = ", ".join(counts) or "none"
            raise UserError(f"corpus {name}: at least two classes are needed; it has {len(counts)} ({names}).")
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
        """Class names, sorted; labels are indices into this tuple."""
        return tuple(self.meta.classes)

    @cached_property
    def labels(self) -> npt.NDArray[np.int64]:
        """Class index of every row, int64 (n,)."""
        return self.codes("label")[0]

    def codes(self, column: str) -> tuple[npt.NDArray[np.int64], tuple[str, ...]]:
        """Returns a string column as codes, int64 (n,), -1 for a missing value, and the sorted values they index."""
        import pyarrow.compute as pc

        if column not in self._columns:
            names = sorted(v for v in self.table.column(column).unique().to_pylist() if v is not None)
            index = pc.index_in(self.table.column(column), value_set=_strings(names))
            codes = pc.fill_null(index, -1).to_numpy().astype(np.int64)
            self._columns[column] = (codes, tuple(names))
        codes_and_values: tuple[npt.NDArray[np.int64], tuple[str, ...]] = self._columns[column]
        return codes_and_values

    def payloads(self, rows: npt.NDArray[np.int64]) -> Payloads:
        """Returns a copy of the payloads of the given rows."""
        import pyarrow as pa

        return Payloads.from_arrow(self.table.column("payload").take(pa.array(rows)))

    def each_payload(self) -> Iterator[bytes]:
        """Yields the payload of every row, converting a batch at a time to bound memory."""
        column = self.table.column("payload")
        for start in range(0, len(self), _BATCH):
            yield from column.slice(start, _BATCH).to_pylist()

    @cached_property
    def text_of_row(self) -> npt.NDArray[np.int64]:
        """Index of each row's text in the description table, int64 (n,); -1 if it has none."""
        if not self.has("description_id") or not self.meta.descriptions:
            return np.full(len(self), -1, dtype=np.int64)
        index = {name: i for i, name in enumerate(self.descriptions.column("description_id").to_pylist())}
        codes, values = self.codes("description_id")
        # The last entry, -1, is what the code -1 of a missing id selects.
        return np.array([*(index.get(value, -1) for value in values), -1], dtype=np.int64)[codes]

    def has(self, column: str) -> bool:
        """Whether the payload table has the column."""
        return column in self.meta.columns


def _one_spelling(table: "pa.Table") -> "pa.Table":
    """Returns the table with one spelling of each label and unit, and null where the text says that it is missing."""
    for index, name in enumerate(table.column_names):
        if name in CVES:
            convert = values.cve
        elif name == "label":
            convert = values.label
        elif name in _UNITS or name.startswith(GROUP):
            convert = values.unit
        else:
            continue
        table = table.set_column(index, name, values.converted(table.column(index), convert))
    return table


def _combine_chunks(table: "pa.Table") -> "pa.Table":
    """Returns the table with one chunk per column; a column that already has one chunk is not copied."""
    import pyarrow as pa

    return pa.table(
        {
            name: column if column.num_chunks == 1 else column.combine_chunks()
            for name, column in zip(table.column_names, table.columns, strict=True)
        }
    )


def _class_counts(table: "pa.Table", descriptions: "pa.Table") -> dict[str, int]:
    """Returns the number of payloads of each class; without payloads, zero for each class of the descriptions."""
    if not table.num_rows and "label" in descriptions.column_names:
        return {name: 0 for name in descriptions.column("label").unique().to_pylist() if name is not None}
    return {row["values"]: row["counts"] for row in table.column("label").value_counts().to_pylist()}


def _strings(texts: list[str]) -> "pa.Array":
    import pyarrow as pa

    return pa.array(texts, pa.string())
