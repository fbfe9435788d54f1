"""The number of training rows at which one of two learning curves overtakes the other, with its interval.

Between two sizes, the difference of the curves is interpolated linearly in the logarithm of the rows. Its interval is
the set of sizes at which the paired t-test does not find a difference (after Fieller 1954, Some problems in interval
estimation): a confidence set by inversion of a test. Percentile bootstrap intervals over seeds were not used, since
with three to six seeds they are much too narrow (Hesterberg 2015, What teachers should know about the bootstrap).
"""

import itertools
import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from harness.statistics.components import OF_DIFFERENCES
from harness.statistics.intervals import CONFIDENCE, Sample, t_interval

_STEPS = 24  # places per pair of neighbouring sizes at which an end of the interval is looked for


class RowInterval(NamedTuple):
    """Numbers of training rows; None where the interval has no end within the sizes measured."""

    low: float | None
    high: float | None


class Crossing(NamedTuple):
    """The last change of sign of a difference of two learning curves.

    Attributes:
        rows: number of training rows at the change; None if the difference has the same sign at all sizes.
        interval: of these rows; None without a change, and for fewer than two seeds.
        changes: how often the sign changes in all.
        smallest: sign of the difference at the smallest size at which it is not 0; 0 if it is 0 at all sizes.
        largest: the same for the largest size.
    """

    rows: float | None
    interval: RowInterval | None
    changes: int
    smallest: int
    largest: int


def crossing(rows: Sequence[float], differences: Sequence[Sample], confidence: float = CONFIDENCE) -> Crossing:
    """Returns where the mean difference of two methods last changes sign as training rows increase.

    The interval holds the sizes around it at which the interval of the mean difference contains 0. If the true
    difference, so interpolated, is 0 at some size, then the interval of the difference at that size contains 0 with the
    given confidence; it is the one of `t_interval`, so folds, repeats and the sampling of the test units count as they
    do on a board.

    Args:
        rows: number of training rows of each size, ascending, above 0.
        differences: for each size, the paired differences of the score over the same seeds in the same order.
        confidence: of the interval.
    """
    places = [math.log(n) for n in rows]
    means = [sample.mean for sample in differences]
    signs = [int(np.sign(mean)) for mean in means]
    known = [sign for sign in signs if sign]
    changes = sum(a != b for a, b in itertools.pairwise(known))
    smallest, largest = (known[0], known[-1]) if known else (0, 0)
    if not changes:
        return Crossing(None, None, 0, smallest, largest)
    # The last size before which the sign is the other one; between it and the size before it, the line meets 0.
    after = max(at for at in range(1, len(signs)) if signs[at] == largest and signs[at - 1] != largest)
    share = means[after - 1] / (means[after - 1] - means[after])
    place = places[after - 1] + share * (places[after] - places[after - 1])
    interval = None
    if len(differences[0].values) > 1:

        def outside(at: float) -> float:
            """Returns how far 0 is outside the interval of the difference at a place, negative inside."""
            found = t_interval(_at(at, places, differences), confidence)
            return abs(found.mean) - (found.half_width or 0.0)

        low, high = (_end(outside, place, grid) for grid in _grids(place, places))
        interval = RowInterval(*(None if end is None else math.exp(end) for end in (low, high)))
    return Crossing(math.exp(place), interval, changes, smallest, largest)


def _at(place: float, places: Sequence[float], differences: Sequence[Sample]) -> Sample:
    """Returns the differences at a place between two sizes, each seed interpolated linearly."""
    after = min(max(int(np.searchsorted(places, place)), 1), len(places) - 1)
    share = (place - places[after - 1]) / (places[after] - places[after - 1])
    one, other = differences[after - 1], differences[after]
    values = [(1 - share) * a + share * b for a, b in zip(one.values, other.values, strict=True)]
    influence = None
    if one.influence is not None and other.influence is not None:
        influence = (1 - share) * one.influence + share * other.influence
    return Sample(values, one.folds, one.parts, influence, OF_DIFFERENCES)


def _grids(place: float, places: Sequence[float]) -> tuple[list[float], list[float]]:
    """Returns places from a crossing outwards, to the smallest and to the largest size."""
    pairs = itertools.pairwise(places)
    every = [*(float(at) for a, b in pairs for at in np.linspace(a, b, _STEPS, endpoint=False)), places[-1]]
    return [at for at in reversed(every) if at < place], [at for at in every if at > place]


def _end(outside: Callable[[float], float], start: float, grid: Sequence[float]) -> float | None:
    """Returns the place where a set that contains the start ends, going along the grid; None if it does not end."""
    from scipy.optimize import brentq

    inside = start
    for at in grid:
        if outside(at) > 0:
            # At the start itself the difference is 0 up to rounding, so without any spread it is the end.
            return inside if outside(inside) >= 0 else float(brentq(outside, inside, at, xtol=1e-6))
        inside = at
    return None
