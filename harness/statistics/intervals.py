"""Confidence intervals and tests of a mean over folds, and the difference that so many folds can detect."""

import math
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

CONFIDENCE = 0.95
POWER = 0.8
_MAX_EXACT_PAIRS = 16  # 2^16 sign patterns are enumerated at most
Influence = npt.NDArray[np.float64]  # (n, units): how each value changes with the weight of each test unit


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


def t_interval(
    values: Sequence[float], folds: int, confidence: float = CONFIDENCE, influence: Influence | None = None
) -> Interval:
    """Returns the mean of values over seeds and its Student-t interval.

    Seeds beyond the number of folds test units that were tested before, so they do not enlarge the sample of units. At
    most ``folds`` values therefore count in the standard error and in the degrees of freedom: with all of them counted,
    the 95 % interval over 10 seeds of 6 folds covered the true value in only 86 % (docs/statistics.md).

    If all seeds test the same units, the spread of the values shows the training draws alone. The variance of the mean
    that comes from the choice of the units is then added, computed from their influence (the infinitesimal jackknife,
    Jaeckel 1972), with the degrees of freedom of Welch and Satterthwaite.

    Args:
        values: one per seed.
        folds: number of disjoint parts of the units that seeds test in turn.
        confidence: of the interval.
        influence: of the test units that all seeds share, see `unit_influence`; None if seeds test different units.
    """
    n = len(values)
    mean = math.fsum(values) / n
    if n < 2:
        return Interval(mean, None)
    error, freedom = _error(values, folds, influence)
    return Interval(mean, _t_quantile(freedom, 0.5 + confidence / 2) * error)


def paired(
    ours: Sequence[float],
    theirs: Sequence[float],
    folds: int,
    confidence: float = CONFIDENCE,
    influence: Influence | None = None,
) -> Interval:
    """Returns the interval of the mean difference, paired by seed; see `t_interval`.

    ``influence`` is that of the differences: ours minus theirs.
    """
    return t_interval(_differences(ours, theirs), folds, confidence, influence)


def p_value(ours: Sequence[float], theirs: Sequence[float], folds: int, influence: Influence | None = None) -> float:
    """Returns the two-sided p-value of the paired t-test behind `paired`; 1 for fewer than two pairs."""
    from scipy.special import stdtr

    differences = _differences(ours, theirs)
    if len(differences) < 2:
        return 1.0
    mean = math.fsum(differences) / len(differences)
    error, freedom = _error(differences, folds, influence)
    if error == 0:
        return 1.0 if mean == 0 else 0.0
    return float(2 * stdtr(freedom, -abs(mean) / error))


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


def detectable(
    differences: Sequence[float], folds: int, confidence: float = CONFIDENCE, influence: Influence | None = None
) -> float | None:
    """Returns the true mean difference that the paired t-test finds with 80 % power, given the observed spread.

    From the noncentral t distribution (Cohen 1988); None for fewer than two values.
    """
    from scipy.special import nctdtrinc

    if len(differences) < 2:
        return None
    error, freedom = _error(differences, folds, influence)
    threshold = _t_quantile(freedom, 0.5 + confidence / 2)
    return float(nctdtrinc(freedom, 1 - POWER, threshold)) * error


def unit_influence(true: Influence, hit: Influence, predicted: Influence) -> npt.NDArray[np.float64]:
    """Returns how macro-F1 changes with the weight of each unit: its derivative, float64 (units,).

    The derivatives sum to zero, since macro-F1 does not change if all weights are multiplied by the same number.

    Args:
        true, hit, predicted: float64 (units, classes), rows of each class, correctly predicted rows, and rows
            predicted as that class.
    """
    present = true.sum(axis=0) > 0  # as in `bootstrap.macro_f1`: the mean is over the classes that the truth has
    sums, hits = (true + predicted)[:, present], hit[:, present]
    total = sums.sum(axis=0)
    changes = 2 * (hits * total - hits.sum(axis=0) * sums) / total**2
    return np.asarray(changes.sum(axis=1) / max(int(present.sum()), 1), dtype=np.float64)


def _differences(ours: Sequence[float], theirs: Sequence[float]) -> list[float]:
    return [a - b for a, b in zip(ours, theirs, strict=True)]


def _error(values: Sequence[float], folds: int, influence: Influence | None) -> tuple[float, float]:
    """Returns the standard error of the mean of two or more values, and its degrees of freedom."""
    n = len(values)
    mean = math.fsum(values) / n
    variance = math.fsum((v - mean) ** 2 for v in values) / (n - 1)
    if influence is None:
        return math.sqrt(variance / min(n, folds)), max(min(n, folds) - 1, 1)
    units = influence.shape[1]
    draws = variance / n  # every seed is another training draw, also a seed beyond the folds
    sampling = units / max(units - 1, 1) * float((influence.mean(axis=0) ** 2).sum())
    total = draws + sampling
    if total == 0:
        return 0.0, n - 1
    return math.sqrt(total), total**2 / (draws**2 / (n - 1) + sampling**2 / max(units - 1, 1))


def _t_quantile(freedom: float, p: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, p))
