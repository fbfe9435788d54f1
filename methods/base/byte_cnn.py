"""What the methods on the tower of byte-cnn have in common. This module registers nothing."""

from dataclasses import replace
from typing import TYPE_CHECKING

from harness import Context, Float, Int, Params, Space, TrainingData

from .encoder import TorchMethod

if TYPE_CHECKING:
    from ..neural.towers import Tower
    from ..neural.training import Course, Settings, TorchPredictor

REQUIRES = ("torch", "safetensors.torch", "transformers.optimization")
LONGEST = 1024  # bytes; 99 % of real requests are shorter than 1,600
SPACE: Space = {
    "learning_rate": Float(5e-4, 2e-2, default=5e-3, log=True),
    "channels": Int(64, 256, default=128, log=True),
    "window": Int(4, 10, default=6),
    "dropout": Float(0.0, 0.5, default=0.2),
}


class ByteCNNBase(TorchMethod):
    """A gated convolution over bytes. Short windows at stride one: attacks are a few bytes long.

    Attributes:
        epochs: at most.
        batch: rows of one.
    """

    epochs: int = 10
    batch: int = 16

    def tower(self, params: Params) -> "Tower":
        """Returns the tower of a configuration, untrained."""
        from ..neural.towers import ByteCNN

        return ByteCNN(16, params["channels"], params["window"], 1, params["dropout"], LONGEST)

    def settings(self, params: Params, epochs: int | None = None, rounds: int = 1) -> "Settings":
        """Returns those of the loop.

        Args:
            params: the configuration.
            epochs: in the place of the method's own.
            rounds: what goes for one epoch, where few of the rows are left.
        """
        from ..neural.training import Settings

        epochs = self.epochs if epochs is None else epochs
        usual = Settings(params["learning_rate"], epochs=epochs * rounds, batch=self.batch)
        return replace(usual, patience=usual.patience * rounds)

    def plain(
        self,
        train: TrainingData,
        validation: TrainingData | None,
        params: Params,
        context: Context,
        course: "Course | None" = None,
        epochs: int | None = None,
        rounds: int = 1,
    ) -> "TorchPredictor":
        """Trains from scratch by cross-entropy; without validation, for every epoch. See `settings`."""
        from ..neural.heads import CrossEntropyHead
        from ..neural.training import PLAIN, fit_classifier, seed_everything

        seed_everything(context)
        tower = self.tower(params)
        head = CrossEntropyHead(tower.width, len(context.classes))
        settings = self.settings(params, epochs, rounds)
        return fit_classifier(tower, head, train, validation, settings, context, course or PLAIN)
