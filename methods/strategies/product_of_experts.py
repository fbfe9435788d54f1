"""product-of-experts: a classifier of carriers alone takes what the carrier explains, and the learner the rest."""

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from harness import (
    Context,
    Float,
    Learner,
    Params,
    Predictor,
    Strategy,
    Training,
    TrainingData,
    register_strategy,
    request_fields,
)

from ..base.torch_learner import TORCH

if TYPE_CHECKING:
    from ..neural.robust.heads import ProductHead

# The parts that the expert reads: what a client program sends whatever the attack is.
CARRIER = ("method", "version", "host", "client", "content")
PARTS = 5  # of the training rows; the expert of a part is trained on the others
EXPERT_C = 10.0  # inverse regularisation strength of the expert, the default of tfidf-logreg
LONGEST = 4  # bytes of the expert's longest n-gram


@register_strategy(
    "product-of-experts",
    version=1,
    summary="trained beside a classifier of carriers alone, which takes what the carrier explains",
    reference="Clark et al. 2019, arXiv 1909.03683; arXiv 2604.19069",
    requires=(*TORCH, "sklearn.linear_model", "scipy.sparse"),
    contrasts=("control-gradient", "plain"),
)
class ProductOfExperts(Strategy):
    """Needs neither groups nor attack spans. Prediction uses the learner alone."""

    needs = frozenset(("loss",))
    space = {"share": Float(0.2, 1.0, default=1.0)}  # factor on the expert's log-probabilities

    def fit(
        self, learner: Learner, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> Predictor:
        """See `Strategy.fit`."""
        import torch

        from ..neural.robust.heads import ProductHead

        expert = torch.from_numpy(np.float32(params["share"]) * expert_log_probabilities(train, context))

        def head(width: int, classes: int, length: float) -> "ProductHead":
            return ProductHead(width, classes, expert, length)

        return learner.fit(train, validation, params, context, Training(head=head))


def expert_log_probabilities(train: TrainingData, context: Context) -> npt.NDArray[np.float32]:
    """Returns what carriers alone say about the class of each row, float32 (n, classes).

    Each row is predicted by a classifier that was trained on other rows. One that had seen the row would know its class
    by heart, and leave the learner nothing to explain.
    """
    from ..base.tfidf import TfIdf
    from ..learners.ngrams import MAX_ITERATIONS, linear

    fields = request_fields.locate(train.payloads)
    carriers = request_fields.keep(train.payloads, fields, fields.of(*CARRIER))[0]
    part = np.random.default_rng(context.seed).permutation(len(train)) % PARTS
    out = np.full((len(train), len(context.classes)), 1 / len(context.classes), dtype=np.float32)
    for number in range(PARTS):
        others, own = np.flatnonzero(part != number), np.flatnonzero(part == number)
        if len(np.unique(train.labels[others])) < 2 or not len(own):
            continue
        features, rows = TfIdf.fit(carriers.take(others), 1, LONGEST, "normal")
        weights = np.ones(len(others))
        expert = linear(features, rows, train.labels[others], weights, EXPERT_C, MAX_ITERATIONS, context)
        out[own] = expert.predict_proba(carriers.take(own))
    floor = 1e-3  # a class that the other parts lack would have log-probability minus infinity
    return np.log(np.maximum(out, floor)).astype(np.float32)
