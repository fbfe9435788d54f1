"""rwg: balances groups in training, by reweighting or by subsampling to the size of the smallest group."""

from harness import Categorical, Context, Params, Predictor, TrainingData, register_method

from .base.byte_cnn import REQUIRES, SPACE, ByteCNNBase


@register_method(
    "rwg",
    version=2,
    tags=("groups",),
    summary="byte-cnn on rows reweighted or subsampled to equal groups",
    reference="Idrissi et al. 2022, arXiv 2110.14503",
    contrasts=("byte-cnn",),
    requires=REQUIRES,
)
class RWG(ByteCNNBase):
    """Reweighting samples with replacement, as in the paper, where neither variant has a hyperparameter of its own."""

    space = {**SPACE, "by": Categorical(("reweighting", "subsampling"), default="reweighting")}

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains for at most 10 epochs; with subsampling for more epochs, so that the number of steps is similar."""
        import numpy as np

        from .neural.robust import sampling
        from .neural.training import LoopOptions

        assert train.groups is not None
        assert validation.groups is not None
        weights = sampling.balancing_weights(validation.groups)
        if params["by"] == "reweighting":
            options = LoopOptions(sampling.balanced_sampler(train.groups), weights)
            return self.fit_cross_entropy(train, validation, params, context, options)
        rows = sampling.subsample(train.groups, np.random.default_rng(context.seed))
        subset = TrainingData(train.payloads.take(rows), train.labels[rows])
        options, factor = LoopOptions(validation_weights=weights), len(train) // len(rows)
        predictor = self.fit_cross_entropy(subset, validation, params, context, options, epoch_factor=factor)
        predictor.notes = (f"subsampled to equal groups, {len(rows)} of {len(train)} training rows are left",)
        return predictor
