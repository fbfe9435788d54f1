"""ngrams: a linear classifier on TF-IDF over byte n-grams; its plain form is the method ``tfidf-logreg``."""

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness import (
    PLAIN_TRAINING,
    Categorical,
    Context,
    Float,
    Int,
    Params,
    Payloads,
    Predictor,
    Space,
    Training,
    TrainingData,
    predictor_files,
    register_learner,
)

from ..base.inputs import INPUT_SPACE
from ..base.tfidf import TfIdf
from ..base.torch_learner import TorchLearner

if TYPE_CHECKING:
    from ..neural.towers import Tower

MAX_ITERATIONS = 300  # of L-BFGS
# One pass of a first model that is trained briefly: so few iterations that only what is easy to learn is learned.
ITERATIONS_PER_PASS = 5


@register_learner(
    "ngrams",
    plain="tfidf-logreg",
    version=4,
    summary="hashed byte n-gram TF-IDF + multinomial logistic regression",
    requires=("sklearn.linear_model", "scipy.sparse"),
)
class Ngrams(TorchLearner):
    """Fits a logistic regression with L-BFGS; for a loss of the strategy's own, a linear layer by gradient descent.

    The plain form searches the inverse regularisation strength, the longest n-gram and class balancing.
    """

    abilities = frozenset(("weights", "loss", "linear"))
    # On a convex loss validation often improves to the end of the schedule, however long it is. 30 epochs gain 0.001 to
    # 0.009 of macro-F1 over 15 on the pilot CVEs.
    epochs = 30
    # AdamW moves the weights of rare n-grams as fast as those of frequent ones, which overfits: on the pilot CVEs its
    # macro-F1 is 0.65, that of gradient descent with momentum 0.71, and that of L-BFGS 0.70.
    momentum = 0.9
    vector_length = 16.0  # rows of unit length would need weights that take many more steps
    space = {
        **INPUT_SPACE,
        "c": Float(1e-1, 1e3, default=10.0, log=True),
        "longest": Int(3, 6, default=4),
        "balanced": Categorical((False, True), default=True),
    }
    loss_space = {
        **INPUT_SPACE,
        "longest": Int(3, 6, default=4),
        "learning_rate": Float(3e-3, 3e-1, default=3e-2, log=True),
        "weight_decay": Float(1e-5, 1e-2, default=1e-4, log=True),
    }

    def tower(self, params: Params) -> "Tower":
        """See `TorchLearner.tower`; only for a loss of the strategy's own."""
        from ..neural.towers import HashedNgrams

        return HashedNgrams(params["longest"], params["input"])

    def fit(
        self,
        train: TrainingData,
        validation: TrainingData | None,
        params: Params,
        context: Context,
        training: Training = PLAIN_TRAINING,
    ) -> Predictor:
        """See `Learner.fit`; L-BFGS converges, so that neither validation rows nor further passes change it."""
        if training.head is not None:
            return super().fit(train, validation, params, context, training)
        features, rows = TfIdf.fit(train.payloads, 1, params["longest"], params["input"])
        weights = np.ones(len(train)) if training.weights is None else training.weights
        if params["balanced"]:
            weights = weights * _class_balancing(train.labels, weights)
        iterations = MAX_ITERATIONS
        if training.passes < 1 and validation is None:
            iterations = max(1, round(training.passes * ITERATIONS_PER_PASS))
        return linear(features, rows, train.labels, weights, params["c"], iterations, context)

    def load(self, folder: Path, space: Space, by_loss: bool, context: Context) -> Predictor:
        """See `Learner.load`."""
        if by_loss:
            return super().load(folder, space, by_loss, context)
        features, width = TfIdf.load(folder), len(context.classes)
        expected = {
            "weights": predictor_files.ArraySpec("float32", ("trained classes", features.width)),
            "bias": predictor_files.ArraySpec("float32", ("trained classes",)),
            "classes": predictor_files.ArraySpec("int64", ("trained classes",), 0, width - 1, ascending=True),
        }
        return _Linear(features, width=width, **predictor_files.read_arrays(folder, expected=expected))


def _class_balancing(labels: npt.NDArray[np.int64], weights: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Returns factors under which all classes have the same total weight, float64 (n,)."""
    totals = np.bincount(labels, weights=weights)
    present = np.count_nonzero(totals)
    return np.asarray(weights.sum() / (present * totals[labels]), dtype=np.float64)


def linear(
    features: TfIdf,
    rows: object,
    labels: npt.NDArray[np.int64],
    weights: npt.NDArray[np.float64],
    c: float,
    iterations: int,
    context: Context,
) -> Predictor:
    """Fits a multinomial logistic regression.

    Args:
        features: the weighting of the n-grams.
        rows: float32 CSR (n, features.width), the TF-IDF rows.
        labels: int64 (n,).
        weights: float64 (n,), weight of each row, with mean 1.
        c: inverse regularisation strength.
        iterations: of L-BFGS, at most.
        context: its seed, classes and ``count`` are used.

    Raises:
        ValueError: the rows are of one class.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    if len(np.unique(labels)) < 2:
        raise ValueError("logistic regression requires at least two classes in training, but there is one")
    model = LogisticRegression(C=c, max_iter=iterations, tol=1e-3, random_state=context.seed)
    with warnings.catch_warnings():
        if iterations < MAX_ITERATIONS:  # stopped early on purpose
            warnings.simplefilter("ignore", ConvergenceWarning)
        model.fit(rows, labels, sample_weight=weights)
    passes = int(model.n_iter_.max())
    context.count(passes * len(labels), passes)
    slope, bias = model.coef_, model.intercept_
    if len(bias) == 1:  # scikit-learn has one row of coefficients for two classes; split its logit evenly
        slope, bias = np.concatenate([-slope, slope]) / 2, np.concatenate([-bias, bias]) / 2
    return _Linear(features, slope.astype(np.float32), bias.astype(np.float32), model.classes_, len(context.classes))


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
