"""cnc (Correct-n-Contrast): contrast between rows of the same class that a first model predicts differently."""

from typing import TYPE_CHECKING

from harness import Context, Float, Learner, Params, Predictor, Strategy, Training, TrainingData, register_strategy

from ..base.torch_learner import TORCH
from ..base.two_stage import FIRST_STAGE_SPACE, first_predictions

if TYPE_CHECKING:
    from ..neural.robust.heads import GuessContrastHead


@register_strategy(
    "cnc",
    version=1,
    summary="with contrast across the predictions of a first model",
    reference="Zhang et al. 2022, arXiv 2203.01517",
    requires=TORCH,
)
class CorrectNContrast(Strategy):
    """Needs no groups. Batches are balanced by class and by whether the first model was right, so that anchors have
    positives in the batch; the paper samples anchors with their positives and negatives for the same purpose.
    """

    needs = frozenset(("loss", "features"))
    space = {
        **FIRST_STAGE_SPACE,
        # Neither DomainBed nor SubpopBench includes this method; these ranges are ours.
        "contrast": Float(0.25, 0.95, default=0.75),  # share of the contrast in the loss
        "temperature": Float(0.03, 0.3, default=0.1, log=True),
    }

    def fit(
        self, learner: Learner, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> Predictor:
        """See `Strategy.fit`."""
        import torch

        from ..base.groups import balancing_weights
        from ..neural.robust.heads import GuessContrastHead

        guesses = first_predictions(learner, train, validation, params, context)
        groups, validation_groups = (
            part.labels * 2 + (guess != part.labels) for part, guess in zip((train, validation), guesses, strict=True)
        )
        train_guesses = torch.from_numpy(guesses[0])

        def head(width: int, classes: int, length: float) -> "GuessContrastHead":
            share, temperature = params["contrast"], params["temperature"]
            return GuessContrastHead(width, classes, train_guesses, share, temperature, length)

        training = Training(balancing_weights(groups), balancing_weights(validation_groups), head=head)
        predictor = learner.fit(train, validation, params, context, training)
        predictor.note(f"the first stage erred on {int((groups % 2).sum())} of {len(train)} training rows")
        return predictor
