"""The nearest-neighbour probe: predicts the label of the most similar training payload."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.data.byte_ngrams import hashed_counts
from harness.data.payloads import Payloads
from harness.scenario import Rows

if TYPE_CHECKING:
    from scipy.sparse import csr_array

NGRAM = 4  # bytes
_BITS = 18  # n-grams are hashed to 2**18 columns
_BATCH = 256  # test payloads compared at a time, which bounds the similarity matrix


def nearest_labels(train: Payloads, labels: Rows, test: Payloads) -> Rows:
    """Returns the label of the training payload with the most similar byte 4-grams (cosine); the first one if tied.

    Args:
        train: n payloads.
        labels: int64 (n,), class of each training payload.
        test: m payloads.

    Returns:
        int64 (m,).
    """
    train_vectors, test_vectors = _ngram_vectors(train), _ngram_vectors(test)
    out = np.zeros(len(test), dtype=np.int64)
    for start in range(0, len(test), _BATCH):
        similarity: npt.NDArray[np.float32] = (test_vectors[start : start + _BATCH] @ train_vectors.T).toarray()
        out[start : start + _BATCH] = labels[similarity.argmax(axis=1)]
    return out


def _ngram_vectors(payloads: Payloads) -> "csr_array":
    """Returns hashed byte 4-gram counts, with rows scaled to unit length, float32 (n, 2**18)."""
    counts = hashed_counts(payloads, NGRAM, NGRAM, _BITS, fold=False)
    norm = np.sqrt(np.asarray(counts.power(2).sum(axis=1)).ravel())
    counts.data /= np.repeat(np.maximum(norm, 1e-12), np.diff(counts.indptr)).astype(np.float32)
    return counts
