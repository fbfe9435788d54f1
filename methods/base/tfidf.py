"""TF-IDF over hashed byte n-grams, shared by the n-gram methods."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness import Int, Payloads, Space, byte_ngrams, input_forms, predictor_files

from .inputs import INPUT_SPACE

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_SAVED: Space = {  # ranges that a saved weighting is accepted in; `byte_ngrams` packs at most 8 bytes
    "shortest": Int(1, 8, default=1),
    "longest": Int(1, 8, default=4),
    "bits": Int(1, 24, default=20),
    "input": INPUT_SPACE["input"],
}
_MAX_IDF = 64.0  # log(n) + 1 of any number of payloads


@dataclass(frozen=True)
class TfIdf:
    """Sublinear TF-IDF over a subset of the columns of hashed n-grams; rows have unit length.

    Attributes:
        input: form in which payloads are read (`harness.input_forms`).
        shortest, longest: length of the n-grams in bytes.
        bits: log2 of the number of hash columns.
        columns: int32 (width,), the hash columns in use, ascending.
        idf: float32 (width,), their inverse document frequencies.
    """

    input: str
    shortest: int
    longest: int
    bits: int
    columns: npt.NDArray[np.int32]
    idf: npt.NDArray[np.float32]

    @classmethod
    def fit(
        cls, payloads: Payloads, shortest: int, longest: int, input_form: str, min_rows: int = 2, bits: int = 20
    ) -> "tuple[TfIdf, csr_array]":
        """Fits the weighting on training payloads; returns it with their TF-IDF rows, float32 CSR (n, width).

        Args:
            payloads: the training payloads.
            shortest: bytes of the shortest n-gram.
            longest: bytes of the longest n-gram.
            input_form: form in which payloads are read.
            min_rows: a column is used if at least this many payloads have it; if no column reaches this, all that
                occur are used.
            bits: log2 of the number of hash columns.
        """
        formed = input_forms.apply(input_form, payloads).payloads
        counts = byte_ngrams.hashed_counts(formed, shortest, longest, bits)
        rows = np.bincount(counts.indices, minlength=2**bits)
        columns = np.flatnonzero(rows >= min_rows)
        if not len(columns):
            columns = np.flatnonzero(rows)
        # Smoothed as in scikit-learn's TfidfTransformer: as if one more payload contained every n-gram.
        idf = (np.log((1 + len(payloads)) / (1 + rows[columns])) + 1).astype(np.float32)
        tfidf = cls(input_form, shortest, longest, bits, columns.astype(np.int32), idf)
        return tfidf, tfidf._weigh(counts)

    @classmethod
    def load(cls, folder: Path) -> "TfIdf":
        """Returns the weighting that `save` wrote.

        Raises:
            UserError: the files are not those of a weighting.
        """
        settings = predictor_files.read_values(folder, "tfidf", _SAVED)
        if settings["shortest"] > settings["longest"]:
            raise predictor_files.invalid(folder / "tfidf.json", "shortest is larger than longest")
        expected = {
            "columns": predictor_files.ArraySpec("int32", ("width",), 0, 2 ** settings["bits"] - 1, ascending=True),
            "idf": predictor_files.ArraySpec("float32", ("width",), 0, _MAX_IDF),
        }
        arrays = predictor_files.read_arrays(folder, "tfidf", expected)
        return cls(**settings, columns=arrays["columns"], idf=arrays["idf"])

    def save(self, folder: Path) -> None:
        """Writes the weighting into a predictor's folder, under names of its own."""
        settings = {name: getattr(self, name) for name in _SAVED}
        predictor_files.write_values(folder, settings, "tfidf")
        predictor_files.write_arrays(folder, {"columns": self.columns, "idf": self.idf}, "tfidf")

    @property
    def width(self) -> int:
        """Number of columns."""
        return len(self.idf)

    def transform(self, payloads: Payloads) -> "csr_array":
        """Returns the TF-IDF rows of payloads, float32 CSR (n, width)."""
        formed = input_forms.apply(self.input, payloads).payloads
        return self._weigh(byte_ngrams.hashed_counts(formed, self.shortest, self.longest, self.bits))

    @cached_property
    def _output_columns(self) -> npt.NDArray[np.int32]:
        """Output column of each hash column, -1 for those not in use."""
        lookup = np.full(2**self.bits, -1, dtype=np.int32)
        lookup[self.columns] = np.arange(self.width)
        return lookup

    def _weigh(self, counts: "csr_array") -> "csr_array":
        from scipy.sparse import csr_array

        # Selects the columns on the CSR arrays themselves, without an intermediate matrix of 2**bits columns.
        targets = self._output_columns[counts.indices]
        in_use = targets >= 0
        indptr = np.concatenate([[0], np.cumsum(in_use)])[counts.indptr].astype(np.int32)
        columns = targets[in_use]
        values = (1 + np.log(counts.data[in_use])) * self.idf[columns]
        rows = np.repeat(np.arange(counts.shape[0]), np.diff(indptr))
        # Squares are summed in float64: a long row would lose digits in float32.
        norm = np.sqrt(np.bincount(rows, weights=values.astype(np.float64) ** 2, minlength=counts.shape[0]))
        values /= np.maximum(norm, 1e-12)[rows].astype(np.float32)
        return csr_array((values.astype(np.float32), columns, indptr), shape=(counts.shape[0], self.width))
