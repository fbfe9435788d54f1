"""Hard negatives: for each row another one with the same carrier and another class."""

import numpy as np
import numpy.typing as npt

from harness import Payloads, TrainingData, byte_ngrams

BLOCK = 1024  # rows compared at a time
LONGEST, BITS = 4, 18


def same_carrier(train: TrainingData) -> npt.NDArray[np.int64]:
    """Returns each row's nearest row of another class by what is left when the attack is cut out, int64 (n,).

    Similarity is the cosine of byte n-gram counts; -1 where a row's attack span is not known, or no row of another
    class shares an n-gram.

    Raises:
        ValueError: the data has no spans.
    """
    if train.spans is None:
        raise ValueError("hard negatives need attack spans, and the training data has none")
    known = np.flatnonzero([bool(span) for span in train.spans])
    out = np.full(len(train), -1, dtype=np.int64)
    if not len(known):
        return out
    cut = Payloads.from_list(_without(train.payloads[int(i)], train.spans[int(i)]) for i in known)
    counts = byte_ngrams.hashed_counts(cut, LONGEST, LONGEST, BITS)
    norm = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
    labels = train.labels[known]
    for at in range(0, len(known), BLOCK):
        rows = slice(at, at + BLOCK)
        similarity = np.asarray((counts[rows] @ counts.T).todense(), dtype=np.float32)
        similarity /= np.maximum(norm[rows, None] * norm[None, :], 1e-12)
        similarity[labels[rows, None] == labels[None, :]] = 0.0
        nearest = similarity.argmax(axis=1)
        found = similarity[np.arange(len(nearest)), nearest] > 0
        out[known[rows][found]] = known[nearest[found]]
    return out


def _without(payload: bytes, span: tuple[int, ...]) -> bytes:
    """Cuts flat (start, end, ...) offsets out of a payload."""
    edges = [0, *span, len(payload)]
    return b"".join(payload[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True))
