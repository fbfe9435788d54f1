"""rwg: balances groups in training, by reweighting or by subsampling to the size of the smallest group."""

from harness import (
    Categorical,
    Context,
    Learner,
    Params,
    Predictor,
    Strategy,
    Training,
    TrainingData,
    register_strategy,
)


@register_strategy(
    "rwg",
    version=1,
    tags=("groups",),
    summary="on rows reweighted or subsampled to equal groups",
    reference="Idrissi et al. 2022, arXiv 2110.14503",
)
class RWG(Strategy):
    """In the paper, too, neither variant has a hyperparameter of its own."""

    needs = frozenset(("weights",))
    space = {"by": Categorical(("reweighting", "subsampling"), default="reweighting")}

    def fit(
        self, learner: Learner, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> Predictor:
        """See `Strategy.fit`; with subsampling for more epochs, so that the number of steps is similar."""
        import numpy as np

        from ..base import groups

        assert train.groups is not None
        assert validation.groups is not None
        validation_weights = groups.balancing_weights(validation.groups)
        if params["by"] == "reweighting":
            weights = groups.balancing_weights(train.groups)
            return learner.fit(train, validation, params, context, Training(weights, validation_weights))
        rows = groups.subsample(train.groups, np.random.default_rng(context.seed))
        training = Training(validation_weights=validation_weights, passes=len(train) // len(rows))
        predictor = learner.fit(train.take(rows), validation, params, context, training)
        predictor.note(f"subsampled to equal groups, {len(rows)} of {len(train)} training rows are left")
        return predictor
