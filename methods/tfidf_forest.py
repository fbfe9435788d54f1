"""tfidf-forest: a random forest on TF-IDF over byte n-grams, the baseline of arXiv 2603.20181."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from harness import (
    Categorical,
    Context,
    Int,
    Method,
    Params,
    Payloads,
    Predictor,
    TrainingData,
    register_method,
)

from .base.forest import Forest
from .base.inputs import INPUT_SPACE
from .base.tfidf import TfIdf

_BLOCK_TREES = 20  # grown between two looks at the clock


@register_method(
    "tfidf-forest",
    version=1,
    summary="hashed byte n-gram TF-IDF + random forest",
    reference="Breiman 2001, Machine Learning 45; the baseline of arXiv 2603.20181",
    requires=("sklearn.ensemble", "sklearn.feature_selection", "scipy.sparse"),
)
class TfIdfForest(Method):
    """Grows trees on the columns with the highest chi-squared statistic against the classes.

    The paper does not state its n-grams and sizes. A split draws from the square root of the number of columns, as in
    scikit-learn; without the selection, most of these would be n-grams of two or three payloads.
    """

    space = {
        **INPUT_SPACE,
        "trees": Int(100, 500, default=300),
        "columns": Int(1000, 16000, default=4000, log=True),
        "min_leaf": Int(1, 5, default=1),
        "longest": Int(3, 6, default=4),
        "balanced": Categorical((False, True), default=True),
    }

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Grows trees in blocks until their number is reached or the cell's seconds are spent."""
        from sklearn.ensemble import RandomForestClassifier
        from sklearn.feature_selection import chi2

        features, rows = TfIdf.fit(train.payloads, 1, params["longest"], params["input"])
        statistic = np.nan_to_num(chi2(rows, train.labels)[0], nan=0.0)
        columns = np.sort(np.argsort(-statistic, kind="stable")[: params["columns"]])
        selected = rows[:, columns]
        weights = _class_weights(train.labels) if params["balanced"] else None
        model = RandomForestClassifier(
            n_estimators=0,
            min_samples_leaf=params["min_leaf"],
            class_weight=weights,
            warm_start=True,  # a block continues the random stream of the blocks before it
            n_jobs=1,
            random_state=context.seed,
        )
        while model.n_estimators < params["trees"]:
            block = min(_BLOCK_TREES, params["trees"] - model.n_estimators)
            model.set_params(n_estimators=model.n_estimators + block).fit(selected, train.labels)
            context.count(block * len(train), block)
            if context.should_stop():
                break
        forest = Forest.from_sklearn(model.estimators_, model.classes_, len(context.classes))
        return _Forest(features, forest.on_columns(columns))

    def load(self, folder: Path, context: Context) -> Predictor:
        """Reads the trees."""
        features = TfIdf.load(folder)
        return _Forest(features, Forest.load(folder, len(context.classes), features.width))


def _class_weights(labels: npt.NDArray[np.int64]) -> dict[int, float]:
    """Returns scikit-learn's "balanced" weights, which it refuses to compute when a forest is grown in blocks."""
    classes, counts = np.unique(labels, return_counts=True)
    return dict(zip(classes.tolist(), (len(labels) / (len(classes) * counts)).tolist(), strict=True))


class _Forest(Predictor):
    def __init__(self, features: TfIdf, forest: Forest) -> None:
        self._features, self._forest = features, forest

    def predict_proba(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        return self._forest.predict(self._features.transform(payloads))

    def save(self, folder: Path) -> None:
        self._features.save(folder)
        self._forest.save(folder)
