"""What `Predictor.save` and `Method.load` are written with: arrays as safetensors, everything else as JSON, no pickle.

The harness keeps a manifest of the folder's files and their hashes beside them and checks it before a method loads
(`harness.records.predictors`), so that these functions meet only files that are whole.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.errors import UserError

Array = npt.NDArray[Any]


def write_arrays(folder: Path, arrays: Mapping[str, Array], name: str = "arrays") -> None:
    """Writes named arrays, of any shape and of a number's or truth value's dtype, to ``NAME.safetensors``.

    The weights of a torch module are ``{k: v.numpy(force=True) for k, v in module.state_dict().items()}``.
    """
    from safetensors.numpy import save_file

    save_file({key: np.asarray(array, order="C") for key, array in arrays.items()}, folder / f"{name}.safetensors")


def read_arrays(folder: Path, name: str = "arrays") -> dict[str, Array]:
    """Returns what `write_arrays` wrote: copies that may be written to, with their dtypes and shapes.

    Raises:
        UserError: there is no such file, or it is no safetensors file.
    """
    from safetensors import SafetensorError
    from safetensors.numpy import load_file

    path = folder / f"{name}.safetensors"
    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise UserError(f"{path} is no whole safetensors file ({error}).") from error


def write_values(folder: Path, values: Mapping[str, Any], name: str = "values") -> None:
    """Writes plain values (numbers, texts, lists, mappings of them) to ``NAME.json``."""
    (folder / f"{name}.json").write_text(json.dumps(values, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")


def read_values(folder: Path, name: str = "values") -> dict[str, Any]:
    """Returns what `write_values` wrote; floats come back as they were.

    Raises:
        UserError: there is no such file, or it holds no JSON object.
    """
    path = folder / f"{name}.json"
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path} is no whole JSON file ({error}).") from error
    if not isinstance(values, dict):
        raise UserError(f"{path} holds no JSON object.")
    return values
