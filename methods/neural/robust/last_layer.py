"""The last layer of a trained predictor, fitted anew on other rows; its tower stays."""

import warnings
from typing import cast

import numpy as np
import numpy.typing as npt
import torch

from harness import Context, TrainingData

from ..scorers import Linear
from ..training import TorchPredictor

STEPS, TOLERANCE = 2000, 1e-2  # of the solver: passes at most, and the change of a coefficient at which it stops
REFERENCE = 532  # rows that the paper's grid was searched on: Waterbirds' validation, balanced to 133 of each group
NEVER = -30.0  # bias of a class without a row


def refit(
    predictor: TorchPredictor,
    rows: TrainingData,
    weights: npt.NDArray[np.float64],
    strength: float,
    context: Context,
) -> bool:
    """Replaces the predictor's linear scorer by a logistic regression under an L1 penalty, in place.

    Vectors are standardised for the fit, and the scorer takes that over. A class without a row is never predicted.

    Args:
        predictor: whose scorer is linear.
        rows: n rows, of two classes at least; with fewer, the scorer stays.
        weights: float64 (n,), what each row counts, 1 on the mean.
        strength: of the data against the penalty: the regression's C, were there `REFERENCE` rows. C multiplies a sum
            over rows, so that what it means hangs on their number.
        context: the seed, and the ledger of what was used.

    Returns:
        Whether the solver came to its end within `STEPS` passes.
    """
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression

    there = np.unique(rows.labels)
    if len(there) < 2:
        return True
    vectors = predictor.embed(rows.payloads).astype(np.float64)
    centre, spread = vectors.mean(axis=0), np.maximum(vectors.std(axis=0), 1e-6)
    model = LogisticRegression(
        C=strength * REFERENCE / len(rows),
        l1_ratio=1.0,
        solver="saga",
        max_iter=STEPS,
        tol=TOLERANCE,
        random_state=context.seed,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # what it says is returned
        model.fit((vectors - centre) / spread, rows.labels, sample_weight=weights)
    passes = int(model.n_iter_.max())
    context.count(len(rows), passes)
    slope, offset = model.coef_ / spread, model.intercept_
    if len(there) == 2:  # one row of coefficients tells both classes
        slope, offset = np.concatenate([-slope, slope]) / 2, np.concatenate([-offset, offset]) / 2
    linear = cast(Linear, predictor.scorer).linear
    with torch.no_grad():
        linear.weight.zero_()
        linear.bias.fill_(NEVER)
        index = torch.from_numpy(there)
        linear.weight[index] = torch.from_numpy(slope).float().to(linear.weight.device)
        linear.bias[index] = torch.from_numpy(offset - slope @ centre).float().to(linear.weight.device)
    return passes < STEPS
