"""Deep CORAL: penalises differences of feature means and covariances between training environments."""

from typing import TYPE_CHECKING

from harness import Float, Params, register_method

from .base.byte_cnn import REQUIRES, SPACE
from .base.environments import EnvironmentMethod

if TYPE_CHECKING:
    import torch

    from .neural.robust.heads import CoralHead


@register_method(
    "coral",
    version=2,
    tags=("groups",),
    summary="byte-cnn whose features are aligned across environments by mean and covariance",
    reference="Sun and Saenko 2016, arXiv 1607.01719; Gulrajani and Lopez-Paz 2021, arXiv 2007.01434",
    contrasts=("control-no-penalty", "byte-cnn"),
    requires=REQUIRES,
)
class Coral(EnvironmentMethod):
    """As in DomainBed: all pairs of training environments, with the full penalty from the first step."""

    space = {**SPACE, "penalty": Float(1e-1, 1e1, default=1.0, log=True)}  # DomainBed: 1, 10^U(-1, 1)

    def head(
        self, width: int, classes: int, environments: "torch.Tensor", params: Params, start_step: int
    ) -> "CoralHead":
        """See `EnvironmentMethod.head`."""
        from .neural.robust.heads import CoralHead

        return CoralHead(width, classes, environments, params["penalty"])
