"""Intervals of a mean over folds."""

import math
from collections.abc import Sequence
from typing import NamedTuple


class Interval(NamedTuple):
    """A mean and the half-width of its interval; the half-width is None for fewer than two values."""

    mean: float
    half_width: float | None


def t_interval(values: Sequence[float], confidence: float = 0.95) -> Interval:
    """Returns the mean of values over folds and its Student-t interval."""
    n = len(values)
    mean = math.fsum(values) / n
    if n < 2:
        return Interval(mean, None)
    from scipy.special import stdtrit

    deviation = math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1))
    return Interval(mean, float(stdtrit(n - 1, 0.5 + confidence / 2)) * deviation / math.sqrt(n))
