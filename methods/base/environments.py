"""What the methods that compare training environments have in common. This module registers nothing."""

from abc import abstractmethod
from typing import TYPE_CHECKING

from harness import Context, Float, Params, Predictor, Space, TrainingData

from .byte_cnn import ByteCNNBase

if TYPE_CHECKING:
    import torch

    from ..neural.robust.heads import EnvironmentHead

# DomainBed: the penalty counts in full from step 500, 10^U(0, 4), of 5,001; here as a share of the steps.
BEGINS: Space = {"begins": Float(2e-3, 0.8, default=0.1, log=True)}


class EnvironmentMethod(ByteCNNBase):
    """Trains on batches with as many rows of one environment as of another, under a penalty on what differs.

    A penalty is estimated from the rows of a batch, so that it holds twice those of the other methods on this tower;
    with as many rounds there are as many steps.

    Attributes:
        needs_two: whether the penalty is zero where there is one environment.
    """

    rounds = 2
    batch = rounds * ByteCNNBase.batch
    needs_two = True

    @abstractmethod
    def head(
        self, width: int, classes: int, environments: "torch.Tensor", params: Params, begins: int
    ) -> "EnvironmentHead":
        """Returns the head of a configuration; ``begins`` is the step from which its penalty counts in full."""

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains for at most 20 epochs."""
        import torch

        from ..neural.robust import sampling
        from ..neural.training import Course, fit_classifier, seed_everything

        assert train.environments is not None
        assert validation.groups is not None
        seed_everything(context)
        tower = self.tower(params)
        settings = self.settings(params, rounds=self.rounds)
        epoch = -(-len(train) // settings.batch)  # its steps; the last one is under the penalty in any case
        begins = min(int(params.get("begins", 0) * epoch * settings.epochs), epoch * (settings.epochs - 1))
        environments = torch.from_numpy(train.environments)
        head = self.head(tower.width, len(context.classes), environments, params, begins)
        course = Course(sampling.by_environment(train.environments), sampling.counterweights(validation.groups))
        predictor = fit_classifier(tower, head, train, validation, settings, context, course)
        if self.needs_two and len(torch.unique(environments)) < 2:
            predictor.notes = ("training has one environment, so the penalty is zero and this is cross-entropy",)
        return predictor
