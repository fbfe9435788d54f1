"""Near-duplicates with different labels: a label is wrong, or the request does not determine the class."""

from dataclasses import dataclass

import numpy as np

from harness.data.corpus import Corpus
from harness.scenario import Rows

EXAMPLES = 5  # clusters of which an example is reported


@dataclass(frozen=True)
class Example:
    """Two rows of one cluster with different labels: their sample ids, labels, and the first row's payload."""

    samples: tuple[str, str]
    labels: tuple[str, str]
    payload: bytes


@dataclass(frozen=True)
class Repetition:
    """Numbers of duplicates and near-duplicates in a corpus, and how many of them disagree on the label.

    Attributes:
        copies: rows whose payload also occurs in another row.
        alike: rows that have a near-duplicate, including copies.
        clusters: clusters of near-duplicates whose rows have different labels.
        disagreeing: rows in these clusters.
        examples: from the largest of these clusters.
    """

    copies: int
    alike: int
    clusters: int
    disagreeing: int
    examples: tuple[Example, ...]


def repetition(corpus: Corpus, payload: Rows, cluster: Rows) -> Repetition:
    """Counts copies, near-duplicates, and clusters of near-duplicates with different labels.

    Args:
        corpus: the rows.
        payload: int64 (n,), code of each payload; equal payloads have equal codes.
        cluster: int64 (n,), cluster of near-duplicates, -1 if a row is in none.
    """
    # A row without near-duplicates may still have copies: group it by its payload.
    _, groups = np.unique(np.where(cluster >= 0, cluster, cluster.max(initial=-1) + 1 + payload), return_inverse=True)
    repeats = np.bincount(payload)[payload] > 1
    pairs = np.unique(np.stack([groups, corpus.labels]), axis=1)
    mixed = np.bincount(pairs[0], minlength=groups.max(initial=-1) + 1) > 1
    sizes = np.bincount(groups)
    largest = sorted(np.flatnonzero(mixed).tolist(), key=lambda group: (-sizes[group], group))
    return Repetition(
        copies=int(repeats.sum()),
        alike=int((sizes[groups] > 1).sum()),
        clusters=len(largest),
        disagreeing=int(mixed[groups].sum()),
        examples=tuple(_example(corpus, np.flatnonzero(groups == group)) for group in largest[:EXAMPLES]),
    )


def _example(corpus: Corpus, rows: Rows) -> Example:
    first = int(rows[0])
    second = int(rows[corpus.labels[rows] != corpus.labels[first]][0])
    samples = corpus.table.column("sample").take([first, second]).to_pylist()
    names = (corpus.classes[corpus.labels[first]], corpus.classes[corpus.labels[second]])
    return Example((samples[0], samples[1]), names, corpus.payloads(np.array([first]))[0])
