"""TF-IDF over hashed byte n-grams. This module registers nothing; the n-gram methods share it."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness import Payloads, ngrams

if TYPE_CHECKING:
    from scipy.sparse import csr_array


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
        counts = ngrams.hashed_counts(payloads, *self._setting)
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
        return self._weigh(ngrams.hashed_counts(payloads, *self._setting))

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
