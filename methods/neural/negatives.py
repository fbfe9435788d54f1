"""Hard negatives: for each row, a row of another class with a similar carrier."""

import numpy as np
import numpy.typing as npt

from harness import Payloads, TrainingData, byte_ngrams

BLOCK = 1024  # rows compared at a time, which bounds the memory of the similarity matrix
NGRAM_BYTES, BITS = 4, 18


def same_carrier(train: TrainingData) -> npt.NDArray[np.int64]:
    """Returns the number of each row's nearest row of another class, compared without the attack spans, int64 (n,).

    Similarity is the cosine of byte n-gram counts. -1 if a row's attack span is unknown, or if no row of another class
    shares an n-gram.

    Raises:
        ValueError: the data has no spans.
    """
    if train.spans is None:
        raise ValueError("hard negatives require attack spans, but the training data has none")
    marked = np.flatnonzero([bool(span) for span in train.spans])  # rows whose attack span is known
    out = np.full(len(train), -1, dtype=np.int64)
    if not len(marked):
        return out
    carriers = Payloads.from_list(_carrier(train.payloads[int(i)], train.spans[int(i)]) for i in marked)
    counts = byte_ngrams.hashed_counts(carriers, NGRAM_BYTES, NGRAM_BYTES, BITS)
    norm = np.sqrt(np.asarray(counts.multiply(counts).sum(axis=1)).ravel())
    labels = train.labels[marked]
    for at in range(0, len(marked), BLOCK):
        rows = slice(at, at + BLOCK)
        similarity = np.asarray((counts[rows] @ counts.T).todense(), dtype=np.float32)
        similarity /= np.maximum(norm[rows, None] * norm[None, :], 1e-12)
        similarity[labels[rows, None] == labels[None, :]] = 0.0
        nearest = similarity.argmax(axis=1)
        similar = similarity[np.arange(len(nearest)), nearest] > 0
        out[marked[rows][similar]] = marked[nearest[similar]]
    return out


def _carrier(payload: bytes, span: tuple[int, ...]) -> bytes:
    """Returns a payload without its attack, given as flat (start, end, ...) offsets."""
    edges = [0, *span, len(payload)]
    return b"".join(payload[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True))
