"""A second view of a paired difference: the Bayesian correlated t-test (Corani and Benavoli 2015).

Implemented here rather than with the package ``baycomp``: its last release is of July 2023 and it requires matplotlib,
while the test is one Student-t distribution.
"""

import math
from typing import NamedTuple

from harness.statistics.components import fold_means
from harness.statistics.intervals import Sample


class Posterior(NamedTuple):
    """Probabilities that the difference is below minus the margin, within it, and above it."""

    worse: float
    same: float
    better: float


def correlated_t(sample: Sample, margin: float) -> Posterior | None:
    """Returns the posterior of the mean paired difference under a flat prior.

    A Student-t over the folds' means with n - 1 degrees of freedom, n being the number of folds. Its scale is widened
    because the training sets of folds overlap: their correlation is taken as the share of one fold, 1 / parts (Nadeau
    and Bengio 2003).

    Args:
        sample: differences over seeds.
        margin: differences within plus or minus this count as no difference.

    Returns:
        None for fewer than two folds, or if all folds have the same mean and the posterior has no width.
    """
    from scipy.special import stdtr

    means = fold_means(sample.values, sample.folds)
    n = len(means)
    if n < 2:
        return None
    mean = math.fsum(means) / n
    variance = math.fsum((value - mean) ** 2 for value in means) / (n - 1)
    if variance == 0:
        return None
    correlation = 1 / max(sample.parts, n)
    scale = math.sqrt((1 / n + correlation / (1 - correlation)) * variance)
    below, above = (float(stdtr(n - 1, (bound - mean) / scale)) for bound in (-margin, margin))
    return Posterior(below, above - below, 1 - above)
