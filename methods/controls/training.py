"""Controls for the robust methods: byte-cnn trained as they are, without the part that should make them robust."""

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
    """Has the batches (balanced by environment, twice as large), the epochs and the selection of those methods."""

    space = SPACE
    needs_two = False

    def head(
        self, width: int, classes: int, environments: "torch.Tensor", params: Params, start_step: int
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
    """Has 15 epochs in place of 10, as many passes over payloads as carrier-mix."""

    epochs = CarrierMix.PASSES
