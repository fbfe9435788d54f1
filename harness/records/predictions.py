"""The predicted class of every payload of a cell, in a file beside the records; for the report, never committed.

Records contain counts, not payloads or single predictions. These files contain the predictions and the reference of the
benchmark, with which the report opens the corpus again to show examples of payloads.
"""

import gzip
import json
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from harness.benchmark import BenchmarkRef
from harness.scenario import Rows
from harness.storage import bounded, safe_json

FORMAT = 1
MAX_BYTES = 256 * 2**20  # of a file, and of its content after unpacking: some 25 million predictions
MAX_MEMORY = 2 * 2**30  # bytes that the content may take as Python objects
Predicted = Mapping[str, tuple[Rows, npt.NDArray[np.int16]]]  # by environment: row ids and predicted classes


@dataclass(frozen=True)
class Predictions:
    """The predictions of one cell.

    Attributes:
        key: key of its record.
        benchmark: reference that opens the corpus again.
        environments: by name, corpus row ids, int64 (n,), and predicted classes, int16 (n,).
    """

    key: str
    benchmark: BenchmarkRef
    environments: Predicted

    @property
    def classes(self) -> int:
        """One more than the largest predicted class."""
        return max((int(classes.max(initial=-1)) for _, classes in self.environments.values()), default=-1) + 1


def encode(predictions: Predictions) -> bytes:
    """Returns predictions as compressed JSON; deterministic, since the gzip header has no time stamp."""
    plain = {
        "format": FORMAT,
        "key": predictions.key,
        "benchmark": _plain(predictions.benchmark),
        "environments": {
            name: {"rows": rows.tolist(), "classes": classes.tolist()}
            for name, (rows, classes) in predictions.environments.items()
        },
    }
    return gzip.compress(json.dumps(plain, separators=(",", ":"), allow_nan=False).encode(), compresslevel=1, mtime=0)


def read(path: Path) -> Predictions:
    """Reads a file of predictions.

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
        return Predictions(str(plain["key"]), _reference(plain["benchmark"]), environments)
    except (OSError, EOFError, zlib.error, KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(str(error)) from error
    except RecursionError as error:
        raise ValueError("its benchmark is nested too deeply") from error


def _arrays(rows: list[int], classes: list[int]) -> tuple[Rows, npt.NDArray[np.int16]]:
    if len(rows) != len(classes):
        raise ValueError(f"{len(rows)} rows and {len(classes)} predictions")
    arrays = np.array(rows, np.int64), np.array(classes, np.int16)
    if any(array.ndim != 1 or (array < 0).any() for array in arrays):
        raise ValueError("rows and classes must be lists of numbers of at least 0")
    return arrays


def _plain(reference: BenchmarkRef) -> dict[str, Any]:
    """Returns a reference in plain values, without its fingerprint, since the data may change before they are read."""
    plain = {name: value for name, value in asdict(reference).items() if name != "fingerprint"}
    others = {"target": reference.target, "text": reference.text}
    return plain | {name: None if other is None else _plain(other) for name, other in others.items()}


def _reference(plain: dict[str, Any]) -> BenchmarkRef:
    others = {name: None if plain[name] is None else _reference(plain[name]) for name in ("target", "text")}
    where = {column: tuple(values) for column, values in plain["where"].items()}
    return BenchmarkRef(**{**plain, **others, "where": where})
