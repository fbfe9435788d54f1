"""Invariant risk minimisation: one classifier is to be optimal in every training environment."""

from typing import TYPE_CHECKING

from harness import Float, Params, register_method

from .base.byte_cnn import REQUIRES, SPACE
from .base.environments import BEGINS, EnvironmentMethod

if TYPE_CHECKING:
    import torch

    from .neural.robust.heads import IRMHead


@register_method(
    "irm",
    version=2,
    tags=("groups",),
    summary="byte-cnn under the invariance penalty IRMv1",
    reference="Arjovsky et al. 2019, arXiv 1907.02893",
    contrasts=("control-no-penalty", "byte-cnn"),
    requires=REQUIRES,
)
class IRM(EnvironmentMethod):
    """With one environment the penalty still asks that its classifier's scale be right."""

    needs_two = False
    space = {
        **SPACE,
        **BEGINS,
        "begins": Float(2e-3, 0.8, default=0.5, log=True),  # later than for the others: it all but ends the learning
        "penalty": Float(1e-1, 1e5, default=1e2, log=True),  # DomainBed: 100, 10^U(-1, 5)
    }

    def head(self, width: int, classes: int, environments: "torch.Tensor", params: Params, begins: int) -> "IRMHead":
        """See `EnvironmentMethod.head`."""
        from .neural.robust.heads import IRMHead

        return IRMHead(width, classes, environments, params["penalty"], begins)
