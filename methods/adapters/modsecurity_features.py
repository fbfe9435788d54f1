"""``modsecurity-features:CRS_FOLDER``: a linear model on which rules of a user's checkout match a request.

After ModSec-Learn (arXiv 2406.13547), which trains linear models on the activations of the Core Rule Set. It separates
attacks from harmless requests; here the classes are those of the corpus, and n-grams may be added.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from harness import (
    Categorical,
    Context,
    Float,
    Params,
    Payloads,
    Predictor,
    TrainingData,
    UserError,
    hashing,
    register_method_family,
)

from ..base.inputs import INPUT_SPACE
from ..base.rule_engine import REQUIRES, Engine
from ..base.tfidf import TfIdf
from .modsecurity import RuleMethod

if TYPE_CHECKING:
    from scipy.sparse import csr_array

_STEP = "rule activations, version 1"
_BLOCK = 64  # payloads between two looks at the clock


@register_method_family(
    "modsecurity-features",
    version=2,
    argument="CRS_FOLDER",
    kinds="ranked",
    summary="logistic regression on which rules of your Core Rule Set match, with or without byte n-grams",
    requires=(*REQUIRES, "sklearn.linear_model", "scipy.sparse"),
)
class RuleFeatures(RuleMethod):
    """Searches the inverse regularisation strength, class balancing, and whether n-grams are added, of which input.

    The rules read the payloads as stored: they decode for themselves.
    """

    kind = "ranked"
    tags = frozenset(("rules",))
    space = {
        **INPUT_SPACE,
        "c": Float(1e-1, 1e3, default=10.0, log=True),
        "balanced": Categorical((False, True), default=True),
        "ngrams": Categorical((False, True), default=True),
    }

    def content(self) -> Mapping[str, Any]:
        """Returns a hash of the rules; this method gives classes, not labels of its own."""
        return {"digest": self.rules.digest}

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Evaluates the rules once for all trials and cells with these payloads, and fits with L-BFGS."""
        from sklearn.linear_model import LogisticRegression

        if len(np.unique(train.labels)) < 2:
            raise UserError("logistic regression requires at least two classes in training, but there is one.")
        engine, payloads = Engine(self.rules), train.payloads
        content = [self.rules.digest, hashing.of_array(payloads.data), hashing.of_array(payloads.offsets)]
        arrays = context.shared(_STEP, hashing.of_json(content), lambda: _activations(engine, payloads, context))
        ngrams = TfIdf.fit(payloads, 1, 4, params["input"])[0] if params["ngrams"] else None
        features = _Features(engine, np.unique(arrays["rules"]), ngrams)
        if not (len(features.rules) or ngrams):
            raise UserError("no rule matches a training payload, so there is nothing to learn from.")
        model = LogisticRegression(
            C=params["c"],
            class_weight="balanced" if params["balanced"] else None,
            max_iter=300,
            tol=1e-3,
            random_state=context.seed,
        )
        model.fit(features.table(payloads, arrays), train.labels)
        passes = int(model.n_iter_.max())
        context.count(passes * len(train), passes)
        return _Linear(features, model, len(context.classes))


class _Features:
    """Turns payloads into rows of a table: 1 for each rule that matches, then the TF-IDF of n-grams, if any.

    Args:
        engine: evaluates the rules.
        rules: int64, ids of the rules that are columns, ascending.
        ngrams: weighting of n-grams, or None.
    """

    def __init__(self, engine: Engine, rules: npt.NDArray[np.int64], ngrams: TfIdf | None) -> None:
        self.engine, self.rules, self._ngrams = engine, rules, ngrams

    def table(self, payloads: Payloads, activations: Mapping[str, npt.NDArray[Any]]) -> "csr_array":
        """Returns the rows of payloads, float32 CSR (n, rules + n-grams)."""
        from scipy.sparse import csr_array, hstack

        rules, offsets = activations["rules"], activations["offsets"]
        known = np.isin(rules, self.rules)
        columns = np.searchsorted(self.rules, rules[known])
        starts = np.concatenate([[0], np.cumsum(known)])[offsets]
        ones = np.ones(len(columns), np.float32)
        table = csr_array((ones, columns, starts), shape=(len(payloads), len(self.rules)))
        return table if self._ngrams is None else hstack([table, self._ngrams.transform(payloads)], format="csr")


class _Linear(Predictor):
    def __init__(self, features: _Features, model: Any, width: int) -> None:
        self._features, self._model, self._width = features, model, width

    def predict_proba(self, payloads: Payloads) -> npt.NDArray[np.float32]:
        out = np.zeros((len(payloads), self._width), dtype=np.float32)
        if len(payloads):
            table = self._features.table(payloads, _activations(self._features.engine, payloads))
            out[:, self._model.classes_] = self._model.predict_proba(table)
        return out


def _activations(
    engine: Engine, payloads: Payloads, context: Context | None = None
) -> dict[str, npt.NDArray[np.int64]]:
    """Returns the ids of the rules that match each payload, one payload after the other, and offsets, int64 (n + 1,).

    Raises:
        UserError: the seconds of the cell are spent; half of the activations are nothing to train on.
    """
    found = list[list[int]]()
    for number, payload in enumerate(payloads):
        if context and number % _BLOCK == 0 and context.should_stop():
            done = f"{number} of {len(payloads)} payloads"
            raise UserError(f"the time was spent when the rules had been evaluated on {done}.")
        found.append(sorted({match.rule for match in engine.matches(payload)}))
    offsets = np.cumsum([0, *map(len, found)], dtype=np.int64)
    return {"rules": np.array([rule for rules in found for rule in rules], np.int64), "offsets": offsets}
