"""pseudo-labels: trains again on payloads without a class, as the class that a first model predicts."""

from typing import TYPE_CHECKING

from harness import (
    Context,
    Float,
    Learner,
    Params,
    Predictor,
    Space,
    Strategy,
    Training,
    TrainingData,
    register_strategy,
)

from ..base.unlabelled import most_certain, with_pseudo_labels

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

PSEUDO_LABEL_SPACE: Space = {
    "part": Float(0.2, 1.0, default=0.6),  # of the rows of each predicted class, the most certain ones
    "weight": Float(0.1, 1.0, default=0.5),  # of such a row, where that of a row with a label is 1
}


@register_strategy(
    "pseudo-labels",
    version=1,
    kind="heavy",
    summary="trained again on payloads without a class, as a first model predicts it",
    reference="Lee 2013, Pseudo-Label, ICML Workshop on Challenges in Representation Learning",
)
class PseudoLabels(Strategy):
    """Shows what payloads without a class are worth without their descriptions.

    Where a scenario has none, it is the plain learner, with a note; hence not among the methods of ``all``.
    """

    needs = frozenset(("weights",))
    space = PSEUDO_LABEL_SPACE

    def fit(
        self, learner: Learner, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> Predictor:
        """See `Strategy.fit`."""
        first = learner.fit(train, validation, params, context)
        if train.unlabelled is None:
            first.note("without payloads that lack a class, this is the plain learner")
            return first
        shares = first.predict_proba(train.unlabelled.payloads)
        return fit_on_pseudo_labels(learner, train, validation, params, context, shares)


def fit_on_pseudo_labels(
    learner: Learner,
    train: TrainingData,
    validation: TrainingData,
    params: Params,
    context: Context,
    shares: "npt.NDArray[np.float32]",
) -> Predictor:
    """Trains on the labelled rows and the most certain ones of the others.

    Args:
        learner, train, validation, params, context: see `Strategy.fit`.
        shares: float32 (payloads without a class, classes), class probabilities; a row of zeros has no guess.
    """
    import numpy as np

    guessed = np.flatnonzero(shares.any(axis=1))
    rows = guessed[most_certain(shares[guessed], params["part"])]
    joined = with_pseudo_labels(train, rows, shares[rows].argmax(axis=1))
    weights = np.concatenate([np.ones(len(train)), np.full(len(rows), params["weight"])])
    predictor = learner.fit(joined, validation, params, context, Training(weights / weights.mean()))
    predictor.note(f"{len(rows)} payloads without a class were trained on, {len(train)} with a label")
    return predictor
