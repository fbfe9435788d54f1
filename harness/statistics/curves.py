"""What more trials would have bought: the expected best validation score of i random trials."""

import math
from collections.abc import Sequence


def expected_best(values: Sequence[float]) -> list[float]:
    """Returns the expected best of i of the values drawn without replacement, for i of 1 to all.

    The unbiased estimator (a U-statistic; Tang et al. 2020) of what Dodge et al. (2019) propose: with the values in
    ascending order, the sum over k of C(k-1, i-1) / C(n, i) times the k-th. It holds for independent draws of one
    distribution: random trials, not the default configuration and not those of a sampler that learns.
    """
    ordered = sorted(values)
    n = len(ordered)
    return [
        math.fsum(math.comb(k, i - 1) / math.comb(n, i) * value for k, value in enumerate(ordered))
        for i in range(1, n + 1)
    ]
