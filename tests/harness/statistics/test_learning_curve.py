"""The crossing of two learning curves: values computed by hand, and the coverage of its interval in a simulation."""

import math
import os
from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt
import pytest

from harness.statistics.components import OF_DIFFERENCES
from harness.statistics.intervals import Sample, t_interval
from harness.statistics.learning_curve import Crossing, RowInterval, crossing

FULL = bool(os.environ.get("HARNESS_FULL_ROUNDS"))
ROWS = (100, 200, 400, 800)
Floats = npt.NDArray[np.float64]


def samples(*by_size: Sequence[float]) -> list[Sample]:
    """Differences of a seed per fold, at each size."""
    return [Sample(values, range(len(values)), 6, None, OF_DIFFERENCES) for values in by_size]


def test_the_crossing_is_interpolated_in_the_logarithm_of_the_rows() -> None:
    # -0.3 at 100, 0.1 at 400: three quarters of the way, which is two doublings long.
    found = crossing((100, 400), samples([-0.3], [0.1]))
    assert found.rows == pytest.approx(100 * 2**1.5)
    assert found == Crossing(found.rows, None, 1, -1, 1)


def test_the_interval_of_two_seeds_is_that_of_fieller() -> None:
    """By hand: at share s between the sizes the differences are -1 + 2 s -/+ d, so 0 is inside while
    |2 s - 1| <= t h, with the standard error h of the values -d and d."""
    d = 0.01
    found = crossing((100, 200), samples([-1 - d, -1 + d], [1 - d, 1 + d]))
    assert found.rows == pytest.approx(100 * math.sqrt(2))
    half = 12.7062047 * math.sqrt(2 * d**2) * math.sqrt(1 / 2 + OF_DIFFERENCES / 5)
    assert half < 1
    assert found.interval is not None
    low, high = found.interval
    assert low == pytest.approx(100 * 2 ** ((1 - half) / 2), rel=1e-5)
    assert high == pytest.approx(100 * 2 ** ((1 + half) / 2), rel=1e-5)


def test_an_interval_without_an_end_in_the_range_is_open() -> None:
    wide = crossing((100, 200), samples([-1.2, 1], [-1, 1.2]))
    assert wide.interval == RowInterval(None, None)
    right = crossing((100, 200, 400), samples([-1.01, -1.0], [-0.01, 0.0], [-1, 1.2]))
    assert right.rows is not None
    assert right.interval is not None
    assert right.interval.low is not None
    assert 100 < right.interval.low < 200 < right.rows < 400
    assert right.interval.high is None


def test_without_spread_the_interval_is_the_crossing() -> None:
    found = crossing((100, 200), samples([-0.1, -0.1], [0.2, 0.2]))
    assert found.interval is not None
    assert found.interval == pytest.approx((found.rows, found.rows), rel=1e-4)


@pytest.mark.parametrize(
    ("means", "rows", "changes", "smallest", "largest"),
    [
        ((1, 2, 3, 4), None, 0, 1, 1),
        ((-1, -2, -1, -1), None, 0, -1, -1),
        ((0, 0, 0, 0), None, 0, 0, 0),
        ((0, 1, 0, 2), None, 0, 1, 1),  # it meets 0 without a change of sign
        ((-1, 0, 1, 1), 200, 1, -1, 1),
        ((-1, 0, 0, 1), 400, 1, -1, 1),
        ((0, -1, 1, 1), 200 * 2**0.5, 1, -1, 1),
        ((-1, 1, -1, 1), 400 * 2**0.5, 3, -1, 1),  # of several, the last
        ((-1, 1, -1, -3), 200 * 2**0.5, 2, -1, -1),
        ((1, -1, -1, 0), 100 * 2**0.5, 1, 1, -1),
    ],
)
def test_changes_of_sign(means: Sequence[float], rows: float | None, changes: int, smallest: int, largest: int) -> None:
    found = crossing(ROWS, samples(*([mean] for mean in means)))
    assert found == Crossing(pytest.approx(rows) if rows else None, None, changes, smallest, largest)


