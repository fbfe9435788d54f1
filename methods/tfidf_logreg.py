"""tfidf-logreg: TF-IDF over byte n-grams and multinomial logistic regression; the strong baseline to beat."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness import (
    Categorical,
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

from .base.tfidf import TfIdf


@register_method(
    "tfidf-logreg",
    version=1,
    summary="hashed byte n-gram TF-IDF + multinomial logistic regression",
    requires=("sklearn.linear_model", "scipy.sparse"),
)
class TfIdfLogisticRegression(Method):
    """Searches the inverse regularisation strength, the longest n-gram and class balancing."""

    space = {
        "c": Float(1e-1, 1e3, default=10.0, log=True),
        "longest": Int(3, 6, default=4),
        "balanced": Categorical((False, True), default=True),
    }

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Fits with L-BFGS."""
        from sklearn.linear_model import LogisticRegression

        features, rows = TfIdf.fit(train.payloads, 1, params["longest"])
        model = LogisticRegression(
            C=params["c"],
            class_weight="balanced" if params["balanced"] else None,
            max_iter=300,
            tol=1e-3,
            random_state=context.seed,
        )
        if len(np.unique(train.labels)) < 2:
            raise ValueError("logistic regression requires at least two classes in training, but there is one")
        model.fit(rows, train.labels)
        passes = int(model.n_iter_.max())
        context.count(passes * len(train), passes)
        weights, bias = model.coef_, model.intercept_
        if len(bias) == 1:  # scikit-learn has one row of coefficients for two classes; split its logit evenly
            weights, bias = np.concatenate([-weights, weights]) / 2, np.concatenate([-bias, bias]) / 2
        return _Linear(features, weights, bias, model.classes_, len(context.classes))

    def load(self, folder: Path, context: Context) -> Predictor:
        """Reads the weights."""
        features, width = TfIdf.load(folder), len(context.classes)
        expected = {
            "weights": predictor_files.ArraySpec("float32", ("trained classes", features.width)),
            "bias": predictor_files.ArraySpec("float32", ("trained classes",)),
            "classes": predictor_files.ArraySpec("int64", ("trained classes",), 0, width - 1, ascending=True),
        }
        return _Linear(features, width=width, **predictor_files.read_arrays(folder, expected=expected))


class _Linear(Predictor):
    def __init__(
        self,
        features: TfIdf,
        weights: npt.NDArray[np.float32],
        bias: npt.NDArray[np.float32],
        classes: npt.NDArray[np.int64],
        width: int,
    ) -> None:
        self._features = features
        self._weights, self._bias, self._classes, self._width = weights, bias, classes, width

    def predict_proba(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        logits = self._features.transform(payloads) @ self._weights.T + self._bias
        out = np.zeros((len(payloads), self._width), dtype=np.float32)
        shares = np.exp(logits - logits.max(axis=1, keepdims=True))
        out[:, self._classes] = shares / shares.sum(axis=1, keepdims=True)
        return out

    def save(self, folder: Path) -> None:
        self._features.save(folder)
        predictor_files.write_arrays(folder, {"weights": self._weights, "bias": self._bias, "classes": self._classes})
