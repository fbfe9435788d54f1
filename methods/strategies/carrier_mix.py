"""carrier-mix: augments training with copies of payloads in carriers of other classes."""

from harness import Context, Learner, Params, Predictor, Strategy, Training, TrainingData, register_strategy

from ..base.copies import COPIES_SPACE, PASSES


@register_strategy(
    "carrier-mix",
    version=1,
    tags=("span",),
    summary="on payloads and their copies in carriers of other classes",
    reference="after the mixed backgrounds of Xiao et al. 2021, arXiv 2006.09994",
    contrasts=("control-more-passes", "plain"),
)
class CarrierMix(Strategy):
    """Combines payloads with other carriers, using the attack spans: an advantage if cues are planted in carriers.

    For payloads without a known attack span only client and host headers are exchanged.
    """

    space = COPIES_SPACE

    def fit(
        self, learner: Learner, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> Predictor:
        """See `Strategy.fit`. Validation has a copy of each row too, so that early stopping ignores carriers."""
        import numpy as np

        from ..base import carriers

        rng = np.random.default_rng(context.seed)
        mixed = carriers.mix(train, params["copies"], rng)
        mixed_validation = carriers.mix(validation, 1, rng)
        training = Training(passes=PASSES / (1 + params["copies"]))
        predictor = learner.fit(mixed.data, mixed_validation.data, params, context, training)
        predictor.note(mixed.note)
        return predictor
