"""byte-cnn: a gated convolution over bytes, trained from scratch."""

from typing import TYPE_CHECKING

from harness import Float, Int, Params, register_learner

from ..base.inputs import INPUT_SPACE
from ..base.torch_learner import TORCH, TorchLearner

if TYPE_CHECKING:
    from ..neural.towers import Tower

MAX_BYTES = 1024  # later bytes are cut; 99 % of real requests are shorter than 1,600


@register_learner(
    "byte-cnn",
    plain="byte-cnn",
    version=4,
    summary="gated convolution over bytes, global maximum, cross-entropy",
    reference="Raff et al. 2018, arXiv 1710.09435",
    requires=TORCH,
)
class ByteCNNLearner(TorchLearner):
    """MalConv for short payloads: short windows at stride 1, since attacks are a few bytes long, unlike executables."""

    epochs = 20  # with 10, the last one was the best in most trainings, also on the pilot CVEs
    space = {
        **INPUT_SPACE,
        "learning_rate": Float(5e-4, 2e-2, default=5e-3, log=True),
        "channels": Int(64, 256, default=128, log=True),
        "window": Int(4, 10, default=6),
        "dropout": Float(0.0, 0.5, default=0.2),
    }

    def tower(self, params: Params) -> "Tower":
        """See `TorchLearner.tower`."""
        from ..neural.towers import ByteCNN

        channels, window, dropout = params["channels"], params["window"], params["dropout"]
        return ByteCNN(16, channels, window, 1, dropout, MAX_BYTES, params["input"])
