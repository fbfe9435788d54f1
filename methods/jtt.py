"""Just train twice: the rows that a briefly trained first model gets wrong weigh more for the second."""

from harness import Context, Float, Params, Predictor, TrainingData, register_method

from .base.byte_cnn import REQUIRES, SPACE
from .base.two_stage import FIRST, TwoStageMethod


@register_method(
    "jtt",
    version=2,
    summary="byte-cnn trained again, with the errors of a first one weighing more",
    reference="Liu et al. 2021, arXiv 2107.09044",
    contrasts=("byte-cnn",),
    requires=REQUIRES,
)
class JTT(TwoStageMethod):
    """Knows no groups: unlike in the paper, validation has none either, so errors weigh more there as well."""

    space = {
        **SPACE,
        **FIRST,
        "upweight": Float(1.0, 316.0, default=10.0, log=True),  # SubpopBench: 10, 10^U(0, 2.5)
    }

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains twice, the second time for at most 10 epochs."""
        import numpy as np

        from .neural.robust import sampling
        from .neural.training import Course

        first = self.first(train, params, context)
        erred = [first.predict_proba(part.payloads).argmax(axis=1) != part.labels for part in (train, validation)]
        ours, theirs = (np.where(wrong, params["upweight"], 1.0) for wrong in erred)
        predictor = self.plain(train, validation, params, context, Course(sampling.weighted(ours), theirs))
        predictor.notes = (f"the first stage erred on {int(erred[0].sum())} of {len(train)} training rows",)
        return predictor
