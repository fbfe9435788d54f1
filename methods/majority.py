"""majority: predicts the most frequent training class for every payload; the baseline of all others."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness import Context, Method, Params, Payloads, Predictor, TrainingData, predictor_files, register_method


@register_method("majority", version=1, summary="class frequencies of the training set, whatever the payload")
class Majority(Method):
    """Predicts the class shares of training for every payload; the most frequent class has the highest share."""

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Counts classes."""
        counts = np.bincount(train.labels, minlength=len(context.classes))
        return _Constant((counts / counts.sum()).astype(np.float32))

    def load(self, folder: Path, context: Context) -> Predictor:
        """Reads the shares."""
        expected = {"shares": predictor_files.ArraySpec("float32", (len(context.classes),), 0, 1)}
        return _Constant(predictor_files.read_arrays(folder, expected=expected)["shares"])


class _Constant(Predictor):
    def __init__(self, shares: npt.NDArray[np.float32]) -> None:
        self._shares = shares

    def predict_proba(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        return np.tile(self._shares, (len(payloads), 1))

    def save(self, folder: Path) -> None:
        predictor_files.write_arrays(folder, {"shares": self._shares})
