"""Correct-n-Contrast: rows of a class that a first model takes for different classes are pulled together."""

from harness import Context, Float, Params, Predictor, TrainingData, register_method

from .base.byte_cnn import REQUIRES, SPACE
from .base.two_stage import FIRST, TwoStageMethod


@register_method(
    "cnc",
    version=2,
    summary="byte-cnn with contrast across the guesses of a first one",
    reference="Zhang et al. 2022, arXiv 2203.01517",
    contrasts=("byte-cnn",),
    requires=REQUIRES,
)
class CorrectNContrast(TwoStageMethod):
    """Knows no groups. Batches hold what the first model got right and wrong of each class alike, so that they have
    positives to contrast; the paper draws anchors and their positives and negatives to the same end.
    """

    space = {
        **SPACE,
        **FIRST,
        # Neither DomainBed nor SubpopBench has this method; these ranges are ours.
        "contrast": Float(0.25, 0.95, default=0.75),  # its share of the loss
        "temperature": Float(0.03, 0.3, default=0.1, log=True),
    }

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains twice, the second time for at most 10 epochs."""
        import torch

        from .neural.robust import sampling
        from .neural.robust.heads import AcrossHead
        from .neural.training import Course, fit_classifier, seed_everything

        first = self.first(train, params, context)
        guesses = [first.predict_proba(part.payloads).argmax(axis=1) for part in (train, validation)]
        ours, theirs = (
            part.labels * 2 + (guess != part.labels) for part, guess in zip((train, validation), guesses, strict=True)
        )
        seed_everything(context)
        tower = self.tower(params)
        told = torch.from_numpy(guesses[0])
        head = AcrossHead(tower.width, len(context.classes), told, params["contrast"], params["temperature"])
        course = Course(sampling.balanced(ours), sampling.counterweights(theirs))
        predictor = fit_classifier(tower, head, train, validation, self.settings(params), context, course)
        predictor.notes = (f"the first stage erred on {int((ours % 2).sum())} of {len(train)} training rows",)
        return predictor
