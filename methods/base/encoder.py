"""Base classes of torch methods without a strategy, and of learners whose tower is a pretrained encoder."""

from abc import abstractmethod
from pathlib import Path
from typing import TYPE_CHECKING

from harness import Context, Float, Method, Params, Payloads, Predictor, Space, input_forms

from .inputs import DEFAULT_INPUT, INPUT_SPACE

if TYPE_CHECKING:
    from ..neural.towers import Tower

REQUIRES = ("torch", "safetensors.torch", "tokenizers", "transformers.models.bert.modeling_bert",
            "transformers.optimization")  # fmt: skip
SHARED_STEP = "minilm-trunk"
DEFAULT_ENCODER = "sentence-transformers/all-MiniLM-L6-v2"
BATCH = 16
VECTOR_LENGTH = 16.0  # an encoder's vectors are scaled to this before a linear classifier, which learns faster so
_REGULARISATION: Space = {
    "weight_decay": Float(1e-3, 1e-1, default=1e-2, log=True),
    "dropout": Float(0.0, 0.3, default=0.1),
}
SIDE_SPACE: Space = {**INPUT_SPACE, "learning_rate": Float(3e-4, 5e-3, default=2e-3, log=True), **_REGULARISATION}
SIDE_EPOCHS = 10
FINE_TUNING_SPACE: Space = {
    **INPUT_SPACE,
    "learning_rate": Float(1e-4, 2e-3, default=4e-4, log=True),
    **_REGULARISATION,
}
FINE_TUNING_EPOCHS = 5


class TorchMethod(Method):
    """A method whose predictor is a tower and a scorer (`TorchPredictor`)."""

    @abstractmethod
    def tower(self, params: Params) -> "Tower":
        """Returns the tower of a configuration, untrained or with pretrained weights."""

    def load(self, folder: Path, context: Context) -> Predictor:
        """See `Method.load`."""
        from ..neural.training import TorchPredictor

        return TorchPredictor.load(folder, self.tower, self.space, context)


class EncoderTower:
    """A pretrained encoder with what is trained for payloads: a network beside it, its upper layers, or all of it.

    Attributes:
        encoder: a Hugging Face id or a folder.
        trained: number of upper layers that are trained, over a frozen trunk; 0 trains a network beside the frozen
            layers instead, None the whole encoder.
    """

    encoder: str = DEFAULT_ENCODER
    trained: int | None = 0

    def check(self) -> None:
        """Checks that the encoder's files are present."""
        from ..neural.encoders import folder

        folder(self.encoder)

    def prepare(self, payloads: Payloads, context: Context) -> None:
        """Computes the activations of the frozen trunk for the default form of the payloads."""
        from ..neural.encoders import Encoder, trunk_of_payloads

        if self.trained is not None:
            formed = input_forms.apply(DEFAULT_INPUT, payloads).payloads
            trunk_of_payloads(Encoder(self.encoder, self.trained), formed, context)

    def tower(self, params: Params) -> "Tower":
        """Returns the payload tower of a configuration, with fresh pretrained weights."""
        from ..neural.towers import EncoderTop, SideNetwork, WholeEncoder

        if self.trained is None:
            return WholeEncoder(params["dropout"], self.encoder, params["input"])
        if self.trained == 0:
            return SideNetwork(params["dropout"], self.encoder, input=params["input"])
        return EncoderTop(params["dropout"], self.encoder, self.trained, params["input"])
