"""TF-IDF over hashed byte n-grams. This module registers nothing; the n-gram methods share it."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness import Payloads, byte_ngrams, predictor_files

if TYPE_CHECKING:
    from scipy.sparse import csr_array


@dataclass(frozen=True)
class TfIdf:
    """Sublinear TF-IDF over chosen columns of hashed n-grams, rows of unit length.

    Attributes:
        shortest, longest: bytes of an n-gram.
        bits: log2 of the number of hash columns.
        columns: int32 (width,), the hash columns that count, ascending.
        idf: float32 (width,), their inverse document frequencies.
    """

    shortest: int
    longest: int
    bits: int
    columns: npt.NDArray[np.int32]
    idf: npt.NDArray[np.float32]

    @classmethod
    def fit(
        cls, payloads: Payloads, shortest: int, longest: int, min_rows: int = 2, bits: int = 20
    ) -> "tuple[TfIdf, csr_array]":
        """Returns the weighting that training payloads give, and their own weights, float32 CSR (n, width).

        Args:
            payloads: the training payloads.
            shortest: bytes of the shortest n-gram.
            longest: bytes of the longest n-gram.
            min_rows: a column is kept when at least this many payloads have it; all are where none has so many.
            bits: log2 of the number of hash columns.
        """
        counts = byte_ngrams.hashed_counts(payloads, shortest, longest, bits)
        rows = np.bincount(counts.indices, minlength=2**bits)
        kept = np.flatnonzero(rows >= min_rows)
        if not len(kept):
            kept = np.flatnonzero(rows)
        idf = (np.log((1 + len(payloads)) / (1 + rows[kept])) + 1).astype(np.float32)
        made = cls(shortest, longest, bits, kept.astype(np.int32), idf)
        return made, made._weigh(counts)

    @classmethod
    def load(cls, folder: Path) -> "TfIdf":
        """Returns what `save` wrote."""
        arrays = predictor_files.read_arrays(folder, "tfidf")
        return cls(**predictor_files.read_values(folder, "tfidf"), columns=arrays["columns"], idf=arrays["idf"])

    def save(self, folder: Path) -> None:
        """Writes the weighting into a folder, beside what else a predictor keeps there."""
        setting = {"shortest": self.shortest, "longest": self.longest, "bits": self.bits}
        predictor_files.write_values(folder, setting, "tfidf")
        predictor_files.write_arrays(folder, {"columns": self.columns, "idf": self.idf}, "tfidf")

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.idf)

    def transform(self, payloads: Payloads) -> "csr_array":
        """Returns the weights of other payloads, float32 CSR (n, width)."""
        return self._weigh(byte_ngrams.hashed_counts(payloads, self.shortest, self.longest, self.bits))

    @cached_property
    def _places(self) -> npt.NDArray[np.int32]:
        """Place of each hash column among those that count, -1 for the others."""
        places = np.full(2**self.bits, -1, dtype=np.int32)
        places[self.columns] = np.arange(self.width)
        return places

    def _weigh(self, counts: "csr_array") -> "csr_array":
        from scipy.sparse import csr_array

        place = self._places[counts.indices]
        known = place >= 0
        indptr = np.concatenate([[0], np.cumsum(known)])[counts.indptr].astype(np.int32)
        columns = place[known]
        values = (1 + np.log(counts.data[known])) * self.idf[columns]
        rows = np.repeat(np.arange(counts.shape[0]), np.diff(indptr))
        norm = np.sqrt(np.bincount(rows, weights=values.astype(np.float64) ** 2, minlength=counts.shape[0]))
        values /= np.maximum(norm, 1e-12)[rows].astype(np.float32)
        return csr_array((values.astype(np.float32), columns, indptr), shape=(counts.shape[0], self.width))
