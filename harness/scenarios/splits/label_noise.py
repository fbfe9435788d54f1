"""Wrong labels, as real sources of labels confuse classes."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from harness import seeds
from harness.data.corpus import Corpus
from harness.scenario import Environment, Rows

# How often the CWE of a CVE record is of the first class and the words of its description name the second, in 10,270
# descriptions of the CVE Program's data (CISA's vulnrichment, CC0) that name one class.
CONFUSIONS: dict[tuple[str, str], int] = {
    (given, other): count
    for given, others in {
        "code-injection": {
            "command-injection": 47,
            "cross-site-scripting": 8,
            "deserialization": 1,
            "file-upload": 1,
            "path-traversal": 2,
            "sql-injection": 10,
            "template-injection": 2,
        },
        "command-injection": {
            "code-injection": 65,
            "file-upload": 2,
            "path-traversal": 1,
            "server-side-request-forgery": 1,
            "sql-injection": 21,
        },
        "cross-site-scripting": {"code-injection": 21, "file-upload": 5, "path-traversal": 1, "sql-injection": 2},
        "deserialization": {"code-injection": 37, "command-injection": 1, "template-injection": 1},
        "file-upload": {
            "code-injection": 17,
            "command-injection": 8,
            "cross-site-scripting": 3,
            "path-traversal": 3,
        },
        "open-redirect": {"code-injection": 4, "cross-site-scripting": 1},
        "path-traversal": {
            "code-injection": 42,
            "command-injection": 2,
            "cross-site-scripting": 2,
            "deserialization": 2,
            "file-upload": 17,
            "server-side-request-forgery": 1,
        },
        "server-side-request-forgery": {"code-injection": 2, "template-injection": 1, "xml-external-entity": 1},
        "sql-injection": {
            "code-injection": 3,
            "command-injection": 4,
            "cross-site-scripting": 1,
            "path-traversal": 3,
        },
        "template-injection": {"code-injection": 6, "command-injection": 3},
        "xml-external-entity": {"server-side-request-forgery": 1},
    }.items()
    for other, count in others.items()
}
_PRIOR = 0.5  # added to every count, so that classes that were never confused, or are not among these, can be


def transitions(classes: Sequence[str]) -> npt.NDArray[np.float64]:
    """Returns the probabilities of the wrong class by the true one, float64 (classes, classes), 0 on the diagonal."""
    counts = np.array([[CONFUSIONS.get((a, b), 0) + _PRIOR for b in classes] for a in classes])
    np.fill_diagonal(counts, 0.0)
    shares: npt.NDArray[np.float64] = counts / counts.sum(axis=1, keepdims=True)
    return shares


def noisy_labels(labels: Rows, rate: float, classes: Sequence[str], seed: int, part: int) -> Rows:
    """Returns labels of which a share is wrong; which class a wrong label names depends on the true one.

    With the same seed and part, the wrong labels of a lower rate are among those of a higher one.

    Args:
        labels: int64 (n,), indices into ``classes``.
        rate: share of wrong labels, rounded to a number of rows.
        classes: names of the classes.
        seed: seed of the cell.
        part: number of the part, so that training and validation differ.
    """
    rng = seeds.generator(seed, "split", (13, part))
    order = rng.permutation(len(labels))
    drawn = rng.random(len(labels))
    out = labels.copy()
    rows = order[: round(rate * len(labels))]
    limits = np.cumsum(transitions(classes), axis=1)
    limits[:, -1] = 1.0
    out[rows] = (drawn[rows, None] >= limits[labels[rows]]).sum(axis=1)
    return out


def with_noisy_labels(part: Environment, rate: float, corpus: Corpus, seed: int, number: int) -> Environment:
    """Returns training or validation with wrong labels, and without groups, which would tell the true class.

    Arguments are those of `noisy_labels`, with ``number`` as the number of the part.
    """
    labels = noisy_labels(corpus.labels[part.rows], rate, corpus.classes, seed, number)
    return replace(part, labels=labels, groups=None)
