"""Base class of the methods that train a first model and learn from its errors."""

from typing import TYPE_CHECKING

from harness import Context, Float, Params, Space, TrainingData

from .byte_cnn import ByteCNNBase

if TYPE_CHECKING:
    from ..neural.training import TorchPredictor

# SubpopBench, for JTT: the first stage takes 0.5 of the steps, searched as U(0.2, 0.8). Here the default is 0.2, since
# cues are learned earlier.
FIRST_STAGE_SPACE: Space = {"first_stage": Float(0.2, 0.8, default=0.2)}


class TwoStageMethod(ByteCNNBase):
    """Trains a first model briefly by cross-entropy; its errors serve as an estimate of the rows without the cue."""

    def first_model(self, train: TrainingData, params: Params, context: Context) -> "TorchPredictor":
        """Returns the first model, trained without early stopping: it has to make the errors of the shortcut."""
        return self.fit_cross_entropy(
            train, None, params, context, epochs=max(1, round(params["first_stage"] * self.epochs))
        )
