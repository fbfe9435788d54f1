"""Base class of the learners that train a tower."""

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from harness import PLAIN_TRAINING, Context, Learner, Params, Predictor, Space, Training, TrainingData

if TYPE_CHECKING:
    from ..neural.towers import Tower
    from ..neural.training import Settings

TORCH = ("torch", "safetensors.torch", "transformers.optimization")  # what training a tower imports


class TorchLearner(Learner):
    """Trains a tower and a linear classifier on its vectors.

    Attributes:
        epochs: maximum number of epochs of plain training.
        batch: rows of a training batch.
        momentum: see ``harness.methods.neural.training.Settings``.
        vector_length: length that vectors are scaled to before the classifier; 0 leaves them unchanged.
    """

    abilities = frozenset(("weights", "loss", "features"))
    epochs: int
    batch: int = 16
    momentum: float = 0.0
    vector_length: float = 0.0

    @abstractmethod
    def tower(self, params: Params) -> "Tower":
        """Returns the tower of a configuration, untrained or with pretrained weights."""

    def settings(self, params: Params, training: Training) -> "Settings":
        """Returns the settings of the training loop.

        Patience grows with the number of epochs, so that training whose epochs have fewer steps (larger batches, fewer
        rows) is not stopped earlier.
        """
        from ..neural.training import Settings

        factor = training.passes * training.larger_batches
        plain = Settings(params["learning_rate"], self.epochs)
        return Settings(
            params["learning_rate"],
            epochs=max(1, round(factor * self.epochs)),
            batch=training.larger_batches * self.batch,
            weight_decay=params.get("weight_decay", plain.weight_decay),
            patience=round(max(1.0, factor) * plain.patience),
            momentum=self.momentum,
        )

    def fit(
        self,
        train: TrainingData,
        validation: TrainingData | None,
        params: Params,
        context: Context,
        training: Training = PLAIN_TRAINING,
    ) -> Predictor:
        """See `Learner.fit`; the loss is cross-entropy unless the strategy has its own."""
        from ..neural.heads import CrossEntropyHead
        from ..neural.robust.sampling import weighted_sampler
        from ..neural.training import LoopOptions, fit_classifier, seed_everything

        seed_everything(context)
        tower = self.tower(params)
        tower.adapt(train.payloads)
        head = (training.head or CrossEntropyHead)(tower.width, len(context.classes), self.vector_length)
        sampler = training.sampler
        if sampler is None and training.weights is not None:
            sampler = weighted_sampler(training.weights)
        options = LoopOptions(sampler, training.validation_weights)
        return fit_classifier(tower, head, train, validation, self.settings(params, training), context, options)

    def load(self, folder: Path, space: Space, by_loss: bool, context: Context) -> Predictor:
        """See `Learner.load`."""
        from ..neural.training import TorchPredictor

        return TorchPredictor.load(folder, self.tower, space, context)
