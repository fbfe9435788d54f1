"""tfidf-xgboost: gradient-boosted trees on TF-IDF over a selection of byte n-grams."""

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

from .base import boosted_trees
from .base.inputs import INPUT_SPACE
from .base.tfidf import TfIdf

if TYPE_CHECKING:
    import xgboost
    from scipy.sparse import csr_array

COLUMNS = 1500  # selected by the chi-squared statistic


@register_method(
    "tfidf-xgboost",
    version=2,
    summary="the most informative hashed byte n-grams (chi-squared) + XGBoost on histograms",
    reference="Chen and Guestrin 2016, arXiv 1603.02754",
    requires=("xgboost", "scipy.sparse", "sklearn.feature_selection"),
)
class TfIdfXGBoost(Method):
    """Boosts trees on the columns with the highest chi-squared statistic against the classes."""

    space = {
        **INPUT_SPACE,
        "learning_rate": Float(0.05, 0.5, default=0.2, log=True),
        "max_depth": Int(3, 8, default=5),
        "min_child_weight": Float(0.1, 5.0, default=0.5, log=True),
        "colsample": Float(0.05, 0.6, default=0.2),
        "reg_lambda": Float(0.1, 10.0, default=1.0, log=True),
    }

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Boosts for at most 120 rounds, or until the validation loss has not improved for 15."""
        import xgboost
        from sklearn.feature_selection import chi2

        features, rows = TfIdf.fit(train.payloads, 1, 4, params["input"], min_rows=4)
        statistic = np.nan_to_num(chi2(rows, train.labels)[0], nan=0.0)
        columns = np.sort(np.argsort(-statistic, kind="stable")[:COLUMNS])
        booster = xgboost.train(
            {
                "objective": "multi:softprob",
                "num_class": len(context.classes),
                "tree_method": "hist",
                "max_bin": 16,
                "eta": params["learning_rate"],
                "max_depth": params["max_depth"],
                "min_child_weight": params["min_child_weight"],
                "colsample_bytree": params["colsample"],
                "lambda": params["reg_lambda"],
                "subsample": 0.8,
                "nthread": 1,
                "seed": context.seed,
                "verbosity": 0,
            },
            _matrix(rows[:, columns], train.labels),
            num_boost_round=120,
            evals=[(_matrix(features.transform(validation.payloads)[:, columns], validation.labels), "validation")],
            callbacks=[xgboost.callback.EarlyStopping(rounds=15), _clock(context)],
            verbose_eval=False,
        )
        return _Trees(features, columns, booster[: booster.best_iteration + 1], len(context.classes))

    def load(self, folder: Path, context: Context) -> Predictor:
        """Reads the trees."""
        features, classes = TfIdf.load(folder), len(context.classes)
        expected = {"columns": predictor_files.ArraySpec("int64", ("columns",), 0, features.width - 1, ascending=True)}
        columns = predictor_files.read_arrays(folder, expected=expected)["columns"]
        return _Trees(features, columns, boosted_trees.load(folder, classes, len(columns)), classes)


def _clock(context: Context) -> "xgboost.callback.TrainingCallback":
    """Returns a callback that ends the boosting when the cell's seconds are spent; it runs after early stopping."""
    import xgboost

    class Clock(xgboost.callback.TrainingCallback):
        def after_iteration(self, model: object, epoch: int, evals_log: object) -> bool:
            return context.should_stop()

    return Clock()


def _matrix(table: "csr_array", labels: npt.NDArray[np.int64] | None = None) -> "xgboost.DMatrix":
    """Wraps a sparse table; XGBoost treats an absent n-gram as missing and learns a default direction for it."""
    import xgboost

    return xgboost.DMatrix(table, label=labels, nthread=1)


class _Trees(Predictor):
    def __init__(
        self, features: TfIdf, columns: npt.NDArray[np.int64], booster: "xgboost.Booster", classes: int
    ) -> None:
        self._features, self._columns, self._booster, self._classes = features, columns, booster, classes

    def predict_proba(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        table = self._features.transform(payloads)[:, self._columns]
        shares = np.asarray(self._booster.predict(_matrix(table)), dtype=np.float32)
        return shares.reshape(len(payloads), self._classes)

    def save(self, folder: Path) -> None:
        self._features.save(folder)
        predictor_files.write_arrays(folder, {"columns": self._columns})
        boosted_trees.save(folder, self._booster)
