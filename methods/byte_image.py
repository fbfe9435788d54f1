"""byte-image: a timm backbone on a byte plot, in which bytes are the grey values of a square image."""

from typing import TYPE_CHECKING

from harness import Context, Float, Params, Predictor, TrainingData, register_method

from .base.encoder import TorchMethod
from .base.inputs import INPUT_SPACE

if TYPE_CHECKING:
    from .neural.towers import Tower

SIDE = 32  # pixels: 1,024 bytes


@register_method(
    "byte-image",
    version=3,
    kind="heavy",
    summary="ResNet-18 on a byte plot of 32 by 32 pixels, from scratch, cross-entropy",
    reference="Nataraj et al. 2011, 10.1145/2016904.2016908; He et al. 2016, arXiv 1512.03385",
    requires=("torch", "safetensors.torch", "timm", "transformers.optimization"),
)
class ByteImageMethod(TorchMethod):
    """A vision backbone that reads bytes. It is slow without a GPU, and therefore not ranked."""

    space = {
        **INPUT_SPACE,
        "learning_rate": Float(3e-4, 1e-2, default=3e-3, log=True),
        "weight_decay": Float(1e-3, 1e-1, default=1e-2, log=True),
        "dropout": Float(0.0, 0.5, default=0.2),
    }

    def tower(self, params: Params) -> "Tower":
        """See `TorchMethod.tower`."""
        from .neural.byte_image import ByteImage

        return ByteImage("resnet18", SIDE, params["dropout"], params["input"])

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains for at most 20 epochs."""
        from .neural.heads import CrossEntropyHead
        from .neural.training import Settings, fit_classifier, seed_everything

        seed_everything(context)
        tower = self.tower(params)
        head = CrossEntropyHead(tower.width, len(context.classes))
        settings = Settings(params["learning_rate"], epochs=20, batch=16, weight_decay=params["weight_decay"])
        return fit_classifier(tower, head, train, validation, settings, context)
