"""Confidence intervals and tests of a mean over folds, and the difference that so many folds can detect."""

import math
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

CONFIDENCE = 0.95
POWER = 0.8
_MAX_EXACT_PAIRS = 16  # 2^16 sign patterns are enumerated at most


class Interval(NamedTuple):
    """A mean and the half-width of its interval; the half-width is None for fewer than two values."""

    mean: float
    half_width: float | None

    @property
    def low(self) -> float:
        """The lower bound; minus infinity for a single value, which has no spread."""
        return -math.inf if self.half_width is None else self.mean - self.half_width

    @property
    def high(self) -> float:
        """The upper bound; infinity for a single value, which has no spread."""
        return math.inf if self.half_width is None else self.mean + self.half_width


def t_interval(values: Sequence[float], folds: int, confidence: float = CONFIDENCE) -> Interval:
    """Returns the mean of values over seeds and its Student-t interval.

    Seeds beyond the number of folds test units that were tested before, so they do not enlarge the sample of units. At
    most ``folds`` values therefore count in the standard error and in the degrees of freedom: with all of them counted,
    the 95 % interval over 10 seeds of 6 folds covered the true value in only 86 % (docs/statistics.md).

    Args:
        values: one per seed.
        folds: number of disjoint parts of the units that seeds test in turn.
        confidence: of the interval.
    """
    n = len(values)
    mean = math.fsum(values) / n
    if n < 2:
        return Interval(mean, None)
    return Interval(mean, _t_quantile(_freedom(n, folds), 0.5 + confidence / 2) * _standard_error(values, folds))


def paired(ours: Sequence[float], theirs: Sequence[float], folds: int, confidence: float = CONFIDENCE) -> Interval:
    """Returns the interval of the mean difference, paired by seed; see `t_interval`."""
    return t_interval(_differences(ours, theirs), folds, confidence)


def p_value(ours: Sequence[float], theirs: Sequence[float], folds: int) -> float:
    """Returns the two-sided p-value of the paired t-test behind `paired`; 1 for fewer than two pairs."""
    from scipy.special import stdtr

    differences = _differences(ours, theirs)
    if len(differences) < 2:
        return 1.0
    mean, error = math.fsum(differences) / len(differences), _standard_error(differences, folds)
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stdtr(_freedom(len(differences), folds), -abs(mean) / error))


def sign_flip_p(ours: Sequence[float], theirs: Sequence[float]) -> float | None:
    """Returns the two-sided p-value of the exact sign-flip test of paired differences (Fisher 1935).

    It is the share of all 2^n sign patterns under which the mean is at least as far from zero as the observed mean. For
    n values it cannot be below 2^(1-n): for six, 0.031.

    Returns:
        None for more than 16 pairs, for which not all patterns are enumerated.
    """
    differences = np.array(_differences(ours, theirs))
    if len(differences) > _MAX_EXACT_PAIRS:
        return None
    sums = np.abs(np.array(list(product((1.0, -1.0), repeat=len(differences)))) @ differences)
    return float((sums >= sums[0] - 1e-12).mean())  # row 0 has all signs +, which is the observed sum


def detectable(differences: Sequence[float], folds: int, confidence: float = CONFIDENCE) -> float | None:
    """Returns the true mean difference that the paired t-test finds with 80 % power, given the observed spread.

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
