"""group-dro: distributionally robust optimisation, in which groups with a higher loss get more weight."""

from typing import TYPE_CHECKING

from harness import Context, Float, Int, Learner, Params, Predictor, Strategy, Training, TrainingData, register_strategy

from ..base.torch_learner import TORCH

if TYPE_CHECKING:
    from ..neural.robust.heads import GroupDROHead


@register_strategy(
    "group-dro",
    version=1,
    tags=("groups",),
    summary="with groups weighted by exponentiated-gradient ascent on their losses",
    reference="Sagawa et al. 2020, arXiv 1911.08731",
    requires=TORCH,
    contrasts=("control-gradient", "plain"),
)
class GroupDRO(Strategy):
    """Group DRO with batches balanced by group, as in the paper's code."""

    needs = frozenset(("loss",))
    space = {
        "rate": Float(1e-3, 1e-1, default=1e-2, log=True),  # DomainBed and SubpopBench: 0.01, 10^U(-3, -1)
        "adjustment": Int(0, 5, default=0),  # Sagawa et al.: C from 0 to 5
    }

    def fit(
        self, learner: Learner, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> Predictor:
        """See `Strategy.fit`."""
        import torch

        from ..base.groups import balancing_weights
        from ..neural.robust.heads import GroupDROHead

        assert train.groups is not None
        assert validation.groups is not None
        groups = torch.from_numpy(train.groups)

        def head(width: int, classes: int, length: float) -> "GroupDROHead":
            return GroupDROHead(width, classes, groups, params["rate"], params["adjustment"], length)

        weights, validation_weights = balancing_weights(train.groups), balancing_weights(validation.groups)
        return learner.fit(train, validation, params, context, Training(weights, validation_weights, head=head))
