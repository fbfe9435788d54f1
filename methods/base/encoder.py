"""What the methods on a pretrained encoder's payload tower have in common. This module registers nothing."""

from pathlib import Path
from typing import TYPE_CHECKING

from harness import Context, Float, Method, Params, Payloads, Predictor, Space

if TYPE_CHECKING:
    from ..neural.towers import Tower

REQUIRES = ("torch", "safetensors.torch", "tokenizers", "transformers.models.bert.modeling_bert",
            "transformers.optimization")  # fmt: skip
SHARED = "minilm-trunk"
EPOCHS = 5
BATCH = 16
LAYERS = 2  # of six that are trained; those below are the frozen trunk
TOWER_SPACE: Space = {
    "learning_rate": Float(1e-4, 2e-3, default=4e-4, log=True),
    "weight_decay": Float(1e-3, 1e-1, default=1e-2, log=True),
    "dropout": Float(0.0, 0.3, default=0.1),
}


class TorchMethod(Method):
    """A method whose predictor is a tower and a scorer."""

    def load(self, folder: Path, context: Context) -> Predictor:
        """See `Method.load`."""
        from ..neural.training import TorchPredictor

        return TorchPredictor.load(folder, context)


class EncoderMethod(TorchMethod):
    """A method whose payload tower is a pretrained encoder: its upper layers over the frozen rest, or all of it.

    Attributes:
        encoder: a Hugging Face id or a folder.
        trained: upper layers that are trained; None trains the whole encoder.
    """

    encoder: str = "sentence-transformers/all-MiniLM-L6-v2"
    trained: int | None = LAYERS

    def check(self) -> None:
        """Refuses to start without the encoder's files."""
        from ..neural.encoders import folder

        folder(self.encoder)

    def prepare(self, payloads: Payloads, context: Context) -> None:
        """Computes the frozen trunk's activations."""
        from ..neural.encoders import Encoder, trunk_of_payloads

        if self.trained is not None:
            trunk_of_payloads(Encoder(self.encoder, self.trained), payloads, context)

    def tower(self, params: Params) -> "Tower":
        """Returns the payload tower of a configuration, with fresh pretrained weights."""
        from ..neural.towers import EncoderTop, WholeEncoder

        if self.trained is None:
            return WholeEncoder(params["dropout"], self.encoder)
        return EncoderTop(params["dropout"], self.encoder, self.trained)
