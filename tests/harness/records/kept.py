"""Files of predictions without a run behind them."""

import gzip
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from harness.benchmark import BenchmarkRef
from harness.data.corpus import Corpus
from harness.records import predictions
from harness.scenario import Environment, StoredRows

CLASSES = 3


def corpus() -> Corpus:
    """Ten payloads of three classes."""
    number = list(map(str, range(10)))
    labels = [f"class-{row % CLASSES}" for row in range(10)]
    return Corpus.create("ten", pa.table({"sample": number, "payload": [n.encode() for n in number], "label": labels}))


def probabilities(predicted: Sequence[int]) -> np.ndarray:
    """Probabilities of which those of the predicted classes are largest."""
    return (np.eye(CLASSES, dtype=np.float32)[list(predicted)] + 0.25) / np.float32(1 + 0.25 * CLASSES)


def kept_predictions(
    key: str, benchmark: BenchmarkRef, environments: Mapping[str, tuple[Sequence[int], Sequence[int]]], draws: int = 1
) -> bytes:
    """The file of environments with their rows of `corpus` and predicted classes."""
    rows = {
        name: Environment(StoredRows(np.array(rows, np.int64)), draws=draws) for name, (rows, _) in environments.items()
    }
    tables = {name: probabilities(predicted) for name, (_, predicted) in environments.items()}
    units = [f"unit {row // 2}" for row in range(10)]
    return predictions.encode(key, benchmark, corpus(), rows, tables, units)


def old_predictions(key: str, environments: Mapping[str, Any]) -> bytes:
    """The same as protocol 2 kept them."""
    reference = {"name": "files", "argument": "a.jsonl", "mapping": {}, "where": {"kind": ["a", "b"]}, "strict": False,
                 "target": None, "text": None}  # fmt: skip
    plain = {"format": 1, "key": key, "benchmark": reference, "environments": environments}
    return gzip.compress(json.dumps(plain).encode())
