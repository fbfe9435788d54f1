"""irm (invariant risk minimisation): penalises classifiers that are not optimal in every training environment."""

from typing import TYPE_CHECKING

from harness import Float, Params, register_strategy

from ..base.environments import EnvironmentStrategy
from ..base.torch_learner import TORCH

if TYPE_CHECKING:
    import torch

    from ..neural.robust.heads import IRMHead


@register_strategy(
    "irm",
    version=1,
    tags=("groups",),
    summary="with the invariance penalty IRMv1",
    reference="Arjovsky et al. 2019, arXiv 1907.02893",
    requires=TORCH,
    contrasts=("control-no-penalty", "plain"),
)
class IRM(EnvironmentStrategy):
    """IRMv1. With one environment the penalty is not zero: it asks for a classifier whose scale is optimal there."""

    needs_two = False
    space = {
        # The default starts later than for the other methods: under the full penalty little more is learned.
        "begins": Float(2e-3, 0.8, default=0.5, log=True),
        "penalty": Float(1e-1, 1e5, default=1e2, log=True),  # DomainBed: 100, 10^U(-1, 5)
    }

    def head(self, width: int, classes: int, length: float, environments: "torch.Tensor", params: Params) -> "IRMHead":
        """See `EnvironmentStrategy.head`."""
        from ..neural.robust.heads import IRMHead

        return IRMHead(width, classes, environments, params["penalty"], 0, length, params["begins"])
