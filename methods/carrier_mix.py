"""Mix carriers: training payloads also come in the carrier of another class's payload."""

from harness import Context, Int, Params, Predictor, TrainingData, register_method

from .base.byte_cnn import REQUIRES, SPACE, ByteCNNBase


@register_method(
    "carrier-mix",
    version=2,
    tags=("span",),
    summary="byte-cnn on payloads in their own and in other classes' carriers",
    reference="after the mixed backgrounds of Xiao et al. 2021, arXiv 2006.09994",
    contrasts=("control-more-passes", "byte-cnn"),
    requires=REQUIRES,
)
class CarrierMix(ByteCNNBase):
    """It is told where attacks lie, an advantage where carriers are what was planted.

    Where an attack is not marked, headers of the client and the host are exchanged, and nothing else.
    """

    PASSES = 15  # over payloads, copies included: half as many again as byte-cnn

    space = {**SPACE, "copies": Int(1, 4, default=2)}

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains on rows and copies; validation has a copy of each row too, so that no carrier picks the epoch."""
        import numpy as np

        from .neural.robust import carriers

        rng = np.random.default_rng(context.seed)
        mixed = carriers.mix(train, params["copies"], rng)
        told = carriers.mix(validation, 1, rng)
        epochs = -(-self.PASSES // (1 + params["copies"]))
        predictor = self.plain(mixed.data, told.data, params, context, epochs=epochs)
        predictor.notes = (mixed.note,)
        return predictor
