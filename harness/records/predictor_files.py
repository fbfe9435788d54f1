"""Helpers for `Predictor.save` and `Method.load`: arrays as safetensors, other values as JSON, no pickle.

The harness adds a manifest with the hashes of all files to the folder, and checks it before a method loads
(`harness.records.predictors`). The hashes show that the files are those that were saved together, not who saved them:
anyone can write other files and a manifest for them. So the functions that read take a description of what the method
wrote (``expected``), and refuse anything else.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import UserError
from harness.safe_text import printable
from harness.space import Space
from harness.storage import bounded, safe_json

Array = npt.NDArray[Any]
MAX_VALUES_BYTES = 256 * 2**20  # of a file of values


@dataclass(frozen=True)
class ArraySpec:
    """What an array of a saved predictor must be; values must be finite in any case.

    Attributes:
        dtype: NumPy's name of the dtype, such as ``float32``.
        shape: one length per dimension. A name in place of a number stands for any length, which must be the same
            wherever the name occurs in the file.
        low, high: range of the values, both included.
        ascending: whether each value of a one-dimensional array must be larger than the one before it.
    """

    dtype: str
    shape: tuple[int | str, ...]
    low: float = -math.inf
    high: float = math.inf
    ascending: bool = False

    def problem(self, array: Array, lengths: dict[str, int]) -> str:
        """Returns what is wrong with an array, or an empty string.

        Args:
            array: the array.
            lengths: lengths of the named dimensions so far; those of this array are added.
        """
        same_shape = array.ndim == len(self.shape) and all(
            length == (lengths.setdefault(known, length) if isinstance(known, str) else known)
            for known, length in zip(self.shape, array.shape, strict=True)
        )
        if str(array.dtype) != self.dtype or not same_shape:
            shape = tuple(lengths.get(known, known) if isinstance(known, str) else known for known in self.shape)
            return f"is {array.dtype} {_text(array.shape)}; it must be {self.dtype} {_text(shape)}"
        if not array.size or array.dtype == bool:
            return ""
        if not np.isfinite(array).all():
            return "contains NaN or infinite values"
        if array.min() < self.low or array.max() > self.high:
            return f"has values from {array.min()} to {array.max()}; they must be from {self.low} to {self.high}"
        if self.ascending and (array[1:] <= array[:-1]).any():
            return "must be ascending, without equal values"
        return ""


def _text(shape: tuple[int | str, ...]) -> str:
    return f"({', '.join(map(str, shape))})"


def invalid(path: Path, problem: str) -> UserError:
    """Returns the error for a file that the method cannot have written; ``problem`` says what is wrong in it."""
    return UserError(f"{printable(str(path))}: {printable(problem)}; this method does not save such a file.")


def write_arrays(folder: Path, arrays: Mapping[str, Array], name: str = "arrays") -> None:
    """Writes named arrays of any shape, of numbers or Boolean values, to ``NAME.safetensors``.

    For the weights of a torch module pass ``{k: v.numpy(force=True) for k, v in module.state_dict().items()}``.
    """
    from safetensors.numpy import save_file

    save_file({key: np.asarray(array, order="C") for key, array in arrays.items()}, folder / f"{name}.safetensors")


def read_arrays(
    folder: Path, name: str = "arrays", expected: Mapping[str, ArraySpec] | None = None
) -> dict[str, Array]:
    """Reads the arrays that `write_arrays` wrote, with their dtypes and shapes, as writable copies.

    Args:
        folder: folder of the saved predictor.
        name: as in `write_arrays`.
        expected: what each array must be; other arrays are refused. None: any arrays; check them before use.

    Raises:
        UserError: the file does not exist, is not a complete safetensors file, or does not hold the expected arrays.

    Example::

        specs = {"means": ArraySpec("float64", (len(context.classes), COLUMNS), low=0, high=1)}
        means = predictor_files.read_arrays(folder, expected=specs)["means"]
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = folder / f"{name}.safetensors"
    try:
        bounded.check_safetensors(path)
        arrays = dict(load_file(path))
    except (OSError, SafetensorError, bounded.TooLarge) as error:
        raise UserError(f"{path} is not a complete safetensors file ({error}).") from error
    except (KeyError, TypeError, ValueError, OverflowError) as error:  # a dtype or a shape that NumPy does not have
        raise invalid(path, f"an array has a dtype or a shape that NumPy cannot read ({error})") from error
    if expected is not None:
        _check_names(path, "array", arrays, expected)
        lengths: dict[str, int] = {}
        for key, spec in expected.items():
            if problem := spec.problem(arrays[key], lengths):
                raise invalid(path, f"the array {key} {problem}")
    return arrays


def write_values(folder: Path, values: Mapping[str, Any], name: str = "values") -> None:
    """Writes plain values (numbers, strings, lists and dictionaries of them) to ``NAME.json``."""
    (folder / f"{name}.json").write_text(json.dumps(values, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def read_values(folder: Path, name: str = "values", expected: Space | None = None) -> dict[str, Any]:
    """Reads the values that `write_values` wrote; floats are restored exactly.

    Args:
        folder: folder of the saved predictor.
        name: as in `write_values`.
        expected: the range of each value, as in a search space; other values are refused. None: any values; check them
            before use.

    Raises:
        UserError: the file does not exist, is not complete JSON with finite numbers, does not contain a JSON object, or
            does not hold the expected values.

    Example::

        values = predictor_files.read_values(folder, expected={"length": Int(1, 4, default=3)})
    """
    path = folder / f"{name}.json"
    try:
        values = safe_json.loads(bounded.read(path, MAX_VALUES_BYTES))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not a complete JSON file ({error}).") from error
    if not isinstance(values, dict):
        raise UserError(f"{path} does not contain a JSON object.")
    if expected is not None:
        _check_names(path, "value", values, expected)
        for key, dimension in expected.items():
            if not dimension.contains(values[key]):
                raise invalid(path, f"{key} is {_short(values[key])}; it must be {dimension.requirement}")
    return values


def _check_names(path: Path, what: str, items: Mapping[str, Any], expected: Mapping[str, Any]) -> None:
    if missing := sorted(set(expected) - set(items)):
        raise invalid(path, f"the {what} {missing[0]} is missing")
    if unknown := sorted(set(items) - set(expected)):
        raise invalid(path, f"there is an unknown {what} {_short(unknown[0])}")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:59]}…"
