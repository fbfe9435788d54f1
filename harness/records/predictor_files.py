"""Helpers for `Predictor.save` and `Method.load`: arrays as safetensors, other values as JSON, no pickle.

The harness adds a manifest with the hashes of all files to the folder, and checks it before a method loads
(`harness.records.predictors`), so these functions only read complete, unchanged files.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import UserError
from harness.storage import bounded

Array = npt.NDArray[Any]
MAX_VALUES_BYTES = 256 * 2**20  # of a file of values


def write_arrays(folder: Path, arrays: Mapping[str, Array], name: str = "arrays") -> None:
    """Writes named arrays of any shape, of numbers or Boolean values, to ``NAME.safetensors``.

    For the weights of a torch module pass ``{k: v.numpy(force=True) for k, v in module.state_dict().items()}``.
    """
    from safetensors.numpy import save_file

    save_file({key: np.asarray(array, order="C") for key, array in arrays.items()}, folder / f"{name}.safetensors")


def read_arrays(folder: Path, name: str = "arrays") -> dict[str, Array]:
    """Reads the arrays that `write_arrays` wrote, with their dtypes and shapes, as writable copies.

    Raises:
        UserError: the file does not exist or is not a complete safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = folder / f"{name}.safetensors"
    try:
        bounded.check_safetensors(path)
        return dict(load_file(path))
    except (OSError, SafetensorError, bounded.TooLarge) as error:
        raise UserError(f"{path} is not a complete safetensors file ({error}).") from error


def write_values(folder: Path, values: Mapping[str, Any], name: str = "values") -> None:
    """Writes plain values (numbers, strings, lists and dictionaries of them) to ``NAME.json``."""
    (folder / f"{name}.json").write_text(json.dumps(values, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def read_values(folder: Path, name: str = "values") -> dict[str, Any]:
    """Reads the values that `write_values` wrote; floats are restored exactly.

    Raises:
        UserError: the file does not exist, is not complete JSON, or does not contain a JSON object.
    """
    path = folder / f"{name}.json"
    try:
        values = bounded.load_json(bounded.read(path, MAX_VALUES_BYTES))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is not a complete JSON file ({error}).") from error
    if not isinstance(values, dict):
        raise UserError(f"{path} does not contain a JSON object.")
    return values
