"""Deep feature reweighting: the last layer of a plainly trained tower is fitted anew on balanced groups."""

from harness import Categorical, Context, Float, Params, Predictor, TrainingData, register_method
from methods.byte_cnn_method import REQUIRES, SPACE, ByteCNNBase


@register_method(
    "dfr",
    version=1,
    tags=("groups",),
    summary="byte-cnn, its last layer fitted anew on balanced groups",
    reference="Kirichenko et al. 2023, arXiv 2204.02937",
    requires=(*REQUIRES, "sklearn.linear_model"),
)
class DFR(ByteCNNBase):
    """Balanced by weight, which holds every row, where the paper averages over balanced draws of them."""

    HELD_OUT = 0.2  # of each group of the training rows, where the last layer is fitted on them

    space = {
        **SPACE,
        "rows": Categorical(("validation", "held-out"), default="validation"),  # the paper's main variant is the first
        "strength": Float(1e-2, 1.0, default=1.0, log=True),  # of the data against an L1 penalty; the paper's grid
    }

    def fit(self, train: TrainingData, validation: TrainingData, params: Params, context: Context) -> Predictor:
        """Trains for at most 10 epochs, then fits a logistic regression on the tower's vectors."""
        import numpy as np

        from methods.neural.robust import last_layer, sampling

        assert train.groups is not None
        assert validation.groups is not None
        first, last, groups = train, validation, validation.groups
        known = ", so its validation figures are of rows it knows"
        if params["rows"] == "held-out":
            out = sampling.held_out(train.groups, self.HELD_OUT, np.random.default_rng(context.seed))
            first, last = (
                TrainingData(train.payloads.take(np.flatnonzero(rows)), train.labels[rows]) for rows in (~out, out)
            )
            groups, known = train.groups[out], ""
        predictor = self.plain(first, validation, params, context)
        finished = last_layer.refit(predictor, last, sampling.counterweights(groups), params["strength"], context)
        count = f"{len(last)} {params['rows']} rows of {len(np.unique(groups))} groups"
        notes = [f"its last layer is fitted on {count}{known}"]
        if lacking := len(np.setdiff1d(train.labels, last.labels)):
            notes.append(f"classes without such a row, which it never predicts: {lacking}")
        if not finished:
            notes.append(f"the solver of its last layer had not converged after {last_layer.STEPS} passes")
        predictor.notes = tuple(notes)
        return predictor
