"""coral (Deep CORAL): penalises differences of feature means and covariances between training environments."""

from typing import TYPE_CHECKING

from harness import Float, Params, register_strategy

from ..base.environments import EnvironmentStrategy
from ..base.torch_learner import TORCH

if TYPE_CHECKING:
    import torch

    from ..neural.robust.heads import CoralHead


@register_strategy(
    "coral",
    version=1,
    tags=("groups",),
    summary="with features aligned across environments by mean and covariance",
    reference="Sun and Saenko 2016, arXiv 1607.01719; Gulrajani and Lopez-Paz 2021, arXiv 2007.01434",
    requires=TORCH,
    contrasts=("control-no-penalty", "plain"),
)
class Coral(EnvironmentStrategy):
    """As in DomainBed: all pairs of training environments, with the full penalty from the first step."""

    needs = frozenset(("loss", "features"))
    space = {"penalty": Float(1e-1, 1e1, default=1.0, log=True)}  # DomainBed: 1, 10^U(-1, 1)

    def head(
        self, width: int, classes: int, length: float, environments: "torch.Tensor", params: Params
    ) -> "CoralHead":
        """See `EnvironmentStrategy.head`."""
        from ..neural.robust.heads import CoralHead

        return CoralHead(width, classes, environments, params["penalty"], 0, length)
