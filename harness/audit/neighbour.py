"""The nearest-neighbour probe: what a look-up among the training payloads reaches."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness.data.byte_ngrams import hashed_counts
from harness.data.payloads import Payloads
from harness.scenario import Rows

if TYPE_CHECKING:
    from scipy.sparse import csr_array

GRAM = 4  # bytes
_BITS = 18  # the matrix has 2**18 columns
_BATCH = 256  # test payloads compared at a time


def nearest(train: Payloads, labels: Rows, test: Payloads) -> Rows:
    """Returns the class of the training payload with the most similar byte 4-grams (cosine), the first of equals.

    Args:
        train: n payloads.
        labels: int64 (n,), their classes.
        test: m payloads.

    Returns:
        int64 (m,).
    """
    known, asked = _grams(train), _grams(test)
    out = np.zeros(len(test), dtype=np.int64)
    for start in range(0, len(test), _BATCH):
        similarity: npt.NDArray[np.float32] = (asked[start : start + _BATCH] @ known.T).toarray()
        out[start : start + _BATCH] = labels[similarity.argmax(axis=1)]
    return out


def _grams(payloads: Payloads) -> "csr_array":
    """Counts hashed byte 4-grams, rows of unit length; float32 (n, 2**18)."""
    counts = hashed_counts(payloads, GRAM, GRAM, _BITS, fold=False)
    norm = np.sqrt(np.asarray(counts.power(2).sum(axis=1)).ravel())
    counts.data /= np.repeat(np.maximum(norm, 1e-12), np.diff(counts.indptr)).astype(np.float32)
    return counts
