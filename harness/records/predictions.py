"""The class probabilities of every tested payload of a cell, in a Parquet file beside the records; never committed.

Records contain counts. With these files, another metric or an ensemble can be computed without running a cell again;
docs/predictions.md describes their columns.
"""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness import hashing
from harness.benchmark import BenchmarkRef
from harness.data.corpus import Corpus
from harness.errors import UserError
from harness.records import old_predictions
from harness.records.predicted_classes import PredictedClasses, plain, reference
from harness.records.schema import Record
from harness.scenario import Environment, Rows
from harness.storage import safe_json
from harness.storage.bounded import TooLarge, in_words
from harness.storage.parquet import batches, open_parquet

if TYPE_CHECKING:
    import pyarrow as pa

FORMAT = 2
MAX_BYTES = 256 * 2**20  # of the columns in memory: 4 million predictions of 11 classes
_ROW_BYTES = 24  # of a row without its probabilities
_GROUP_ROWS = 2**16
_METADATA = b"harness"
_MAX_METADATA_MEMORY = 64 * 2**20
_MOST_CLASSES = 4096


@dataclass(frozen=True)
class EnvironmentPredictions:
    """The predictions of one environment, in the order in which its payloads were predicted.

    Attributes:
        rows: int64 (n,), row of each payload in the corpus.
        samples: n sample ids of the corpus, which for your own data are the mapped ids or row numbers.
        draws: int16 (n,), number of the perturbed draw, 0 in other environments.
        labels: int16 (n,), true class of each payload, an index into the classes.
        units: n names of resampling units, such as CVEs.
        probabilities: float32 (n, classes).
    """

    rows: Rows
    samples: Sequence[str]
    draws: npt.NDArray[np.int16]
    labels: npt.NDArray[np.int16]
    units: Sequence[str]
    probabilities: npt.NDArray[np.float32]

    @property
    def predicted(self) -> npt.NDArray[np.int16]:
        """Predicted class of each payload, int16 (n,)."""
        classes: npt.NDArray[np.int16] = self.probabilities.argmax(axis=1).astype(np.int16)
        return classes

    def __len__(self) -> int:
        return len(self.rows)


@dataclass(frozen=True, eq=False)
class Predictions(Mapping[str, EnvironmentPredictions]):
    """The kept predictions of one cell, a mapping from environments to their predictions.

    Attributes:
        key: key of the cell's record.
        classes: names of the classes, in the order of the probabilities.
        corpus: content hash of the corpus.
        benchmark: reference of the corpus, as the run named it.
        table: all rows, a `pyarrow.Table` with the columns of docs/predictions.md.
    """

    key: str
    classes: tuple[str, ...]
    corpus: str
    benchmark: BenchmarkRef
    table: "pa.Table"

    def __getitem__(self, environment: str) -> EnvironmentPredictions:
        codes, names = self._environments
        rows: Rows = np.flatnonzero(codes == (names.index(environment) if environment in names else -1))
        if not len(rows):
            raise KeyError(environment)
        part = self.table.take(rows)
        flat = part.column("probabilities").combine_chunks().flatten().to_numpy()
        numbers = {name: part.column(name).to_numpy() for name in ("row", "draw", "label")}
        return EnvironmentPredictions(
            numbers["row"],
            part.column("sample").to_pylist(),
            numbers["draw"],
            numbers["label"],
            part.column("unit").to_pylist(),
            flat.reshape(len(part), len(self.classes)),
        )

    def __iter__(self) -> Iterator[str]:
        codes, names = self._environments
        return iter([names[code] for code in dict.fromkeys(codes.tolist())])

    def __len__(self) -> int:
        return len(list(iter(self)))

    @cached_property
    def _environments(self) -> tuple[npt.NDArray[np.int64], list[str]]:
        """The code of each row's environment, and the names that the codes index."""
        column = self.table.column("environment").combine_chunks()
        return column.indices.to_numpy().astype(np.int64), column.dictionary.to_pylist()

    @property
    def predicted_classes(self) -> PredictedClasses:
        """The predicted classes alone."""
        parts = {name: self[name] for name in self}
        return PredictedClasses(self.key, self.benchmark, {n: (p.rows, p.predicted) for n, p in parts.items()})


def encode(
    key: str,
    benchmark: BenchmarkRef,
    corpus: Corpus,
    environments: Mapping[str, Environment],
    tables: Mapping[str, npt.NDArray[np.float32]],
    units: Sequence[str],
) -> bytes:
    """Returns the file of a cell's predictions, with one row group or more per environment.

    Args:
        key: key of the record.
        benchmark: reference of the corpus.
        corpus: the corpus.
        environments: tested environments by name.
        tables: class probabilities by environment, float32 (rows, classes).
        units: name of the resampling unit of each corpus row.

    Raises:
        TooLarge: the columns would take more than `MAX_BYTES`.
    """
    import pyarrow.parquet as pq

    check_size(sum(len(environment.rows) for environment in environments.values()), len(corpus.classes))
    schema = _schema(key, benchmark, corpus.classes, corpus.meta.hash)
    stream = io.BytesIO()
    texts = ["environment", "unit", "sample", "label"]
    with pq.ParquetWriter(stream, schema, compression="zstd", use_dictionary=texts) as writer:
        for name, environment in environments.items():
            table = _table(schema, name, environment, corpus, tables[name], units)
            writer.write_table(table, row_group_size=_GROUP_ROWS)
    return stream.getvalue()


