"""byte-transformer: a small transformer over patches of bytes, trained from scratch by cross-entropy."""

from typing import TYPE_CHECKING

from harness import Categorical, Context, Float, Int, Params, Predictor, TrainingData, register_method

from .base.encoder import TorchMethod
from .base.inputs import INPUT_SPACE

if TYPE_CHECKING:
    from .neural.towers import Tower

MAX_BYTES = 1024  # later bytes are cut; 99 % of real requests are shorter than 1,600


@register_method(
    "byte-transformer",
    version=4,
    summary="transformer over overlapping patches of bytes, from scratch, cross-entropy",
    reference="Vaswani et al. 2017, arXiv 1706.03762; Yu et al. 2023, arXiv 2305.07185",
    requires=("torch", "safetensors.torch", "transformers.optimization"),
)
class ByteTransformerMethod(TorchMethod):
    """A transformer without pretraining, trained on a few hundred rows."""

    space = {
        **INPUT_SPACE,
        "learning_rate": Float(5e-4, 5e-3, default=2e-3, log=True),
        "weight_decay": Float(1e-3, 1e-1, default=1e-2, log=True),
        "size": Categorical((64, 128), default=128),
        "depth": Int(1, 2, default=1),
        "patch": Categorical((6, 8), default=8),
        "dropout": Float(0.0, 0.3, default=0.1),
    }

    def tower(self, params: Params) -> "Tower":
        """See `TorchMethod.tower`."""
        from .neural.towers import ByteTransformer

        size, depth, patch = (params[name] for name in ("size", "depth", "patch"))
        return ByteTransformer(size, depth, patch, dropout=params["dropout"], longest=MAX_BYTES, input=params["input"])

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains for at most 10 epochs."""
        from .neural.heads import CrossEntropyHead
        from .neural.training import Settings, fit_classifier, seed_everything

        seed_everything(context)
        tower = self.tower(params)
        head = CrossEntropyHead(tower.width, len(context.classes))
        settings = Settings(params["learning_rate"], epochs=10, batch=16, weight_decay=params["weight_decay"])
        return fit_classifier(tower, head, train, validation, settings, context)
