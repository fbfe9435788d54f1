"""Base class of the strategies that penalise differences between training environments."""

from abc import abstractmethod
from functools import partial
from typing import TYPE_CHECKING

from harness import Context, Float, Learner, Params, Predictor, Space, Strategy, Training, TrainingData

if TYPE_CHECKING:
    import torch

    from ..neural.robust.heads import EnvironmentHead

# DomainBed applies the full penalty from step 500, searched as 10^U(0, 4), of 5,001; here it is a share of the passes.
PENALTY_START_SPACE: Space = {"begins": Float(2e-3, 0.8, default=0.1, log=True)}


class EnvironmentStrategy(Strategy):
    """Trains on batches with equally many rows of each environment, with a penalty on differences between them.

    A penalty is estimated from the rows of one batch, so batches are twice as large as in plain training. With twice as
    many epochs there are as many steps.

    Attributes:
        larger_batches: how many times larger batches, and how many times more epochs, than in plain training.
        needs_two: whether the penalty is zero when there is only one environment.
    """

    needs = frozenset(("loss",))
    larger_batches = 2
    needs_two = True

    @abstractmethod
    def head(
        self, width: int, classes: int, length: float, environments: "torch.Tensor", params: Params
    ) -> "EnvironmentHead":
        """Returns the head of a configuration.

        Its penalty has full weight from the share ``params["begins"]`` of the steps, if the space has that dimension.
        """

    def fit(
        self, learner: Learner, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> Predictor:
        """See `Strategy.fit`."""
        import torch

        from ..neural.robust import sampling
        from .groups import balancing_weights

        assert train.environments is not None
        assert validation.groups is not None
        environments = torch.from_numpy(train.environments)
        training = Training(
            validation_weights=balancing_weights(validation.groups),
            head=partial(self.head, environments=environments, params=params),
            sampler=sampling.environment_sampler(train.environments),
            larger_batches=self.larger_batches,
        )
        predictor = learner.fit(train, validation, params, context, training)
        if self.needs_two and len(torch.unique(environments)) < 2:
            predictor.note("training has one environment, so the penalty is zero and this is cross-entropy")
        return predictor