def check_size(rows: int, classes: int) -> None:
    """Checks that predictions are few enough to be kept.

    Raises:
        TooLarge: they are not.
    """
    size = rows * (_ROW_BYTES + 4 * classes)
    if size > MAX_BYTES:
        raise TooLarge(f"have {rows} rows, which take {in_words(size)}; the limit is {in_words(MAX_BYTES)}")


def _table(
    schema: "pa.Schema",
    name: str,
    environment: Environment,
    corpus: Corpus,
    probabilities: npt.NDArray[np.float32],
    units: Sequence[str],
) -> "pa.Table":
    import pyarrow as pa

    rows = environment.rows
    once = max(1, len(rows) // environment.draws)  # draws lie one after the other, each with the same rows
    flat = pa.array(np.ascontiguousarray(probabilities, np.float32).reshape(-1))
    columns = {
        "environment": pa.array([name] * len(rows), pa.string()).dictionary_encode(),
        "row": pa.array(rows),
        "sample": corpus.table.column("sample").take(pa.array(rows)),
        "draw": pa.array((np.arange(len(rows)) // once).astype(np.int16)),
        "label": pa.array(corpus.labels[rows].astype(np.int16)),
        "unit": pa.array([units[row] for row in rows.tolist()], pa.string()).dictionary_encode(),
        "probabilities": pa.FixedSizeListArray.from_arrays(flat, probabilities.shape[1]),
    }
    return pa.table({field.name: columns[field.name] for field in schema}).cast(schema)


def _schema(key: str, benchmark: BenchmarkRef, classes: Sequence[str], corpus: str) -> "pa.Schema":
    metadata = {
        "format": FORMAT,
        "key": key,
        "classes": list(classes),
        "corpus": corpus,
        "benchmark": plain(benchmark),
    }
    return _columns(len(classes)).with_metadata({_METADATA: json.dumps(metadata, sort_keys=True).encode()})


def _columns(classes: int) -> "pa.Schema":
    import pyarrow as pa

    text = pa.dictionary(pa.int32(), pa.string())
    return pa.schema(
        {
            "environment": text,
            "row": pa.int64(),
            "sample": pa.string(),
            "draw": pa.int16(),
            "label": pa.int16(),
            "unit": text,
            "probabilities": pa.list_(pa.float32(), classes),
        }
    )


def read(path: Path) -> Predictions:
    """Reads a file of predictions, which may come from another person.

    Raises:
        ValueError: the file cannot be read, is damaged or too large, or is not a file of predictions.
    """
    try:
        with open_parquet(path) as file:
            entry = (file.schema_arrow.metadata or {}).get(_METADATA)
            if entry is None:
                raise ValueError("its metadata have no entry harness")
            metadata = safe_json.loads(entry, _MAX_METADATA_MEMORY)
            if metadata["format"] != FORMAT:
                raise ValueError(f"format {metadata['format']} is unknown; this version reads format {FORMAT}")
            classes = _class_names(metadata["classes"])
            check_size(file.metadata.num_rows, len(classes))
            columns = _columns(len(classes))
            if not file.schema_arrow.remove_metadata().equals(columns):
                raise ValueError("its columns are not those of predictions")
            table = _checked(path, file, columns, len(classes)).replace_schema_metadata({_METADATA: entry})
        return Predictions(
            str(metadata["key"]), classes, str(metadata["corpus"]), reference(metadata["benchmark"]), table
        )
    except (UserError, TooLarge, OSError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(str(error).rstrip(".")) from error
    except RecursionError as error:
        raise ValueError("its benchmark is nested too deeply") from error


def read_classes(path: Path) -> PredictedClasses:
    """Reads the predicted classes of a file of predictions; see `read`."""
    return read(path).predicted_classes if path.suffix == ".parquet" else old_predictions.read(path)


def check_record(predictions: Predictions, record: Record) -> None:
    """Checks that predictions are those from which a record was counted.

    Raises:
        ValueError: they are of another record, or of another run of its cell.
    """
    result = record.result
    if predictions.key != record.key or result is None or list(predictions.classes) != result.classes:
        raise ValueError("the file belongs to another record")
    hashes = {name: hashing.of_array(part.predicted) for name, part in predictions.items()}
    if hashes != result.predictions:
        raise ValueError("the file is of another run of the cell than its record; run it again with --rerun")


def _class_names(names: Any) -> tuple[str, ...]:
    if not isinstance(names, list) or not 0 < len(names) <= _MOST_CLASSES:
        raise ValueError(f"it must name from 1 to {_MOST_CLASSES} classes")
    if not all(isinstance(name, str) for name in names):
        raise ValueError("the names of its classes must be text")
    return tuple(names)


def _checked(path: Path, file: Any, columns: "pa.Schema", classes: int) -> "pa.Table":
    """Returns the rows of an open file, in which every value can be used."""
    import pyarrow as pa

    in_order = pa.schema([columns.field(name) for name in sorted(columns.names)])  # as `batches` gives them
    table = pa.Table.from_batches(batches(path, file, columns.names), in_order).select(columns.names)
    table = table.unify_dictionaries().combine_chunks()
    if any(column.null_count for column in table.columns):
        raise ValueError("a value is missing")
    label, draw, row = (table.column(name).to_numpy() for name in ("label", "draw", "row"))
    if len(table) and (label.min() < 0 or label.max() >= classes or draw.min() < 0 or row.min() < 0):
        raise ValueError("a label, a draw or a row is out of range")
    return table
