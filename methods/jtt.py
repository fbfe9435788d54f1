"""Just train twice: trains again with more weight on the rows that a briefly trained first model got wrong."""

from harness import Context, Float, Params, Predictor, TrainingData, register_method

from .base.byte_cnn import REQUIRES, SPACE
from .base.two_stage import FIRST_STAGE_SPACE, TwoStageMethod


@register_method(
    "jtt",
    version=2,
    summary="byte-cnn trained twice, the second time with more weight on the errors of the first",
    reference="Liu et al. 2021, arXiv 2107.09044",
    contrasts=("byte-cnn",),
    requires=REQUIRES,
)
class JTT(TwoStageMethod):
    """Needs no groups, not even in validation as in the paper: there, too, errors of the first model weigh more."""

    space = {
        **SPACE,
        **FIRST_STAGE_SPACE,
        "upweight": Float(1.0, 316.0, default=10.0, log=True),  # SubpopBench: 10, 10^U(0, 2.5)
    }

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains twice, the second time for at most 10 epochs."""
        import numpy as np

        from .neural.robust import sampling
        from .neural.training import LoopOptions

        first = self.first_model(train, params, context)
        errors = [first.predict_proba(part.payloads).argmax(axis=1) != part.labels for part in (train, validation)]
        weights, validation_weights = (np.where(wrong, params["upweight"], 1.0) for wrong in errors)
        options = LoopOptions(sampling.weighted_sampler(weights), validation_weights)
        predictor = self.fit_cross_entropy(train, validation, params, context, options)
        predictor.notes = (f"the first stage erred on {int(errors[0].sum())} of {len(train)} training rows",)
        return predictor
