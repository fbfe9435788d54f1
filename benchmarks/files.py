"""``files:PATH``: the user's own requests, from JSONL, JSONL.gz or Parquet."""

import datetime
import gzip
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from harness import BenchmarkRef, Corpus, NaturalBenchmark, UserError, hashing, nearest, register_benchmark

VERSION = 2  # of the loader: a change makes cached corpora stale
FIELDS = ("payload", "label", "id", "group", "date", "description", "cve", "vendor", "product", "source", "technique")
MOST_BROKEN = 0.01  # share of rows without a payload or label that is dropped and counted; more is refused


@register_benchmark(
    "files", summary="your own requests: JSONL, JSONL.gz or Parquet, with --map and --where", argument="PATH"
)
class Files(NaturalBenchmark):
    """A corpus from one file."""

    def __init__(self, ref: BenchmarkRef) -> None:
        super().__init__(ref)
        self._path = Path(ref.argument or "")
        if not self._path.is_file():
            raise UserError(f"--bench files:{ref.argument}: there is no such file.")
        for field in ref.mapping:
            if field not in FIELDS and not re.fullmatch(r"cue\.[A-Za-z0-9._-]+", field):
                known = [*FIELDS, "cue.NAME"]
                raise UserError(f"--map {field}=…: the field {field} is unknown; {nearest(field, known)}")
        if missing := [field for field in ("payload", "label") if field not in ref.mapping]:
            raise UserError(
                f"--bench {ref}: --map must name the columns of payload and label; {missing[0]} is missing."
            )
        self._digest = hashing.of_file(self._path)

    @property
    def name(self) -> str:
        """``files-`` and the file's name without its endings."""
        return "files-" + re.sub(r"[^a-z0-9._-]+", "-", self._path.name.lower().split(".")[0])

    @property
    def fingerprint(self) -> str:
        """See `NaturalBenchmark.fingerprint`."""
        where = {column: list(values) for column, values in self.ref.where.items()}
        return hashing.of_json(["files", VERSION, self.name, self._digest, dict(self.ref.mapping), where])

    def source(self) -> Path:
        """See `Benchmark.source`."""
        return self._path

    def load(self) -> Corpus:
        """See `NaturalBenchmark.load`."""
        return _Loader(self._path, self.ref.mapping, self.ref.where).corpus(self.name)

    def remedy(self, column: str) -> str:
        """See `NaturalBenchmark.remedy`."""
        return f"--map {column}=COLUMN" + (" (or A+B for several)" if column == "group" else "")


