"""Expected best validation score of i random trials: shows what a larger trial budget would have gained."""

import math
from collections.abc import Sequence


def expected_best(values: Sequence[float]) -> list[float]:
    """Returns the expected maximum of i of the values, drawn without replacement, for i from 1 to all.

    The unbiased estimator (a U-statistic; Tang et al. 2020) of the quantity that Dodge et al. (2019) propose: with the
    values in ascending order, the sum over k of C(k-1, i-1) / C(n, i) times the k-th. It is valid for independent draws
    from one distribution: for random trials, but not for the default configuration or an adaptive sampler's trials.
    """
    ordered = sorted(values)
    n = len(ordered)
    return [
        math.fsum(math.comb(k, i - 1) / math.comb(n, i) * value for k, value in enumerate(ordered))
        for i in range(1, n + 1)
    ]
