"""nearest-neighbor: a vote of the nearest training payloads by their byte n-grams."""

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness import (
    Context,
    Float,
    Int,
    Method,
    Params,
    Payloads,
    Predictor,
    TrainingData,
    predictor_files,
    register_method,
)

from .base.inputs import INPUT_SPACE
from .base.tfidf import TfIdf

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_BLOCK = 1024  # payloads compared at a time, which bounds the memory of the similarity matrix


@register_method(
    "nearest-neighbor",
    version=2,
    summary="the nearest training payloads by cosine similarity of byte n-grams",
    reference="Cover and Hart 1967, doi:10.1109/TIT.1967.1053964",
    requires=("scipy.sparse",),
)
class NearestNeighbor(Method):
    """Searches the number of neighbours, the longest n-gram, and how strongly nearer neighbours are preferred."""

    space = {
        **INPUT_SPACE,
        "neighbors": Int(1, 25, default=1),
        "longest": Int(3, 6, default=4),
        "sharpness": Float(1.0, 100.0, default=20.0, log=True),
    }

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Stores the TF-IDF vectors of the training rows."""
        features, rows = TfIdf.fit(train.payloads, 1, params["longest"], params["input"])
        neighbors = min(params["neighbors"], len(train))
        return _Neighbors(features, rows, train.labels, len(context.classes), neighbors, params["sharpness"])

    def load(self, folder: Path, context: Context) -> Predictor:
        """Reads the training rows."""
        from scipy.sparse import csr_array

        features = TfIdf.load(folder)
        expected = {
            "labels": predictor_files.ArraySpec("int64", ("rows",), 0, len(context.classes) - 1),
            "weights": predictor_files.ArraySpec("float32", ("entries",), 0, 1 + 1e-3),  # rows have unit length
            "columns": predictor_files.ArraySpec("int32", ("entries",), 0, features.width - 1),
            "ends": predictor_files.ArraySpec("int32", ("rows + 1",), 0),
        }
        arrays = predictor_files.read_arrays(folder, expected=expected)
        labels, ends = arrays["labels"], arrays["ends"]
        # SciPy does not check where the rows of a table end; with other ends, it reads memory outside the arrays.
        if len(ends) != len(labels) + 1 or ends[0] or ends[-1] != len(arrays["columns"]) or (np.diff(ends) < 0).any():
            problem = (
                "the array ends must rise from 0 to the number of entries, with one value more than there are rows"
            )
            raise predictor_files.invalid(folder / "arrays.safetensors", problem)
        settings = {name: self.space[name] for name in ("neighbors", "sharpness")}
        values = predictor_files.read_values(folder, expected=settings)
        if values["neighbors"] > len(labels):
            raise predictor_files.invalid(
                folder / "values.json", f"neighbors is above the number of rows, {len(labels)}"
            )
        rows = csr_array((arrays["weights"], arrays["columns"], ends), shape=(len(labels), features.width))
        return _Neighbors(features, rows, labels, len(context.classes), **values)


class _Neighbors(Predictor):
    def __init__(
        self,
        features: TfIdf,
        rows: "csr_array",
        labels: npt.NDArray[np.int64],
        classes: int,
        neighbors: int,
        sharpness: float,
    ) -> None:
        self._features, self._rows, self._labels = features, rows, labels
        self._neighbors, self._sharpness = neighbors, sharpness
        self._votes_of = np.eye(classes, dtype=np.float32)[labels]

    def predict_proba(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        """Votes weighted by exp(sharpness * cosine similarity)."""
        rows = self._features.transform(payloads)
        blocks = [self._votes(rows[at : at + _BLOCK]) for at in range(0, len(payloads), _BLOCK)]
        return np.concatenate([*blocks, np.zeros((0, self._votes_of.shape[1]), np.float32)])

    def save(self, folder: Path) -> None:
        self._features.save(folder)
        rows = {"weights": self._rows.data, "columns": self._rows.indices, "ends": self._rows.indptr}
        predictor_files.write_arrays(folder, {"labels": self._labels, **rows})
        predictor_files.write_values(folder, {"neighbors": self._neighbors, "sharpness": self._sharpness})

    def _votes(self, rows: object) -> npt.NDArray[np.float32]:
        similarity = (rows @ self._rows.T).toarray()
        nearest = np.argsort(-similarity, axis=1, kind="stable")[:, : self._neighbors]
        near = np.take_along_axis(similarity, nearest, axis=1)
        weights = np.exp(self._sharpness * (near - near[:, :1]))  # relative to the nearest, so that exp cannot overflow
        votes = (weights[:, :, None] * self._votes_of[nearest]).sum(axis=1)
        table: npt.NDArray[np.float32] = (votes / votes.sum(axis=1, keepdims=True)).astype(np.float32)
        return table
