"""Variance of a mean over seeds: components between folds and between the repeats of a fold, and the test sampling.

A seed is a fold and a repeat. Seeds of one fold test the same units and differ in training draw, configuration and
initialisation (*draws*); seeds of different folds also differ in the units that they test. The estimate is the analysis
of variance of a one-way random model, which may be unbalanced (Searle, Casella and McCulloch 1992, Variance Components,
chapter 3), with the degrees of freedom of Satterthwaite (1946).
"""

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Influence = npt.NDArray[np.float64]  # (n, units): how each value changes with a unit's weight; NaN: unit not tested

# Training sets of different folds overlap, so the values of folds are correlated, which their spread cannot show. This
# share of (variance of one seed) / (folds - 1) is therefore added to the variance of the mean. The term, test units per
# training unit, is that of Nadeau and Bengio (2003), whose share of 1 is far too much here. The shares are those of the
# simulation in docs/statistics.md. In a difference, much of what training sets have in common cancels.
OF_SCORES = 0.2
OF_DIFFERENCES = 0.1


class Estimate(NamedTuple):
    """A standard error of a mean, and its degrees of freedom."""

    error: float
    freedom: float


class Components(NamedTuple):
    """Standard deviations of the value of one seed, by their source; None where it cannot be estimated.

    Attributes:
        sampling: what the choice of the test units of its fold alone must cause.
        folds: between folds, which contains the sampling; needs two folds.
        draws: between repeats of one fold; needs a fold with two repeats.
    """

    sampling: float | None
    folds: float | None
    draws: float | None


class _Squares(NamedTuple):
    """Mean squares of the one-way analysis of variance; a mean square without degrees of freedom is 0."""

    between: float
    within: float
    folds: int
    n: int
    typical: float  # the coefficient n0 of the component between folds in the mean square between folds
    weight: float  # sum of the squared shares of the folds in the mean: 1 / folds if balanced


def fold_means(values: Sequence[float], folds: Sequence[int]) -> list[float]:
    """Returns the mean value of each fold, in the order of the folds' numbers."""
    by_fold: dict[int, list[float]] = defaultdict(list)
    for value, fold in zip(values, folds, strict=True):
        by_fold[fold].append(value)
    return [math.fsum(own) / len(own) for _, own in sorted(by_fold.items())]


def estimates(
    values: Sequence[float],
    folds: Sequence[int],
    parts: int,
    influence: Influence | None = None,
    dependence: float = OF_SCORES,
) -> list[Estimate]:
    """Returns estimates of the standard error of the mean, each of which the error cannot be below.

    The first is that of the variance components. The others are what the draws alone, and the sampling of the test
    units alone, must cause. With few folds the first is sometimes far too low by chance, which the others prevent. A
    caller uses the one that gives the widest interval.

    If all values have one fold, their spread shows the draws alone. The sampling variance is then added to it instead.

    Args:
        values: one per seed, two or more.
        folds: the fold of each value.
        parts: number of folds that the units are divided into, whether or not all of them have a value.
        influence: of the test units on each value, see `unit_influence`; None if it is not known.
        dependence: `OF_SCORES` or `OF_DIFFERENCES`.
    """
    squares = _squares(values, folds)
    draws = Estimate(math.sqrt(squares.within / squares.n), squares.n - squares.folds)
    sampling = None if influence is None else _sampling(influence, squares.folds)
    if squares.folds == 1:
        return [draws if sampling is None else _sum(draws, sampling)]
    out = [_between(squares, dependence / max(parts - 1, 1))]
    if draws.freedom > 0:
        out.append(draws)
    return out if sampling is None else [*out, sampling]


def planned(
    values: Sequence[float],
    folds: Sequence[int],
    parts: int,
    influence: Influence | None = None,
    dependence: float = OF_SCORES,
    *,
    repeats: int,
) -> list[Estimate] | None:
    """Returns what `estimates` is expected to return if every fold had this many repeats.

    The components stay as estimated, and so does the sampling of the test units, which are the same in every repeat.

    Args:
        values, folds, parts, influence, dependence: see `estimates`.
        repeats: seeds of each fold.

    Returns:
        None if the components cannot be told apart: with one fold, or without a second repeat of any.
    """
    squares = _squares(values, folds)
    if squares.folds < 2 or squares.n == squares.folds:
        return None
    between = max((squares.between - squares.within) / squares.typical, 0.0)
    n = squares.folds * repeats
    plan = _Squares(squares.within + repeats * between, squares.within, squares.folds, n, repeats, 1 / squares.folds)
    out = [_between(plan, dependence / max(parts - 1, 1))]
    if repeats > 1:
        out.append(Estimate(math.sqrt(squares.within / n), n - squares.folds))
    return out if influence is None else [*out, _sampling(influence, squares.folds)]


