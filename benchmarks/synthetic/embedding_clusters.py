"""Clusters of attacks whose texts have similar embeddings, for ``embedding-disjoint``.

The clusters are data: embeddings differ in the last digits between machines, and so might clusters that are computed
when a scenario is drawn. ``python -m tests.tools.embedding_clusters`` computes them with MiniLM.
"""

import functools
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness import Corpus

FILE = Path(__file__).parent / "embedding_clusters.json"


@functools.cache
def load() -> dict[str, int]:
    """Returns the cluster of each attack by the name of its core (CVE and number, as ``CVE-2020-1/0``)."""
    content = json.loads(FILE.read_text(encoding="utf-8"))
    return {f"{cve}/{number}": c for cve, clusters in content["clusters"].items() for number, c in enumerate(clusters)}


def of_rows(corpus: Corpus) -> npt.NDArray[np.int64]:
    """Returns the cluster of each row of the corpus, int64 (n,)."""
    cluster = load()
    return np.array([cluster[core] for core in corpus.table.column("core").to_pylist()], dtype=np.int64)
