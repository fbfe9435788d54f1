"""Gradient-boosted trees on TF-IDF by scikit-learn and XGBoost."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import xgboost
from sklearn.feature_extraction.text import TfidfVectorizer

from harness import Payloads


def sklearn_xgboost(payloads: Payloads, labels: npt.NDArray[np.int64]) -> Callable[[Payloads], np.ndarray]:
    """Fits XGBClassifier on the TF-IDF of characters by scikit-learn; returns what predicts probabilities."""
    vectorizer = TfidfVectorizer(analyzer="char", ngram_range=(1, 4), max_features=20_000)
    table = vectorizer.fit_transform([payload.decode("latin-1") for payload in payloads])
    model = xgboost.XGBClassifier(n_estimators=150, n_jobs=1).fit(table, labels)
    return lambda tested: model.predict_proba(vectorizer.transform([p.decode("latin-1") for p in tested]))