def components(values: Sequence[float], folds: Sequence[int], influence: Influence | None = None) -> Components:
    """Returns the components of the variance of one seed's value, as standard deviations; see `estimates`."""
    squares = _squares(values, folds)
    between = (squares.between - squares.within) / squares.typical if squares.folds > 1 else 0.0
    return Components(
        sampling=None if influence is None else _sampling_of_one(influence),
        folds=math.sqrt(max(between, 0.0)) if squares.folds > 1 else None,
        draws=math.sqrt(squares.within) if squares.n > squares.folds else None,
    )


def unit_influence(true: Influence, hit: Influence, predicted: Influence) -> npt.NDArray[np.float64]:
    """Returns how macro-F1 changes with the weight of each unit: its derivative, float64 (units,).

    This is the infinitesimal jackknife (Jaeckel 1972). The derivatives sum to zero, since macro-F1 does not change if
    all weights are multiplied by the same number.

    Args:
        true, hit, predicted: float64 (units, classes), rows of each class, correctly predicted rows, and rows
            predicted as that class.
    """
    present = true.sum(axis=0) > 0  # as in `bootstrap.macro_f1`: the mean is over the classes that the truth has
    sums, hits = (true + predicted)[:, present], hit[:, present]
    total = sums.sum(axis=0)
    changes = 2 * (hits * total - hits.sum(axis=0) * sums) / total**2
    return np.asarray(changes.sum(axis=1) / max(int(present.sum()), 1), dtype=np.float64)


def _squares(values: Sequence[float], folds: Sequence[int]) -> _Squares:
    by_fold: dict[int, list[float]] = defaultdict(list)
    for value, fold in zip(values, folds, strict=True):
        by_fold[fold].append(value)
    n, count = len(values), len(by_fold)
    mean = math.fsum(values) / n
    means = {fold: math.fsum(own) / len(own) for fold, own in by_fold.items()}
    between = math.fsum(len(own) * (means[fold] - mean) ** 2 for fold, own in by_fold.items())
    within = math.fsum((value - means[fold]) ** 2 for fold, own in by_fold.items() for value in own)
    sizes = sum(len(own) ** 2 for own in by_fold.values())
    return _Squares(
        between=between / (count - 1) if count > 1 else 0.0,
        within=within / (n - count) if n > count else 0.0,
        folds=count,
        n=n,
        typical=(n - sizes / n) / (count - 1) if count > 1 else 1.0,
        weight=sizes / n**2,
    )


def _between(squares: _Squares, covariance: float) -> Estimate:
    """Returns the standard error by the variance components, with the covariance of folds.

    The variance of the mean is ``weight`` times the component between folds, plus that of the draws over n, plus the
    covariance of two folds, in proportion to the sum of both components. All are linear in the mean squares.
    """
    between = (squares.weight + covariance) / squares.typical
    within = 1 / squares.n - squares.weight / squares.typical + covariance * (1 - 1 / squares.typical)
    terms = between * squares.between, within * squares.within
    variance = math.fsum(terms)
    if variance <= 0:  # only without any spread, or in an unbalanced sample with a component below zero
        return Estimate(0.0, squares.folds - 1)
    spread = terms[0] ** 2 / (squares.folds - 1) + terms[1] ** 2 / max(squares.n - squares.folds, 1)
    return Estimate(math.sqrt(variance), variance**2 / spread)


def _sampling(influence: Influence, folds: int) -> Estimate:
    """Returns the standard error that the choice of the test units causes, from their influence on the mean."""
    tested = influence[:, ~np.isnan(influence).all(axis=0)]
    freedom = max(tested.shape[1] - folds, 1)  # within each fold the influences sum to zero
    of_mean = np.nansum(tested, axis=0) / len(tested)
    return Estimate(math.sqrt(tested.shape[1] / freedom * float((of_mean**2).sum())), freedom)


def _sampling_of_one(influence: Influence) -> float:
    """Returns the standard deviation of one value by the choice of its test units, root mean square over values."""
    units = np.maximum((~np.isnan(influence)).sum(axis=1), 2)
    return math.sqrt(float((np.nansum(influence**2, axis=1) * units / (units - 1)).mean()))


def _sum(first: Estimate, second: Estimate) -> Estimate:
    """Returns the standard error of a sum of two independent parts, with the degrees of freedom of Satterthwaite."""
    a, b = first.error**2, second.error**2
    if a + b == 0:
        return first
    return Estimate(math.sqrt(a + b), (a + b) ** 2 / (a**2 / first.freedom + b**2 / second.freedom))
