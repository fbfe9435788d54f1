"""Risk extrapolation: penalises the variance of the losses of the training environments."""

from typing import TYPE_CHECKING

from harness import Float, Params, register_method

from .base.byte_cnn import REQUIRES, SPACE
from .base.environments import PENALTY_START_SPACE, EnvironmentMethod

if TYPE_CHECKING:
    import torch

    from .neural.robust.heads import VRExHead


@register_method(
    "v-rex",
    version=2,
    tags=("groups",),
    summary="byte-cnn with a penalty on the variance of the environments' losses",
    reference="Krueger et al. 2021, arXiv 2003.00688",
    contrasts=("control-no-penalty", "byte-cnn"),
    requires=REQUIRES,
)
class VREx(EnvironmentMethod):
    """The paper's variant V-REx."""

    space = {
        **SPACE,
        **PENALTY_START_SPACE,
        "penalty": Float(1e-1, 1e5, default=1e1, log=True),  # DomainBed: 10, 10^U(-1, 5)
    }

    def head(
        self, width: int, classes: int, environments: "torch.Tensor", params: Params, start_step: int
    ) -> "VRExHead":
        """See `EnvironmentMethod.head`."""
        from .neural.robust.heads import VRExHead

        return VRExHead(width, classes, environments, params["penalty"], start_step)
