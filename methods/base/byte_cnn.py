"""Base class of the methods that train the tower of byte-cnn."""

from dataclasses import replace
from typing import TYPE_CHECKING

from harness import Context, Float, Int, Params, Space, TrainingData

from .encoder import TorchMethod

if TYPE_CHECKING:
    from ..neural.towers import Tower
    from ..neural.training import LoopOptions, Settings, TorchPredictor

REQUIRES = ("torch", "safetensors.torch", "transformers.optimization")
MAX_BYTES = 1024  # later bytes are cut; 99 % of real requests are shorter than 1,600
SPACE: Space = {
    "learning_rate": Float(5e-4, 2e-2, default=5e-3, log=True),
    "channels": Int(64, 256, default=128, log=True),
    "window": Int(4, 10, default=6),
    "dropout": Float(0.0, 0.5, default=0.2),
}


class ByteCNNBase(TorchMethod):
    """A gated convolution over bytes, with short windows at stride 1, since an attack is a few bytes long.

    Attributes:
        epochs: maximum number of epochs.
        batch: rows of a training batch.
    """

    epochs: int = 10
    batch: int = 16

    def tower(self, params: Params) -> "Tower":
        """Returns the untrained tower of a configuration."""
        from ..neural.towers import ByteCNN

        return ByteCNN(16, params["channels"], params["window"], 1, params["dropout"], MAX_BYTES)

    def settings(self, params: Params, epochs: int | None = None, epoch_factor: int = 1) -> "Settings":
        """Returns the settings of the training loop.

        Args:
            params: the configuration.
            epochs: replaces the method's own number of epochs.
            epoch_factor: multiplies epochs and patience, so that a method whose epochs have fewer steps (larger
                batches, fewer rows) still trains for as many steps as the others.
        """
        from ..neural.training import Settings

        epochs = self.epochs if epochs is None else epochs
        settings = Settings(params["learning_rate"], epochs=epochs * epoch_factor, batch=self.batch)
        return replace(settings, patience=settings.patience * epoch_factor)

    def fit_cross_entropy(
        self,
        train: TrainingData,
        validation: TrainingData | None,
        params: Params,
        context: Context,
        options: "LoopOptions | None" = None,
        epochs: int | None = None,
        epoch_factor: int = 1,
    ) -> "TorchPredictor":
        """Trains from scratch by cross-entropy; without validation data, for all epochs. Arguments as `settings`."""
        from ..neural.heads import CrossEntropyHead
        from ..neural.training import DEFAULT_OPTIONS, fit_classifier, seed_everything

        seed_everything(context)
        tower = self.tower(params)
        head = CrossEntropyHead(tower.width, len(context.classes))
        settings = self.settings(params, epochs, epoch_factor)
        return fit_classifier(tower, head, train, validation, settings, context, options or DEFAULT_OPTIONS)
