"""Reads files of predictions as they were until protocol 2: the predicted classes alone, as compressed JSON."""

import zlib
from pathlib import Path

import numpy as np

from harness.records.predicted_classes import PredictedClasses, reference
from harness.storage import bounded, safe_json

FORMAT = 1
MAX_BYTES = 256 * 2**20  # of a file, and of its content after unpacking: some 25 million predictions
MAX_MEMORY = 2 * 2**30  # bytes that the content may take as Python objects


def read(path: Path) -> PredictedClasses:
    """Reads a file of predictions without probabilities.

    Raises:
        ValueError: the file cannot be read, is truncated or too large, or is not a file of predictions.
    """
    try:
        content = bounded.gunzip(bounded.read(path, MAX_BYTES), MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"it has more than {bounded.in_words(MAX_BYTES)} after unpacking")
        plain = safe_json.loads(content, MAX_MEMORY)
        if plain["format"] != FORMAT:
            raise ValueError(f"format {plain['format']} is unknown; this version reads format {FORMAT}")
        environments = {name: _arrays(**parts) for name, parts in plain["environments"].items()}
        return PredictedClasses(str(plain["key"]), reference(plain["benchmark"]), environments)
    except (OSError, EOFError, zlib.error, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(str(error)) from error
    except RecursionError as error:
        raise ValueError("its benchmark is nested too deeply") from error


def _arrays(rows: list[int], classes: list[int]) -> "tuple[np.ndarray, np.ndarray]":
    if len(rows) != len(classes):
        raise ValueError(f"{len(rows)} rows and {len(classes)} predictions")
    arrays = np.array(rows, np.int64), np.array(classes, np.int16)
    if any(array.ndim != 1 or (array < 0).any() for array in arrays):
        raise ValueError("rows and classes must be lists of numbers of at least 0")
    return arrays
