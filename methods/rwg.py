"""Balance the groups: rows of each come equally often, or all but as many as the smallest has are left out."""

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
    """Reweighting draws with replacement, as the paper does; neither way has a hyperparameter of its own there."""

    space = {**SPACE, "by": Categorical(("reweighting", "subsampling"), default="reweighting")}

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains for at most 10 epochs; subsampled, for as many steps."""
        import numpy as np

        from .neural.robust import sampling
        from .neural.training import Course

        assert train.groups is not None
        assert validation.groups is not None
        weights = sampling.counterweights(validation.groups)
        if params["by"] == "reweighting":
            course = Course(sampling.balanced(train.groups), weights)
            return self.plain(train, validation, params, context, course)
        kept = sampling.subsample(train.groups, np.random.default_rng(context.seed))
        rows = TrainingData(train.payloads.take(kept), train.labels[kept])
        predictor = self.plain(
            rows, validation, params, context, Course(weights=weights), rounds=len(train) // len(kept)
        )
        predictor.notes = (f"subsampled to equal groups, {len(kept)} of {len(train)} training rows are left",)
        return predictor
