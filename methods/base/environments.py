"""Base class of the methods that penalise differences between training environments."""

from abc import abstractmethod
from typing import TYPE_CHECKING

from harness import Context, Float, Params, Predictor, Space, TrainingData

from .byte_cnn import ByteCNNBase

if TYPE_CHECKING:
    import torch

    from ..neural.robust.heads import EnvironmentHead

# DomainBed applies the full penalty from step 500, searched as 10^U(0, 4), of 5,001; here it is a share of the steps.
PENALTY_START_SPACE: Space = {"begins": Float(2e-3, 0.8, default=0.1, log=True)}


class EnvironmentMethod(ByteCNNBase):
    """Trains on batches with equally many rows of each environment, with a penalty on differences between them.

    A penalty is estimated from the rows of one batch, so batches are twice as large as those of the other methods on
    this tower. With twice as many epochs there are as many steps.

    Attributes:
        epoch_factor: how many times larger batches, and how many times more epochs, than `ByteCNNBase`.
        needs_two: whether the penalty is zero when there is only one environment.
    """

    epoch_factor = 2
    batch = epoch_factor * ByteCNNBase.batch
    needs_two = True

    @abstractmethod
    def head(
        self, width: int, classes: int, environments: "torch.Tensor", params: Params, start_step: int
    ) -> "EnvironmentHead":
        """Returns the head of a configuration; its penalty has full weight from ``start_step``."""

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains for at most 20 epochs."""
        import torch

        from ..neural.robust import sampling
        from ..neural.training import LoopOptions, fit_classifier, seed_everything

        assert train.environments is not None
        assert validation.groups is not None
        seed_everything(context)
        tower = self.tower(params)
        settings = self.settings(params, epoch_factor=self.epoch_factor)
        epoch_steps = -(-len(train) // settings.batch)
        # The penalty starts with the last epoch at the latest, so that every configuration trains under it.
        last_start = epoch_steps * (settings.epochs - 1)
        start_step = min(int(params.get("begins", 0) * epoch_steps * settings.epochs), last_start)
        environments = torch.from_numpy(train.environments)
        head = self.head(tower.width, len(context.classes), environments, params, start_step)
        options = LoopOptions(
            sampling.environment_sampler(train.environments), sampling.balancing_weights(validation.groups)
        )
        predictor = fit_classifier(tower, head, train, validation, settings, context, options)
        if self.needs_two and len(torch.unique(environments)) < 2:
            predictor.notes = ("training has one environment, so the penalty is zero and this is cross-entropy",)
        return predictor
