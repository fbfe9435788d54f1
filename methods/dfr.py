"""Deep feature reweighting: refits the last layer of a classifier trained by cross-entropy on balanced groups."""

from harness import Context, Float, Params, Predictor, TrainingData, register_method

from .base.byte_cnn import REQUIRES, SPACE, ByteCNNBase


@register_method(
    "dfr",
    version=2,
    tags=("groups",),
    summary="byte-cnn, its last layer refitted on balanced groups",
    reference="Kirichenko et al. 2023, arXiv 2204.02937",
    contrasts=("byte-cnn",),
    requires=(*REQUIRES, "sklearn.linear_model"),
)
class DFR(ByteCNNBase):
    """Fits the last layer on training rows that were held out from training the tower.

    The paper's main variant uses validation rows, but here these compare the trials. Groups are balanced by weights on
    all held-out rows; the paper averages over balanced subsamples.
    """

    space = {
        **SPACE,
        "held_out": Float(0.1, 0.5, default=0.2),  # share of the training rows of each group; this range is ours
        "strength": Float(1e-2, 1.0, default=0.3, log=True),  # inverse of the L1 penalty (C); the paper's grid
    }

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains for at most 10 epochs, then fits a logistic regression on the tower's vectors."""
        import numpy as np

        from .neural.robust import last_layer, sampling

        assert train.groups is not None
        mask = sampling.held_out_mask(train.groups, params["held_out"], np.random.default_rng(context.seed))
        tower_rows, layer_rows = (
            TrainingData(train.payloads.take(np.flatnonzero(rows)), train.labels[rows]) for rows in (~mask, mask)
        )
        groups = train.groups[mask]
        predictor = self.fit_cross_entropy(tower_rows, validation, params, context)
        weights = sampling.balancing_weights(groups)
        converged = last_layer.refit(predictor, layer_rows, weights, params["strength"], context)
        notes = [f"its last layer is fitted on {len(layer_rows)} held-out rows of {len(np.unique(groups))} groups"]
        if missing := len(np.setdiff1d(train.labels, layer_rows.labels)):
            notes.append(f"classes without a held-out row, which it never predicts: {missing}")
        if not converged:
            notes.append(f"the solver of its last layer had not converged after {last_layer.MAX_PASSES} passes")
        predictor.notes = tuple(notes)
        return predictor
