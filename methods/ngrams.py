"""Byte n-grams by hashing, vectorised over all bytes at once: no Python loop per payload or byte.

Every n-gram becomes one column of 2**bits by a multiplicative hash of its bytes (the hashing trick, Weinberger et al.
2009). This module registers nothing; `tfidf-logreg` and `tfidf-xgboost` share it.
"""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness import Payloads

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)
_FOLD = np.zeros(256, dtype=np.uint64)
_FOLD[:] = np.arange(256)
_FOLD[65:91] += 32  # ASCII upper case counts as lower case


def hashed_counts(payloads: Payloads, shortest: int, longest: int, bits: int) -> "csr_array":
    """Counts case-folded byte n-grams.

    Args:
        payloads: n payloads.
        shortest: bytes of the shortest n-gram.
        longest: bytes of the longest n-gram, at most 8.
        bits: the matrix has 2**bits columns.

    Returns:
        Counts, float32 CSR (n, 2**bits), columns sorted within a row.
    """
    from scipy.sparse import csr_array

    folded = _FOLD[payloads.data]
    rows = np.repeat(np.arange(len(payloads), dtype=np.uint64), payloads.lengths)
    room = np.repeat(payloads.offsets[1:], payloads.lengths) - np.arange(len(folded))  # bytes left in the payload
    keys = []
    code = np.zeros(len(folded), dtype=np.uint64)
    for n in range(1, longest + 1):
        reach = len(folded) - n + 1
        if reach <= 0:
            break
        code[:reach] |= folded[n - 1 :] << np.uint64(8 * (n - 1))
        if n >= shortest:
            whole = np.flatnonzero(room[:reach] >= n)
            mixed = (code[whole] ^ np.uint64(n)) * _MULTIPLIER
            mixed ^= mixed >> np.uint64(32)
            column = (mixed * _MULTIPLIER) >> np.uint64(64 - bits)
            keys.append((rows[whole] << np.uint64(bits)) | column)
    unique, counts = np.unique(np.concatenate(keys or [np.zeros(0, np.uint64)]), return_counts=True)
    columns = (unique & np.uint64(2**bits - 1)).astype(np.int32)
    indptr = np.searchsorted(unique >> np.uint64(bits), np.arange(len(payloads) + 1, dtype=np.uint64))
    return csr_array((counts.astype(np.float32), columns, indptr.astype(np.int32)), shape=(len(payloads), 2**bits))


class TfIdf:
    """Sublinear TF-IDF over the hashed columns that enough training payloads share, rows of unit length.

    Args:
        payloads: the training payloads.
        shortest: bytes of the shortest n-gram.
        longest: bytes of the longest n-gram.
        min_rows: a column is kept when at least this many training payloads have it.
        bits: log2 of the number of hash columns.
    """

    def __init__(self, payloads: Payloads, shortest: int, longest: int, min_rows: int = 2, bits: int = 20) -> None:
        self._setting = (shortest, longest, bits)
        counts = hashed_counts(payloads, *self._setting)
        rows = np.bincount(counts.indices, minlength=2**bits)
        kept = np.flatnonzero(rows >= min_rows)
        if not len(kept):
            kept = np.flatnonzero(rows)
        self._columns(kept, rows, len(payloads))
        self.train = self._weigh(counts)

    def _columns(self, kept: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], n: int) -> None:
        self._place = np.full(2 ** self._setting[2], -1, dtype=np.int32)
        self._place[kept] = np.arange(len(kept))
        self._idf = (np.log((1 + n) / (1 + rows[kept])) + 1).astype(np.float32)

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self._idf)

    def transform(self, payloads: Payloads) -> "csr_array":
        """Returns the weights of other payloads, float32 CSR (n, width)."""
        return self._weigh(hashed_counts(payloads, *self._setting))

    def _weigh(self, counts: "csr_array") -> "csr_array":
        from scipy.sparse import csr_array

        place = self._place[counts.indices]
        known = place >= 0
        indptr = np.concatenate([[0], np.cumsum(known)])[counts.indptr].astype(np.int32)
        columns = place[known]
        values = (1 + np.log(counts.data[known])) * self._idf[columns]
        rows = np.repeat(np.arange(counts.shape[0]), np.diff(indptr))
        norm = np.sqrt(np.bincount(rows, weights=values.astype(np.float64) ** 2, minlength=counts.shape[0]))
        values /= np.maximum(norm, 1e-12)[rows].astype(np.float32)
        return csr_array((values.astype(np.float32), columns, indptr), shape=(counts.shape[0], self.width))
