"""Deep feature reweighting: the last layer of a plainly trained tower is fitted anew on balanced groups."""

from harness import Context, Float, Params, Predictor, TrainingData, register_method

from .base.byte_cnn import REQUIRES, SPACE, ByteCNNBase


@register_method(
    "dfr",
    version=2,
    tags=("groups",),
    summary="byte-cnn, its last layer fitted anew on balanced groups",
    reference="Kirichenko et al. 2023, arXiv 2204.02937",
    contrasts=("byte-cnn",),
    requires=(*REQUIRES, "sklearn.linear_model"),
)
class DFR(ByteCNNBase):
    """The last layer sees training rows that were held out for it.

    The paper's main variant takes validation rows, on which trials are compared here. Groups are balanced by weight,
    which holds every row, where the paper averages over balanced draws of them.
    """

    space = {
        **SPACE,
        "held_out": Float(0.1, 0.5, default=0.2),  # of the training rows of each group; ours
        "strength": Float(1e-2, 1.0, default=0.3, log=True),  # of the data against an L1 penalty; the paper's grid
    }

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains for at most 10 epochs, then fits a logistic regression on the tower's vectors."""
        import numpy as np

        from .neural.robust import last_layer, sampling

        assert train.groups is not None
        out = sampling.held_out(train.groups, params["held_out"], np.random.default_rng(context.seed))
        first, last = (
            TrainingData(train.payloads.take(np.flatnonzero(rows)), train.labels[rows]) for rows in (~out, out)
        )
        groups = train.groups[out]
        predictor = self.plain(first, validation, params, context)
        finished = last_layer.refit(predictor, last, sampling.counterweights(groups), params["strength"], context)
        notes = [f"its last layer is fitted on {len(last)} held-out rows of {len(np.unique(groups))} groups"]
        if lacking := len(np.setdiff1d(train.labels, last.labels)):
            notes.append(f"classes without a held-out row, which it never predicts: {lacking}")
        if not finished:
            notes.append(f"the solver of its last layer had not converged after {last_layer.STEPS} passes")
        predictor.notes = tuple(notes)
        return predictor
