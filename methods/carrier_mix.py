"""carrier-mix: augments training with copies of payloads in carriers of other classes."""

from harness import Context, Int, Params, Predictor, TrainingData, register_method

from .base.byte_cnn import REQUIRES, SPACE, ByteCNNBase


@register_method(
    "carrier-mix",
    version=2,
    tags=("span",),
    summary="byte-cnn on payloads and their copies in carriers of other classes",
    reference="after the mixed backgrounds of Xiao et al. 2021, arXiv 2006.09994",
    contrasts=("control-more-passes", "byte-cnn"),
    requires=REQUIRES,
)
class CarrierMix(ByteCNNBase):
    """Combines payloads with other carriers, using the attack spans: an advantage if cues are planted in carriers.

    For payloads without a known attack span only client and host headers are exchanged.
    """

    PASSES = 15  # over payloads, copies included; byte-cnn makes 10

    space = {**SPACE, "copies": Int(1, 4, default=2)}

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains on rows and copies. Validation has a copy of each row too, so that early stopping ignores carriers."""
        import numpy as np

        from .neural.robust import carriers

        rng = np.random.default_rng(context.seed)
        mixed = carriers.mix(train, params["copies"], rng)
        mixed_validation = carriers.mix(validation, 1, rng)
        epochs = -(-self.PASSES // (1 + params["copies"]))
        predictor = self.fit_cross_entropy(mixed.data, mixed_validation.data, params, context, epochs=epochs)
        predictor.notes = (mixed.note,)
        return predictor
