"""byte-image: a timm backbone on a byte plot, in which bytes are the grey values of a square image."""

from pathlib import Path

from harness import Context, Float, Params, Predictor, TrainingData, register_method

from .base.encoder import TorchMethod

SIDE = 32  # pixels: 1,024 bytes


@register_method(
    "byte-image",
    version=1,
    kind="heavy",
    summary="ResNet-18 on a byte plot of 32 by 32 pixels, from scratch, cross-entropy",
    reference="Nataraj et al. 2011, 10.1145/2016904.2016908; He et al. 2016, arXiv 1512.03385",
    requires=("torch", "safetensors.torch", "timm", "transformers.optimization"),
)
class ByteImageMethod(TorchMethod):
    """A vision backbone that reads bytes. It is slow without a GPU, and therefore not ranked."""

    space = {
        "learning_rate": Float(3e-4, 1e-2, default=3e-3, log=True),
        "weight_decay": Float(1e-3, 1e-1, default=1e-2, log=True),
        "dropout": Float(0.0, 0.5, default=0.2),
    }

    def load(self, folder: Path, context: Context) -> Predictor:
        """See `Method.load`; importing the tower's module registers it in `Tower.KINDS`."""
        from .neural import byte_image  # noqa: F401

        return super().load(folder, context)

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains for at most 20 epochs."""
        from .neural.byte_image import ByteImage
        from .neural.heads import CrossEntropyHead
        from .neural.training import Settings, fit_classifier, seed_everything

        seed_everything(context)
        tower = ByteImage("resnet18", SIDE, params["dropout"])
        head = CrossEntropyHead(tower.width, len(context.classes))
        settings = Settings(params["learning_rate"], epochs=20, batch=16, weight_decay=params["weight_decay"])
        return fit_classifier(tower, head, train, validation, settings, context)
