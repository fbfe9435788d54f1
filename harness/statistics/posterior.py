"""A second view of a paired difference: the Bayesian correlated t-test (Corani and Benavoli 2015).

Implemented here rather than with the package ``baycomp``: its last release is of July 2023 and it requires matplotlib,
while the test is one Student-t distribution.
"""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Posterior(NamedTuple):
    """Probabilities that the difference is below minus the margin, within it, and above it."""

    worse: float
    same: float
    better: float


def correlated_t(ours: Sequence[float], theirs: Sequence[float], folds: int, margin: float) -> Posterior | None:
    """Returns the posterior of the mean paired difference under a flat prior.

    A Student-t with n - 1 degrees of freedom, n being at most the number of folds. Its scale is widened because the
    training sets of folds overlap: their correlation is taken as the share of one fold, 1 / folds (Nadeau and Bengio
    2003).

    Args:
        ours, theirs: one score per seed.
        folds: number of disjoint parts of the units that seeds test.
        margin: differences within plus or minus this count as no difference.

    Returns:
        None for fewer than two pairs or folds, or if all differences are equal and the posterior has no width.
    """
    from scipy.special import stdtr

    differences = [a - b for a, b in zip(ours, theirs, strict=True)]
    n = len(differences)
    if n < 2 or folds < 2:
        return None
    mean = math.fsum(differences) / n
    variance = math.fsum((d - mean) ** 2 for d in differences) / (n - 1)
    if variance == 0:
        return None
    correlation = 1 / folds
    independent = min(n, folds)  # seeds beyond the folds test no new units
    scale = math.sqrt((1 / independent + correlation / (1 - correlation)) * variance)
    below, above = (float(stdtr(independent - 1, (bound - mean) / scale)) for bound in (-margin, margin))
    return Posterior(below, above - below, 1 - above)
