"""Loads a file as ``--bench files:PATH`` would."""

from pathlib import Path
from typing import Any

import numpy as np

from harness import BenchmarkRef, Corpus, GenericBenchmark, registry

MAP = {"payload": "raw", "label": "kind"}


def load(path: Path, mapping: dict[str, str] | None = None, **options: Any) -> Corpus:
    registry.discover()
    reference = BenchmarkRef("files", str(path), MAP if mapping is None else mapping, **options)
    benchmark = registry.open_benchmark(reference)
    assert isinstance(benchmark, GenericBenchmark)
    return benchmark.load()


def payloads(corpus: Corpus) -> list[bytes]:
    return list(corpus.payloads(np.arange(len(corpus))))


def labels(corpus: Corpus) -> list[str]:
    return list(corpus.table.column("label").to_pylist())


def pairs(corpus: Corpus) -> list[tuple[bytes, str]]:
    return list(zip(payloads(corpus), labels(corpus), strict=True))
