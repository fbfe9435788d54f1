"""jtt (just train twice): trains again with more weight on the rows that a briefly trained first model got wrong."""

from harness import Context, Float, Learner, Params, Predictor, Strategy, Training, TrainingData, register_strategy

from ..base.two_stage import FIRST_STAGE_SPACE, first_predictions


@register_strategy(
    "jtt",
    version=1,
    summary="trained twice, the second time with more weight on the errors of the first",
    reference="Liu et al. 2021, arXiv 2107.09044",
)
class JTT(Strategy):
    """Needs no groups, not even in validation as in the paper: there, too, errors of the first model weigh more."""

    needs = frozenset(("weights",))
    space = {
        **FIRST_STAGE_SPACE,
        "upweight": Float(1.0, 316.0, default=10.0, log=True),  # SubpopBench: 10, 10^U(0, 2.5)
    }

    def fit(
        self, learner: Learner, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> Predictor:
        """See `Strategy.fit`."""
        import numpy as np

        first = first_predictions(learner, train, validation, params, context)
        errors = [guess != part.labels for guess, part in zip(first, (train, validation), strict=True)]
        raw = [np.where(wrong, params["upweight"], 1.0) for wrong in errors]
        weights, validation_weights = (row_weights / row_weights.mean() for row_weights in raw)
        predictor = learner.fit(train, validation, params, context, Training(weights, validation_weights))
        predictor.note(f"the first stage erred on {int(errors[0].sum())} of {len(train)} training rows")
        return predictor
