"""byte-cnn: a gated convolution over raw bytes, trained from scratch by cross-entropy."""

from harness import Context, Params, Predictor, TrainingData, register_method

from .base.byte_cnn import REQUIRES, SPACE, ByteCNNBase


@register_method(
    "byte-cnn",
    version=2,
    summary="gated convolution over raw bytes, global maximum, cross-entropy",
    reference="Raff et al. 2018, arXiv 1710.09435",
    requires=REQUIRES,
)
class ByteCNNMethod(ByteCNNBase):
    """MalConv for short payloads: short windows at stride 1, since attacks are a few bytes long, unlike executables."""

    space = SPACE

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains for at most `epochs`."""
        return self.fit_cross_entropy(train, validation, params, context)
