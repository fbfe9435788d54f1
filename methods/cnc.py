"""Correct-n-Contrast: contrastive training on rows of the same class that a first model predicts differently."""

from harness import Context, Float, Params, Predictor, TrainingData, register_method

from .base.byte_cnn import REQUIRES, SPACE
from .base.two_stage import FIRST_STAGE_SPACE, TwoStageMethod


@register_method(
    "cnc",
    version=2,
    summary="byte-cnn with contrast across the predictions of a first model",
    reference="Zhang et al. 2022, arXiv 2203.01517",
    contrasts=("byte-cnn",),
    requires=REQUIRES,
)
class CorrectNContrast(TwoStageMethod):
    """Needs no groups. Batches are balanced by class and by whether the first model was right, so that anchors have
    positives in the batch; the paper samples anchors with their positives and negatives for the same purpose.
    """

    space = {
        **SPACE,
        **FIRST_STAGE_SPACE,
        # Neither DomainBed nor SubpopBench includes this method; these ranges are ours.
        "contrast": Float(0.25, 0.95, default=0.75),  # share of the contrast in the loss
        "temperature": Float(0.03, 0.3, default=0.1, log=True),
    }

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains twice, the second time for at most 10 epochs."""
        import torch

        from .neural.robust import sampling
        from .neural.robust.heads import GuessContrastHead
        from .neural.training import LoopOptions, fit_classifier, seed_everything

        first = self.first_model(train, params, context)
        guesses = [first.predict_proba(part.payloads).argmax(axis=1) for part in (train, validation)]
        groups, validation_groups = (
            part.labels * 2 + (guess != part.labels) for part, guess in zip((train, validation), guesses, strict=True)
        )
        seed_everything(context)
        tower = self.tower(params)
        train_guesses = torch.from_numpy(guesses[0])
        head = GuessContrastHead(
            tower.width, len(context.classes), train_guesses, params["contrast"], params["temperature"]
        )
        options = LoopOptions(sampling.balanced_sampler(groups), sampling.balancing_weights(validation_groups))
        predictor = fit_classifier(tower, head, train, validation, self.settings(params), context, options)
        predictor.notes = (f"the first stage erred on {int((groups % 2).sum())} of {len(train)} training rows",)
        return predictor
