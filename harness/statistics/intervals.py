"""Confidence intervals and tests of a mean over seeds, and the difference that so many seeds can detect."""

import math
from collections.abc import Sequence
from itertools import product
from typing import NamedTuple

import numpy as np

from harness.statistics.components import OF_DIFFERENCES, OF_SCORES, Estimate, Influence, estimates, fold_means, planned

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


class Sample(NamedTuple):
    """Values over seeds, and what is known about how they depend on each other.

    Attributes:
        values: one per seed.
        folds: the fold of each value. Seeds of one fold test the same units.
        parts: number of folds that the units are divided into, whether or not all of them have a value.
        influence: of the test units on each value, see `components.unit_influence`; None if it is not known.
        dependence: of the folds, `components.OF_SCORES` or `components.OF_DIFFERENCES`.
    """

    values: Sequence[float]
    folds: Sequence[int]
    parts: int
    influence: Influence | None = None
    dependence: float = OF_SCORES

    @property
    def mean(self) -> float:
        """The mean of the values."""
        return math.fsum(self.values) / len(self.values)

    def at(self, places: Sequence[int]) -> "Sample":
        """Returns the values at these positions."""
        influence = None if self.influence is None else self.influence[list(places)]
        values, folds = [self.values[i] for i in places], [self.folds[i] for i in places]
        return Sample(values, folds, self.parts, influence, self.dependence)

    def minus(self, other: "Sample") -> "Sample":
        """Returns the differences of two samples of the same seeds; the influence is known if both have one."""
        values = [a - b for a, b in zip(self.values, other.values, strict=True)]
        influence = None
        if self.influence is not None and other.influence is not None:
            influence = self.influence - other.influence
        return Sample(values, self.folds, self.parts, influence, OF_DIFFERENCES)


def t_interval(sample: Sample, confidence: float = CONFIDENCE) -> Interval:
    """Returns the mean over seeds and its interval.

    Student's t with the standard error of `components.estimates`: the widest of the intervals by the variance
    components, by the draws alone and by the sampling of the test units alone. For one seed per fold, without influence
    and but for the covariance of folds, it is the usual t interval over folds.
    """
    if len(sample.values) < 2:
        return Interval(sample.mean, None)
    quantile = 0.5 + confidence / 2
    return Interval(sample.mean, max(_t_quantile(e.freedom, quantile) * e.error for e in estimates(*sample)))


def p_value(sample: Sample) -> float:
    """Returns the two-sided p-value of the hypothesis that the mean is 0, by the test behind `t_interval`.

    Returns:
        1 for fewer than two values.
    """
    return 1.0 if len(sample.values) < 2 else min(1.0, 2 * _tail(sample, abs(sample.mean)))


def equivalence_p(sample: Sample, margin: float) -> float:
    """Returns the p-value of two one-sided tests that the mean lies within plus or minus the margin.

    It is the larger of the two p-values (Schuirmann 1987). It is at most 0.05 if and only if the 90 % interval lies
    within the margin.

    Returns:
        1 for fewer than two values.
    """
    return 1.0 if len(sample.values) < 2 else _tail(sample, margin - abs(sample.mean))


def detectable(sample: Sample, confidence: float = CONFIDENCE) -> float | None:
    """Returns the true mean that the test of `p_value` finds with 80 % power, given the observed spread.

    From the noncentral t distribution (Cohen 1988); None for fewer than two values.
    """
    return None if len(sample.values) < 2 else _detectable(estimates(*sample), confidence)


def detectable_with(sample: Sample, repeats: int, confidence: float = CONFIDENCE) -> float | None:
    """Returns what `detectable` is expected to be with this many repeats of every fold.

    Returns:
        None if the sample cannot tell how much repeats vary; see `components.planned`.
    """
    plan = planned(*sample, repeats=repeats)
    return None if plan is None else _detectable(plan, confidence)


def _detectable(errors: Sequence[Estimate], confidence: float) -> float:
    from scipy.special import nctdtrinc

    quantile = 0.5 + confidence / 2
    return max(float(nctdtrinc(e.freedom, 1 - POWER, _t_quantile(e.freedom, quantile))) * e.error for e in errors)


def sign_flip_p(sample: Sample) -> float | None:
    """Returns the two-sided p-value of the exact sign-flip test of the folds' means (Fisher 1935).

    It is the share of all 2^n sign patterns under which the mean is at least as far from zero as the observed mean. For
    n folds it cannot be below 2^(1-n): for six, 0.031.

    Returns:
        None for fewer than two folds, and for more than 16, for which not all patterns are enumerated.
    """
    means = np.array(fold_means(sample.values, sample.folds))
    if not 2 <= len(means) <= _MAX_EXACT_PAIRS:
        return None
    sums = np.abs(np.array(list(product((1.0, -1.0), repeat=len(means)))) @ means)
    return float((sums >= sums[0] - 1e-12).mean())  # row 0 has all signs +, which is the observed sum


def _tail(sample: Sample, distance: float) -> float:
    """Returns the probability of a mean so far from its true value on one side, the largest over the estimates."""
    from scipy.special import stdtr

    tails = []
    for estimate in estimates(*sample):
        if estimate.error == 0:
            tails.append(0.5 if distance == 0 else float(distance < 0))
        else:
            tails.append(float(stdtr(estimate.freedom, -distance / estimate.error)))
    return max(tails)


def _t_quantile(freedom: float, p: float) -> float:
    from scipy.special import stdtrit

    return float(stdtrit(freedom, p))
