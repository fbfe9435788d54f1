"""What the methods that learn from a first model's errors have in common. This module registers nothing."""

from typing import TYPE_CHECKING

from harness import Context, Float, Params, Space, TrainingData

from .byte_cnn import ByteCNNBase

if TYPE_CHECKING:
    from ..neural.training import TorchPredictor

# SubpopBench, for JTT: the first stage takes 0.5, U(0.2, 0.8), of the steps. Cues are learned sooner than that here.
FIRST: Space = {"first_stage": Float(0.2, 0.8, default=0.2)}


class TwoStageMethod(ByteCNNBase):
    """The first model is trained briefly by cross-entropy; what it gets wrong stands for the rows without the cue."""

    def first(self, train: TrainingData, params: Params, context: Context) -> "TorchPredictor":
        """Returns the first model, without early stopping: it is to err where the shortcut does."""
        return self.plain(train, None, params, context, epochs=max(1, round(params["first_stage"] * self.epochs)))
