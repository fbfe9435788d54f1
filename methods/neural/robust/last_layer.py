"""Refits the last layer of a trained predictor on other rows; its tower stays unchanged."""

import warnings
from typing import cast

import numpy as np
import numpy.typing as npt
import torch

from harness import Context, TrainingData

from ..scorers import Linear
from ..training import TorchPredictor

MAX_PASSES, TOLERANCE = 2000, 1e-2  # the solver stops after this many passes, or at this change of the coefficients
# The paper's grid of C was searched on the validation rows of Waterbirds, balanced to 133 of each group.
REFERENCE_ROWS = 532
ABSENT_CLASS_BIAS = -30.0  # of a class without a row: its probability is about 1e-13


def refit(
    predictor: TorchPredictor,
    rows: TrainingData,
    weights: npt.NDArray[np.float64],
    strength: float,
    context: Context,
) -> bool:
    """Replaces the predictor's linear scorer by a logistic regression with an L1 penalty, in place.

    Vectors are standardised for the fit; the scorer's weights include the standardisation. A class without a row is
    never predicted.

    Args:
        predictor: its scorer must be `Linear`.
        rows: n rows of at least two classes; with one class, the scorer is left unchanged.
        weights: float64 (n,), the weight of each row, with mean 1.
        strength: inverse regularisation strength: the regression's C for `REFERENCE_ROWS` rows. scikit-learn's C
            multiplies a sum over rows, so it is scaled by their number to mean the same for any number of rows.
        context: its seed and ``count`` are used.

    Returns:
        Whether the solver converged within `MAX_PASSES` passes.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    classes = np.unique(rows.labels)
    if len(classes) < 2:
        return True
    vectors = predictor.embed(rows.payloads).astype(np.float64)
    centre, spread = vectors.mean(axis=0), np.maximum(vectors.std(axis=0), 1e-6)
    model = LogisticRegression(
        C=strength * REFERENCE_ROWS / len(rows),
        l1_ratio=1.0,
        solver="saga",
        max_iter=MAX_PASSES,
        tol=TOLERANCE,
        random_state=context.seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the return value reports it
        model.fit((vectors - centre) / spread, rows.labels, sample_weight=weights)
    passes = int(model.n_iter_.max())
    context.count(len(rows), passes)
    slope, offset = model.coef_ / spread, model.intercept_
    if len(classes) == 2:  # scikit-learn has one row of coefficients for two classes; split its logit evenly
        slope, offset = np.concatenate([-slope, slope]) / 2, np.concatenate([-offset, offset]) / 2
    linear = cast(Linear, predictor.scorer).linear
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.fill_(ABSENT_CLASS_BIAS)
        index = torch.from_numpy(classes).to(linear.weight.device)
        linear.weight[index] = torch.from_numpy(slope).float().to(linear.weight.device)
        linear.bias[index] = torch.from_numpy(offset - slope @ centre).float().to(linear.weight.device)
    return passes < MAX_PASSES
