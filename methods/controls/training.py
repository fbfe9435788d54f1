"""Controls of the robust family: byte-cnn trained as its members are, without what is to make them robust."""

from typing import TYPE_CHECKING

from harness import Params, register_method

from ..base.byte_cnn import REQUIRES, SPACE
from ..base.environments import EnvironmentMethod
from ..byte_cnn import ByteCNNMethod
from ..carrier_mix import CarrierMix

if TYPE_CHECKING:
    import torch

    from ..neural.robust.heads import EnvironmentHead


@register_method(
    "control-no-penalty",
    version=1,
    kind="control",
    tags=("groups",),
    summary="byte-cnn trained and selected as coral, irm and v-rex are, without a penalty",
    reference="Gulrajani and Lopez-Paz 2021, arXiv 2007.01434",
    requires=REQUIRES,
)
class NoPenalty(EnvironmentMethod):
    """What their batches, even by environment and twice as large, their epochs and their selection give."""

    space = SPACE
    needs_two = False

    def head(
        self, width: int, classes: int, environments: "torch.Tensor", params: Params, begins: int
    ) -> "EnvironmentHead":
        """See `EnvironmentMethod.head`."""
        from ..neural.robust.heads import EnvironmentHead

        return EnvironmentHead(width, classes, environments)


@register_method(
    "control-more-passes",
    version=1,
    kind="control",
    summary="byte-cnn with as many passes over payloads as carrier-mix, all in their own carriers",
    requires=REQUIRES,
)
class MorePasses(ByteCNNMethod):
    """What half as many steps again give."""

    epochs = CarrierMix.PASSES
