"""A gated convolution over raw bytes, trained from scratch by cross-entropy."""

from harness import Context, Float, Int, Params, Predictor, TrainingData, register_method
from methods.encoder_method import TorchMethod

LONGEST = 1024  # bytes; 99 % of real requests are shorter than 1,600


@register_method(
    "byte-cnn",
    version=1,
    summary="gated convolution over raw bytes, global maximum, cross-entropy",
    reference="Raff et al. 2018, arXiv 1710.09435",
    requires=("torch", "safetensors.torch", "transformers.optimization"),
)
class ByteCNNMethod(TorchMethod):
    """Short windows at stride one: attacks are a few bytes long, unlike the executables of the paper."""

    space = {
        "learning_rate": Float(5e-4, 2e-2, default=5e-3, log=True),
        "channels": Int(64, 256, default=128, log=True),
        "window": Int(4, 10, default=6),
        "dropout": Float(0.0, 0.5, default=0.2),
    }

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains for at most 10 epochs."""
        from methods.neural.heads import CrossEntropyHead
        from methods.neural.towers import ByteCNN
        from methods.neural.training import Settings, fit_classifier, seed_everything

        seed_everything(context)
        tower = ByteCNN(16, params["channels"], params["window"], 1, params["dropout"], LONGEST)
        head = CrossEntropyHead(tower.width, len(context.classes))
        settings = Settings(params["learning_rate"], epochs=10, batch=16)
        return fit_classifier(tower, head, train, validation, settings, context)