class _Loader:
    """Reads the rows that ``where`` keeps and casts the mapped columns; counts what it leaves out."""

    def __init__(self, path: Path, mapping: Mapping[str, str], where: Mapping[str, tuple[str, ...]]) -> None:
        self._path = path
        self._where = where
        self._groups = list(dict.fromkeys(mapping["group"].split("+"))) if "group" in mapping else []
        self._fields = {field: column for field, column in mapping.items() if field != "group"}
        self._broken: list[str] = []

    def corpus(self, name: str) -> Corpus:
        """Returns the corpus of the rows that can be used, with a note on those that cannot."""
        import pyarrow as pa

        columns: dict[str, list[Any]] = {field: [] for field in self._fields}
        groups: dict[str, list[str | None]] = {column: [] for column in self._groups}
        total = 0
        for number, row in self._rows():
            if any(_spelling(row.get(column)) not in values for column, values in self._where.items()):
                continue
            total += 1
            try:
                cast = {field: _CASTS.get(field, _text)(row.get(column)) for field, column in self._fields.items()}
                links = {column: _text(row.get(column)) for column in self._groups}
            except ValueError as error:
                self._broken.append(f"row {number}: {error}")
                continue
            for field, value in cast.items():
                columns[field].append(value)
            for column in self._groups:
                groups[column].append(links[column])
        self._check(total)
        table = {("sample" if field == "id" else field): values for field, values in columns.items()}
        table.setdefault("sample", [str(i) for i in range(len(table["payload"]))])
        texts = table.pop("description", None)
        descriptions = None
        if texts is not None:
            table["description_id"] = [
                None if t is None else hashlib.sha256(t.encode()).hexdigest()[:16] for t in texts
            ]
            distinct = {i: t for i, t in zip(table["description_id"], texts, strict=True) if i is not None}
            descriptions = pa.table(
                {
                    "description_id": pa.array(list(distinct), pa.string()),
                    "text": pa.array(list(distinct.values()), pa.string()),
                }
            )
        payload = pa.array(table.pop("payload"), pa.large_binary())
        date = {"date": pa.array(table.pop("date"), pa.date32())} if "date" in table else {}
        strings = {field: pa.array(values, pa.string()) for field, values in table.items()}
        grouped = {f"group.{column}": pa.array(values, pa.string()) for column, values in groups.items()}
        return Corpus.create(
            name, pa.table({"payload": payload, **strings, **grouped, **date}), descriptions, notes=self._notes()
        )

    def _check(self, total: int) -> None:
        if total == 0:
            raise UserError(f"{self._path}: no row is left" + (" after --where." if self._where else "."))
        if len(self._broken) > MOST_BROKEN * total:
            raise UserError(
                f"{self._path}: {len(self._broken)} of {total} rows cannot be used ({self._broken[0]}); "
                f"up to {MOST_BROKEN:.0%} are left out and counted."
            )

    def _notes(self) -> tuple[str, ...]:
        if not self._broken:
            return ()
        return (f"{len(self._broken)} rows were left out: {'; '.join(self._broken[:5])}",)

    def _rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        """Yields (row number from 1, row); checks at the end that every column was there."""
        wanted = [*self._fields.values(), *self._groups, *self._where]
        seen: set[str] = set()
        for number, row in self._raw_rows():
            seen.update(row)
            yield number, row
        if not seen:
            raise UserError(f"{self._path} holds no row.")
        for column in wanted:
            if column not in seen:
                raise UserError(f"{self._path} has no column {column}; {nearest(column, sorted(seen))}")

    def _raw_rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        return self._parquet_rows() if self._path.suffix == ".parquet" else self._json_rows()

    def _json_rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        opener = gzip.open if self._path.suffix == ".gz" else open
        try:
            with opener(self._path, "rb") as stream:
                number = 0
                for number, line in enumerate(stream, start=1):
                    if line.strip():
                        yield number, self._parse(number, line)
        except (OSError, EOFError) as error:
            raise UserError(f"{self._path} cannot be read: {error}.") from error
        if number == 0:
            raise UserError(f"{self._path} is empty.")

    def _parse(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            row = json.loads(line)
        except ValueError as error:
            raise UserError(f"{self._path}, line {number}: no JSON ({error}).") from error
        if not isinstance(row, dict):
            raise UserError(f"{self._path}, line {number}: a JSON object is needed, not {type(row).__name__}.")
        return row

    def _parquet_rows(self) -> Iterator[tuple[int, dict[str, Any]]]:
        import pyarrow as pa
        import pyarrow.parquet as pq

        wanted = {*self._fields.values(), *self._groups, *self._where}
        try:
            file = pq.ParquetFile(self._path)
            names = file.schema_arrow.names
            for column in sorted(wanted - set(names)):
                raise UserError(f"{self._path} has no column {column}; {nearest(column, names)}")
            number = 0
            for batch in file.iter_batches(batch_size=8192, columns=sorted(wanted)):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
        except pa.ArrowInvalid as error:
            raise UserError(f"{self._path} is no Parquet file ({error}).") from error


def _spelling(value: Any) -> str:
    """A value as ``--where`` spells it: true and false as in JSON."""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _text(value: Any) -> str | None:
    if value is None or value == "":
        return None
    text = _spelling(value)
    if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError(f"the text {text[:20]!r} holds half a surrogate pair")
    return text


def _required_text(value: Any) -> str:
    text = _text(value)
    if text is None:
        raise ValueError("the label is missing")
    return text


def _payload(value: Any) -> bytes:
    if isinstance(value, bytes):
        return value
    if not isinstance(value, str) or not value:
        raise ValueError("the payload is missing or no text")
    return value.encode("utf-8", "surrogateescape" if value.isascii() else "surrogatepass")


def _date(value: Any) -> datetime.date | None:
    """Reads a date, an ISO 8601 text or a year."""
    if value is None or value == "":
        return None
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    text = str(value)
    try:
        return (
            datetime.date(int(text), 1, 1) if re.fullmatch(r"\d{4}", text) else datetime.date.fromisoformat(text[:10])
        )
    except ValueError as error:
        raise ValueError(f"the date {text!r} is neither a year nor ISO 8601") from error


_CASTS = {"payload": _payload, "label": _required_text, "date": _date}
