"""Content hashes of plain values and of Arrow tables."""

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pyarrow as pa


def of_json(value: Any) -> str:
    """Returns the SHA-256 (hex) of a value's canonical JSON."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def of_array(array: np.ndarray[Any, Any]) -> str:
    """Returns the SHA-256 (hex) of an array's dtype, shape and bytes."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def of_file(path: Path) -> str:
    """Returns the SHA-256 (hex) of a file's bytes."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def of_table(table: "pa.Table") -> str:
    """Returns the SHA-256 (hex) of a table's names, types and values, whatever its chunks and buffers.

    Strings, bytes and lists count by their lengths (-1 for a null) and their values, numbers and dates by their
    values with nulls as zero beside the mask of nulls.
    """
    digest = hashlib.sha256(str(table.num_rows).encode())
    for name in sorted(table.column_names):
        digest.update(f"|{name}:{table.schema.field(name).type}|".encode())
        column = table.column(name)
        _column(column.chunk(0) if column.num_chunks == 1 else column.combine_chunks(), digest)
    return digest.hexdigest()


def _column(array: "pa.Array", digest: "hashlib._Hash") -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_large_binary(kind) or pa.types.is_binary(kind) or pa.types.is_string(kind):
        digest.update(pc.fill_null(pc.binary_length(array).cast(pa.int64()), -1).to_numpy(zero_copy_only=False).data)
        values = array.drop_null() if array.null_count else array
        _, offsets, data = values.cast(pa.large_binary()).buffers()
        if len(values) and data is not None:
            ends = np.frombuffer(offsets, dtype=np.int64)[values.offset :]
            digest.update(np.frombuffer(data, dtype=np.uint8)[ends[0] : ends[len(values)]].data)
    elif pa.types.is_list(kind):
        digest.update(
            pc.fill_null(pc.list_value_length(array).cast(pa.int64()), -1).to_numpy(zero_copy_only=False).data
        )
        _column(array.flatten(), digest)
    else:
        numbers = array.cast(pa.int32()) if pa.types.is_date32(kind) else array
        digest.update(np.ascontiguousarray(numbers.is_null().to_numpy(zero_copy_only=False)).data)
        digest.update(np.ascontiguousarray(pc.fill_null(numbers, 0).to_numpy(zero_copy_only=False)).data)
