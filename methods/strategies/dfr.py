"""dfr (deep feature reweighting): refits the last layer of a plainly trained classifier on balanced groups."""

from typing import TYPE_CHECKING, cast

from harness import Context, Float, Learner, Params, Predictor, Strategy, TrainingData, register_strategy

from ..base.torch_learner import TORCH

if TYPE_CHECKING:
    from ..neural.training import TorchPredictor


@register_strategy(
    "dfr",
    version=1,
    tags=("groups",),
    summary="with its last layer refitted on balanced groups",
    reference="Kirichenko et al. 2023, arXiv 2204.02937",
    requires=(*TORCH, "sklearn.linear_model"),
)
class DFR(Strategy):
    """Fits the last layer on training rows that were held out from training the tower.

    The paper's main variant uses validation rows, but here these compare the trials. Groups are balanced by weights on
    all held-out rows; the paper averages over balanced subsamples.
    """

    needs = frozenset(("features",))
    space = {
        "held_out": Float(0.1, 0.5, default=0.2),  # share of the training rows of each group; this range is ours
        "strength": Float(1e-2, 1.0, default=0.3, log=True),  # inverse of the L1 penalty (C); the paper's grid
    }

    def fit(
        self, learner: Learner, train: TrainingData, validation: TrainingData, params: Params, context: Context
    ) -> Predictor:
        """See `Strategy.fit`."""
        import numpy as np

        from ..base import groups
        from ..neural.robust import last_layer

        assert train.groups is not None
        mask = groups.held_out_mask(train.groups, params["held_out"], np.random.default_rng(context.seed))
        tower_rows, layer_rows = (train.take(np.flatnonzero(rows)) for rows in (~mask, mask))
        assert layer_rows.groups is not None
        predictor = cast("TorchPredictor", learner.fit(tower_rows, validation, params, context))
        weights = groups.balancing_weights(layer_rows.groups)
        converged = last_layer.refit(predictor, layer_rows, weights, params["strength"], context)
        present = len(np.unique(layer_rows.groups))
        notes = [f"its last layer is fitted on {len(layer_rows)} held-out rows of {present} groups"]
        if missing := len(np.setdiff1d(train.labels, layer_rows.labels)):
            notes.append(f"classes without a held-out row, which it never predicts: {missing}")
        if not converged:
            notes.append(f"the solver of its last layer had not converged after {last_layer.MAX_PASSES} passes")
        predictor.note(*notes)
        return predictor
