"""v-rex (risk extrapolation): penalises the variance of the losses of the training environments."""

from typing import TYPE_CHECKING

from harness import Float, Params, register_strategy

from ..base.environments import PENALTY_START_SPACE, EnvironmentStrategy
from ..base.torch_learner import TORCH

if TYPE_CHECKING:
    import torch

    from ..neural.robust.heads import VRExHead


@register_strategy(
    "v-rex",
    version=1,
    tags=("groups",),
    summary="with a penalty on the variance of the environments' losses",
    reference="Krueger et al. 2021, arXiv 2003.00688",
    requires=TORCH,
    contrasts=("control-no-penalty", "plain"),
)
class VREx(EnvironmentStrategy):
    """The paper's variant V-REx."""

    space = {
        **PENALTY_START_SPACE,
        "penalty": Float(1e-1, 1e5, default=1e1, log=True),  # DomainBed: 10, 10^U(-1, 5)
    }

    def head(self, width: int, classes: int, length: float, environments: "torch.Tensor", params: Params) -> "VRExHead":
        """See `EnvironmentStrategy.head`."""
        from ..neural.robust.heads import VRExHead

        return VRExHead(width, classes, environments, params["penalty"], 0, length, params["begins"])
