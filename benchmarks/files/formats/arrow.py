"""Reads Parquet files, and Arrow files and streams (Feather), with the names of Hugging Face's ClassLabel columns."""

from collections.abc import Collection, Iterator, Mapping
from typing import TYPE_CHECKING, Any

from harness import UserError, nearest, sources

from ..data_file import DataFile
from ..rows import RawRow

if TYPE_CHECKING:
    import pyarrow as pa


def read_parquet(file: DataFile, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    """Yields the rows of a Parquet file.

    Raises:
        UserError: it cannot be read within the limits, or lacks a column.
    """
    if file.path is None:
        raise UserError(f"{file.title} is a Parquet file in an archive, which is read from its end; unpack it first.")
    with sources.open_parquet(file.path) as opened:
        _check(file, opened.schema_arrow, columns)
        yield from _rows(sources.batches(file.path, opened, columns), opened.schema_arrow)


def read_arrow(file: DataFile, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    """Yields the rows of an Arrow file or stream.

    Raises:
        UserError: it cannot be read within the limits, or lacks a column.
    """
    with file.open() as stream, sources.ArrowStream(file.title, stream, file.size) as opened:
        _check(file, opened.schema, columns)
        yield from _rows(opened.batches(columns), opened.schema)


def _check(file: DataFile, schema: "pa.Schema", columns: Collection[str]) -> None:
    try:
        names = schema.names
    except UnicodeDecodeError as error:
        raise UserError(f"{file.title} is damaged: the name of a column is not UTF-8.") from error
    for column in sorted(columns):
        if column not in names:
            raise UserError(f"{file.title} has no column {column}; {nearest(column, names)}")
        if names.count(column) > 1:
            raise UserError(f"{file.title} has several columns named {column}; rename all but one.")


def _rows(batches: "Iterator[pa.RecordBatch]", schema: "pa.Schema") -> Iterator[RawRow]:
    classes = _class_names(schema)
    number = 0
    for batch in batches:
        for values, problem in _values(batch):
            number += 1
            if classes and values is not None:
                for column, names in classes.items():
                    if column in values:
                        values[column] = _named(values[column], names)
            yield RawRow(f"row {number}", values, problem)


def _class_names(schema: "pa.Schema") -> Mapping[str, list[str]]:
    """Returns the names of the classes of each ClassLabel column, from the metadata that `datasets` writes."""
    try:
        metadata = sources.safe_json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = metadata["info"]["features"]
        return {
            str(column): list(map(str, feature["names"]))
            for column, feature in features.items()
            if isinstance(feature, dict) and feature.get("_type") == "ClassLabel" and feature.get("names")
        }
    except (LookupError, TypeError, ValueError, AttributeError):
        return {}


def _named(value: Any, names: list[str]) -> Any:
    if isinstance(value, list):
        return [_named(item, names) for item in value]
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else None if value == -1 else value


def _values(batch: "pa.RecordBatch") -> Iterator[tuple[dict[str, Any] | None, str]]:
    """Yields the values of each row of a batch, or why it cannot be read."""
    try:
        try:
            rows = batch.to_pylist()
        except UnicodeDecodeError:
            rows = [{name: _text(value) for name, value in row.items()} for row in _with_bytes(batch).to_pylist()]
    except (ValueError, ArithmeticError) as error:
        if len(batch) == 1:
            yield None, f"it has a value that cannot be read ({error})"
        else:
            for row in range(len(batch)):
                yield from _values(batch.slice(row, 1))
    else:
        yield from ((values, "") for values in rows)


def _text(value: Any) -> Any:
    """Returns bytes as text if they are UTF-8."""
    try:
        return value.decode() if isinstance(value, bytes) else value
    except UnicodeDecodeError:
        return value


def _with_bytes(batch: "pa.RecordBatch") -> "pa.RecordBatch":
    """Returns a batch whose text is given as bytes: ClickHouse and others write bytes that are not UTF-8 as text."""
    import pyarrow as pa

    arrays = []
    for array in batch.columns:
        if pa.types.is_dictionary(array.type):
            array = array.dictionary_decode()
        if pa.types.is_string(array.type) or str(array.type) == "string_view":
            array = array.cast(pa.binary())
        elif pa.types.is_large_string(array.type):
            array = array.cast(pa.large_binary())
        arrays.append(array)
    return pa.RecordBatch.from_arrays(arrays, batch.schema.names)
