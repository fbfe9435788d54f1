"""What a cell predicted for each payload: a file beside the records, for the report's eyes and never committed.

Records hold counts, not payloads or single predictions. A run keeps these here too, with the reference that opens the
corpus again, so that the report can show some payloads as they were shown to the method.
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

FORMAT = 1
Predicted = Mapping[str, tuple[Rows, npt.NDArray[np.int16]]]  # by environment: row ids and predicted classes


@dataclass(frozen=True)
class Predictions:
    """The predictions of one cell.

    Attributes:
        key: of its record.
        benchmark: opens the corpus again.
        environments: by name, int64 (n,) row ids in the corpus and int16 (n,) predicted classes.
    """

    key: str
    benchmark: BenchmarkRef
    environments: Predicted


def encode(found: Predictions) -> bytes:
    """Returns the predictions as compressed JSON; the same predictions give the same bytes."""
    plain = {
        "format": FORMAT,
        "key": found.key,
        "benchmark": _plain(found.benchmark),
        "environments": {
            name: {"rows": rows.tolist(), "classes": classes.tolist()}
            for name, (rows, classes) in found.environments.items()
        },
    }
    return gzip.compress(json.dumps(plain, separators=(",", ":")).encode(), compresslevel=1, mtime=0)


def read(path: Path) -> Predictions:
    """Returns what `encode` wrote.

    Raises:
        ValueError: the file is unreadable, cut off, or something else.
    """
    try:
        plain = json.loads(gzip.decompress(path.read_bytes()))
        if plain["format"] != FORMAT:
            raise ValueError(f"format {plain['format']}, and {FORMAT} is known")
        found = {name: _arrays(**parts) for name, parts in plain["environments"].items()}
        return Predictions(str(plain["key"]), _reference(plain["benchmark"]), found)
    except (OSError, EOFError, zlib.error, KeyError, TypeError, AttributeError) as error:
        raise ValueError(str(error)) from error


def _arrays(rows: list[int], classes: list[int]) -> tuple[Rows, npt.NDArray[np.int16]]:
    if len(rows) != len(classes):
        raise ValueError(f"{len(rows)} rows and {len(classes)} predictions")
    return np.array(rows, np.int64), np.array(classes, np.int16)


def _plain(reference: BenchmarkRef) -> dict[str, Any]:
    """Returns a reference in plain values, without the fingerprint: whoever opens it looks at the data itself."""
    plain = {name: value for name, value in asdict(reference).items() if name != "fingerprint"}
    others = {"target": reference.target, "text": reference.text}
    return plain | {name: None if other is None else _plain(other) for name, other in others.items()}


def _reference(plain: dict[str, Any]) -> BenchmarkRef:
    others = {name: None if plain[name] is None else _reference(plain[name]) for name in ("target", "text")}
    where = {column: tuple(values) for column, values in plain["where"].items()}
    return BenchmarkRef(**{**plain, **others, "where": where})
