"""The nearest training payloads vote: what memory alone can do once hosts, digits and tokens are masked."""

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
    duplicates,
    register_method,
)
from methods.ngrams import TfIdf

_BLOCK = 1024  # payloads compared at a time, which bounds the memory of their similarities


@register_method(
    "nearest-neighbor",
    version=1,
    summary="the nearest training payloads by n-grams of the normal form",
    reference="Cover and Hart 1967, doi:10.1109/TIT.1967.1053964",
    requires=("scipy.sparse",),
)
class NearestNeighbor(Method):
    """Searches the number of neighbours, the n-gram lengths, and how much nearer neighbours count for more."""

    space = {
        "neighbors": Int(1, 25, default=1),
        "longest": Int(3, 6, default=4),
        "sharpness": Float(1.0, 100.0, default=20.0, log=True),
    }

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Keeps the training rows; nothing is learned."""
        features = TfIdf(_normal(train.payloads), 1, params["longest"])
        neighbors = min(params["neighbors"], len(train))
        return _Neighbors(features, train.labels, len(context.classes), neighbors, params["sharpness"])


def _normal(payloads: Payloads) -> Payloads:
    return Payloads.from_list(duplicates.normal_form(payload) for payload in payloads)


class _Neighbors(Predictor):
    def __init__(
        self, features: TfIdf, labels: npt.NDArray[np.int64], classes: int, neighbors: int, sharpness: float
    ) -> None:
        self._features, self._neighbors, self._sharpness = features, neighbors, sharpness
        self._labels = np.eye(classes, dtype=np.float32)[labels]

    def predict_proba(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        """Votes weighted by exp(sharpness * cosine similarity)."""
        rows = self._features.transform(_normal(payloads))
        blocks = [self._votes(rows[at : at + _BLOCK]) for at in range(0, len(payloads), _BLOCK)]
        return np.concatenate([*blocks, np.zeros((0, self._labels.shape[1]), np.float32)])

    def _votes(self, rows: object) -> npt.NDArray[np.float32]:
        similarity = (rows @ self._features.train.T).toarray()
        nearest = np.argsort(-similarity, axis=1, kind="stable")[:, : self._neighbors]
        near = np.take_along_axis(similarity, nearest, axis=1)
        weights = np.exp(self._sharpness * (near - near[:, :1]))
        votes = (weights[:, :, None] * self._labels[nearest]).sum(axis=1)
        table: npt.NDArray[np.float32] = (votes / votes.sum(axis=1, keepdims=True)).astype(np.float32)
        return table
