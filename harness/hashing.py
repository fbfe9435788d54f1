"""SHA-256 content hashes of JSON values, NumPy arrays, files and Arrow tables."""

import contextlib
import hashlib
import json
import re
import types
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness import regular_file

if TYPE_CHECKING:
    import pyarrow as pa


def of_json(value: Any) -> str:
    """Returns the SHA-256 (hex) of a value's canonical JSON: sorted keys, no white space, ASCII only."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def of_array(array: np.ndarray[Any, Any]) -> str:
    """Returns the SHA-256 (hex) of an array's dtype, shape and bytes."""
    digest = hashlib.sha256(f"{array.dtype.str}{array.shape}".encode())
    digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def of_file(path: Path) -> str:
    """Returns the SHA-256 (hex) of a regular file's bytes."""
    with regular_file.open_file(path) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def of_code(value: object) -> str:
    """Returns the SHA-256 (hex) of the code of a class or function, with the code of its own module that it uses.

    Two equal definitions have equal hashes in any process of the same Python version. Comments, line numbers and file
    names are ignored. Objects of other modules are hashed by name only.
    """
    parts: list[str] = []
    _describe_code(value, getattr(value, "__module__", None), parts, set())
    return of_json(parts)


def _describe_code(value: object, module: str | None, parts: list[str], visited: set[int]) -> None:
    if id(value) in visited:
        return
    visited.add(id(value))
    if isinstance(value, type) and value.__module__ == module:
        parts.append(f"class {value.__qualname__}")
        members = [*value.__bases__, *(vars(value)[name] for name in sorted(vars(value)) if name not in _UNSTABLE)]
        for member in members:
            _describe_code(member, module, parts, visited)
    elif isinstance(value, types.FunctionType) and value.__module__ == module:
        _describe_function(value, module, parts, visited)
    elif isinstance(value, staticmethod | classmethod):
        _describe_code(value.__func__, module, parts, visited)
    elif isinstance(value, property):
        _describe_code(value.fget, module, parts, visited)
    elif isinstance(value, type | types.FunctionType | types.ModuleType | types.BuiltinFunctionType):
        parts.append(f"{getattr(value, '__module__', '')} {getattr(value, '__qualname__', value.__name__)}")
    else:
        parts.append(re.sub(r" at 0x[0-9a-f]+", "", repr(value)))


# Entries of a class's dictionary that are not part of its definition; ``info`` is set by the registration.
_UNSTABLE = {
    "__module__", "__dict__", "__weakref__", "__doc__", "__firstlineno__", "__static_attributes__", "info",
    "__abstractmethods__", "_abc_impl", "__annotations__", "__annotate_func__", "__annotations_cache__",
}  # fmt: skip


def _describe_function(function: types.FunctionType, module: str, parts: list[str], visited: set[int]) -> None:
    parts.append(f"def {function.__qualname__} {function.__defaults__!r} {function.__kwdefaults__!r}")
    for cell in function.__closure__ or ():
        with contextlib.suppress(ValueError):  # a variable that is not assigned yet
            _describe_code(cell.cell_contents, module, parts, visited)
    codes = [function.__code__]
    while codes:
        code = codes.pop()
        constants = [
            sorted(map(repr, c)) if isinstance(c, frozenset) else repr(c)  # a set's order differs between processes
            for c in code.co_consts
            if not isinstance(c, types.CodeType)
        ]
        parts.append(f"{code.co_code.hex()} {code.co_names} {code.co_varnames} {constants}")
        codes += [constant for constant in code.co_consts if isinstance(constant, types.CodeType)]
        for name in code.co_names:
            if name in function.__globals__:
                _describe_code(function.__globals__[name], module, parts, visited)


def of_table(table: "pa.Table") -> str:
    """Returns the SHA-256 (hex) of a table's column names, types and values.

    Equal tables have equal hashes, however they are split into chunks and buffers. Strings, bytes and lists are hashed
    as their lengths (-1 for a null) and their values; numbers and dates as the mask of nulls and their values, with
    nulls as zero.
    """
    digest = hashlib.sha256(str(table.num_rows).encode())
    for name in sorted(table.column_names):
        digest.update(f"|{name}:{table.schema.field(name).type}|".encode())
        _update_column(_one_array(table.column(name)), digest)
    return digest.hexdigest()


def _one_array(column: "pa.ChunkedArray") -> "pa.Array":
    import pyarrow as pa

    if not column.num_chunks:
        return pa.nulls(0, column.type)  # `combine_chunks` would import pandas, see `_filled`
    return column.chunk(0) if column.num_chunks == 1 else column.combine_chunks()


def _update_column(array: "pa.Array", digest: "hashlib._Hash") -> None:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = array.type
    if pa.types.is_large_binary(kind) or pa.types.is_binary(kind) or pa.types.is_string(kind):
        digest.update(_filled(pc.binary_length(array).cast(pa.int64()), -1).data)
        values = (array.drop_null() if array.null_count else array).cast(pa.large_binary())
        # A slice shares its parent's data buffer: hash only the bytes between its own first and last offset.
        _, offsets, data = values.buffers()
        if len(values) and data is not None:
            ends = np.frombuffer(offsets, dtype=np.int64)[values.offset :]
            digest.update(np.frombuffer(data, dtype=np.uint8)[ends[0] : ends[len(values)]].data)
    elif pa.types.is_list(kind):
        digest.update(_filled(pc.list_value_length(array).cast(pa.int64()), -1).data)
        _update_column(array.flatten(), digest)
    else:
        digest.update(_filled(array.is_null(), 0).data)
        digest.update(_filled(array, 0).data)


def _filled(array: "pa.Array", null: int) -> np.ndarray[Any, Any]:
    """Returns the values of an array of numbers, dates or Boolean values (one byte each), with nulls replaced.

    Arrow's ``to_numpy`` and ``fill_null`` would import pandas where it is installed, which takes most of a second.
    """
    import pyarrow as pa

    if pa.types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    values = np.frombuffer(array.buffers()[1] or b"", dtype=f"i{array.type.bit_width // 8}")
    values = values[array.offset : array.offset + len(array)]
    if array.null_count:
        values = values.copy()
        bits = np.frombuffer(array.buffers()[0], dtype=np.uint8)
        present = np.unpackbits(bits, bitorder="little")[array.offset : array.offset + len(array)]
        values[present == 0] = null
    return values