def test_the_interval_is_where_the_interval_of_the_difference_contains_0() -> None:
    random = np.random.default_rng(5)
    by_size = samples(*(mean + 0.2 * random.normal(size=6) for mean in (-1, -0.3, 0.4, 1)))
    found = crossing(ROWS, by_size)
    assert found.interval is not None
    for end in found.interval:
        assert end is not None
        at = math.log2(end / 100)
        before = int(at)
        values = [
            a + (at - before) * (b - a) for a, b in zip(by_size[before].values, by_size[before + 1].values, strict=True)
        ]
        interval = t_interval(*samples(values))
        assert interval.half_width == pytest.approx(abs(interval.mean), abs=1e-5)


def test_the_influence_of_the_test_units_widens_the_interval() -> None:
    plain = samples([-1, -1.01], [1, 1.01])
    unit = np.array([[0.1, -0.1, np.nan, np.nan], [np.nan, np.nan, 0.1, -0.1]])
    known = [sample._replace(influence=unit) for sample in plain]
    narrow, wide = (crossing((100, 200), each).interval for each in (plain, known))
    assert narrow is not None
    assert wide is not None
    assert wide.low is not None
    assert narrow.low is not None
    assert wide.low < narrow.low


def test_the_influence_is_interpolated_as_the_values_are() -> None:
    unit = np.array([[0.1, -0.1, np.nan, np.nan], [np.nan, np.nan, 0.1, -0.1]])
    plain = samples([-1, -1.01], [1.01, 1])
    known = [sample._replace(influence=part) for sample, part in zip(plain, (0 * unit, unit), strict=True)]
    found = crossing((100, 200), known).interval
    assert found is not None
    assert found.low is not None
    assert found.high is not None
    share = math.log2(found.high / 100)
    values = [a + share * (b - a) for a, b in zip(plain[0].values, plain[1].values, strict=True)]
    interval = t_interval(samples(values)[0]._replace(influence=share * unit))
    assert interval.half_width == pytest.approx(abs(interval.mean), abs=1e-5)
    assert 100 * math.sqrt(2) - found.low < found.high - 100 * math.sqrt(2)


TRUTH = 200 * 2**0.5  # rows at which the simulated curves cross


def simulated(seeds: int, rounds: int) -> Iterator[Floats]:
    """Yields differences of two curves with a known crossing, float64 (seeds, sizes).

    A fold has an effect on the difference at all sizes, since all sizes test the same units, and another on its slope;
    each cell has noise of its own.
    """
    random = np.random.default_rng([3, seeds])
    truth = 0.04 * (np.log2(ROWS) - math.log2(TRUTH))
    for _ in range(rounds):
        level = random.normal(0, 0.02, seeds)[:, None] + random.normal(0, 0.01, seeds)[:, None] * np.log2(ROWS) / 8
        yield truth + level + random.normal(0, 0.02, (seeds, len(ROWS)))


def coverage(seeds: int, rounds: int) -> float:
    """The share of rounds whose interval contains the true crossing; those without a change of sign do not count."""
    hits = []
    for values in simulated(seeds, rounds):
        found = crossing(ROWS, samples(*(column.tolist() for column in values.T)))
        if found.rows is None:
            continue
        assert found.interval is not None
        low, high = found.interval
        hits.append((low or 0) <= TRUTH <= (high or math.inf))
    assert len(hits) > 0.9 * rounds
    return float(np.mean(hits))


def bootstrap_coverage(seeds: int, rounds: int, draws: int = 200) -> float:
    """The same for percentile intervals of a bootstrap over seeds."""
    random, hits = np.random.default_rng(4), []
    for values in simulated(seeds, rounds):
        means = [values[random.integers(0, seeds, seeds)].mean(axis=0) for _ in range(draws)]
        found = [crossing(ROWS, samples(*([mean] for mean in drawn))).rows for drawn in (values.mean(axis=0), *means)]
        if found[0] is not None:
            low, high = np.percentile([rows for rows in found[1:] if rows is not None], [2.5, 97.5])
            hits.append(low <= TRUTH <= high)
    return float(np.mean(hits))


@pytest.mark.parametrize("seeds", [3, 6])
def test_the_interval_covers_the_true_crossing(seeds: int) -> None:
    rounds = 2000 if FULL else 150
    error = math.sqrt(0.05 * 0.95 / rounds)
    assert 0.95 - 3 * error < coverage(seeds, rounds) <= 1


def test_a_bootstrap_over_few_seeds_would_cover_it_too_rarely() -> None:
    assert bootstrap_coverage(3, 1000 if FULL else 50) < 0.9
