"""Intervals of a mean over folds, and what a design of so many folds can see."""

import math
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

CONFIDENCE = 0.95
POWER = 0.8
_MOST_EXACT = 16  # values of which every pattern of signs is tried


class Interval(NamedTuple):
    """A mean and the half-width of its interval; the half-width is None for fewer than two values."""

    mean: float
    half_width: float | None

    @property
    def low(self) -> float:
        """The lower bound; minus infinity where one value says nothing of the spread."""
        return -math.inf if self.half_width is None else self.mean - self.half_width

    @property
    def high(self) -> float:
        """The upper bound; infinity where one value says nothing of the spread."""
        return math.inf if self.half_width is None else self.mean + self.half_width


def t_interval(values: Sequence[float], folds: int, confidence: float = CONFIDENCE) -> Interval:
    """Returns the mean of values over seeds and its Student-t interval.

    Seeds beyond the number of folds test units that were tested before. They do not make the sample of units larger,
    so no more than ``folds`` values count, in the root that the spread is divided by and in the degrees of freedom:
    divided by all, an interval of 95 % over 10 seeds of 6 folds held the truth in 86 % (docs/statistics.md).

    Args:
        values: one per seed.
        folds: disjoint parts of the units that seeds test in turn.
        confidence: of the interval.
    """
    n = len(values)
    mean = math.fsum(values) / n
    if n < 2:
        return Interval(mean, None)
    return Interval(mean, _t_quantile(_freedom(n, folds), 0.5 + confidence / 2) * _standard_error(values, folds))


def paired(ours: Sequence[float], theirs: Sequence[float], folds: int, confidence: float = CONFIDENCE) -> Interval:
    """Returns the interval of the mean of the differences, seed by seed; see `t_interval`."""
    return t_interval(_differences(ours, theirs), folds, confidence)


def p_value(ours: Sequence[float], theirs: Sequence[float], folds: int) -> float:
    """Returns the two-sided p of the paired t-test that belongs to `paired`; 1 for fewer than two pairs."""
    from scipy.special import stdtr

    differences = _differences(ours, theirs)
    if len(differences) < 2:
        return 1.0
    mean, error = math.fsum(differences) / len(differences), _standard_error(differences, folds)
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stdtr(_freedom(len(differences), folds), -abs(mean) / error))


def sign_flip_p(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """Returns the two-sided p of the exact sign-flip test of paired differences (Fisher 1935).

    It is the share of all 2^n patterns of signs under which the mean is as far from zero as it is; n values cannot go
    below 2^(1-n): six give 0.031 at best.

    Returns:
        None for more than 16 pairs, of which not all patterns are tried.
    """
    differences = np.array(_differences(ours, theirs))
    if len(differences) > _MOST_EXACT:
        return None
    sums = np.abs(np.array(list(product((1.0, -1.0), repeat=len(differences)))) @ differences)
    return float((sums >= sums[0] - 1e-12).mean())


def detectable(differences: Sequence[float], folds: int, confidence: float = CONFIDENCE) -> float | None:
    """Returns the true mean difference that the paired t-test would find with 80 % power, given the spread seen.

    From the noncentral t distribution (Cohen 1988); None for fewer than two values.
    """
    from scipy.special import nctdtrinc

    n = len(differences)
    if n < 2:
        return None
    freedom = _freedom(n, folds)
    threshold = _t_quantile(freedom, 0.5 + confidence / 2)
    return float(nctdtrinc(freedom, 1 - POWER, threshold)) * _standard_error(differences, folds)


def _differences(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    return [a - b for a, b in zip(ours, theirs, strict=True)]


def _standard_error(values: Sequence[float], folds: int) -> float:
    n = len(values)
    mean = math.fsum(values) / n
    return math.sqrt(math.fsum((v - mean) ** 2 for v in values) / (n - 1) / min(n, folds))


def _freedom(n: int, folds: int) -> int:
    return max(min(n, folds) - 1, 1)


def _t_quantile(freedom: int, p: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, p))
