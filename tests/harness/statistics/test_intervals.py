"""Intervals against SciPy's distributions and against enumeration."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from harness.statistics.components import OF_DIFFERENCES, OF_SCORES, unit_influence
from harness.statistics.curves import expected_best
from harness.statistics.intervals import (
    Sample,
    detectable,
    equivalence_p,
    p_value,
    sign_flip_p,
    t_interval,
)
from harness.statistics.posterior import correlated_t
from harness.statistics.robustness import effective_robustness, logit

OURS, THEIRS = [0.61, 0.58, 0.66, 0.59, 0.63, 0.60], [0.55, 0.57, 0.58, 0.56, 0.60, 0.52]
# The standard errors in proportion to that of independent folds, of scores and of differences
WIDER, OF_PAIRS = (math.sqrt(1 + 6 / 5 * share) for share in (OF_SCORES, OF_DIFFERENCES))


def over_folds(values: list[float]) -> Sample:
    """One seed for each of six folds."""
    return Sample(values, range(len(values)), 6)


DIFFERENCES = over_folds(OURS).minus(over_folds(THEIRS))


def test_the_interval_is_scipys_and_one_value_has_none() -> None:
    low, high = stats.t.interval(0.95, 5, np.mean(OURS), WIDER * stats.sem(OURS))
    ours = t_interval(over_folds(OURS))
    assert (ours.low, ours.high) == pytest.approx((low, high))
    assert t_interval(over_folds([0.3])) == (0.3, None)
    assert t_interval(over_folds([0.3])).low == -math.inf


def test_repeats_count_less_than_folds() -> None:
    """Twelve seeds are six folds and two repeats, or twelve folds: the interval of the first is wider."""
    values = [value + noise for noise in (0.001, -0.001) for value in OURS]
    repeated = t_interval(Sample(values, [*range(6)] * 2, 6))
    folds = t_interval(Sample(values, range(12), 12))
    assert repeated.half_width is not None
    assert folds.half_width is not None
    assert repeated.half_width > 1.5 * folds.half_width
    of_folds = stats.t.ppf(0.975, 5) * WIDER * stats.sem(OURS)
    assert repeated.half_width == pytest.approx(of_folds, rel=0.01)


def test_an_interval_is_never_narrower_than_the_test_units_alone_make_it() -> None:
    """Six scores that agree by luck, each over 50 units of which half are hits."""
    influence = np.full((6, 300), np.nan)
    for seed in range(6):
        influence[seed, 50 * seed : 50 * seed + 50] = np.repeat([0.01, -0.01], 25)
    lucky = [0.5, 0.501, 0.5, 0.499, 0.5, 0.5]
    plain, bounded = t_interval(over_folds(lucky)), t_interval(Sample(lucky, range(6), 6, influence))
    assert plain.half_width == pytest.approx(0.00066, rel=0.2)
    sampling = math.sqrt(300 / 294 * 300 * (0.01 / 6) ** 2)
    assert bounded.half_width == pytest.approx(stats.t.ppf(0.975, 294) * sampling)
    assert p_value(Sample([v - 0.49 for v in lucky], range(6), 6, influence)) == pytest.approx(
        2 * stats.t.sf(0.01 / sampling, 294)
    )


def test_the_paired_test_is_scipys() -> None:
    statistic = stats.ttest_rel(OURS, THEIRS).statistic / OF_PAIRS
    assert p_value(DIFFERENCES) == pytest.approx(2 * stats.t.sf(statistic, 5))
    assert p_value(over_folds(OURS).minus(over_folds(OURS))) == 1
    assert p_value(over_folds([0.01] * 6)) == 0
    assert p_value(over_folds([0.3])) == 1


def test_the_test_of_equivalence_is_two_of_scipys() -> None:
    values = [0.004, -0.002, 0.001, 0.003, -0.001, 0.002]
    for shift in (0.0, 0.003, -0.006, 0.02):
        shifted = np.add(values, shift)
        above = stats.ttest_1samp(shifted, -0.01, alternative="greater").statistic / WIDER
        below = stats.ttest_1samp(shifted, 0.01, alternative="less").statistic / WIDER
        expected = max(stats.t.sf(above, 5), stats.t.cdf(below, 5))
        found = equivalence_p(over_folds(shifted.tolist()), margin=0.01)
        assert found == pytest.approx(expected)
        inside = t_interval(over_folds(shifted.tolist()), confidence=0.9)
        assert (found <= 0.05) == (inside.low >= -0.01 and inside.high <= 0.01)
    assert equivalence_p(over_folds([0.3]), margin=1) == 1


def test_sign_flips_are_scipys_permutations_and_six_folds_cannot_go_below_a_32nd() -> None:
    assert sign_flip_p(DIFFERENCES) == 2 / 64
    mixed = np.subtract([0.5, 0.59, 0.66, 0.5, 0.63, 0.60], THEIRS)
    theirs = stats.permutation_test((mixed,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_p(over_folds(mixed.tolist())) == pytest.approx(theirs.pvalue)
    assert sign_flip_p(Sample([1.0] * 12, [*range(6)] * 2, 6)) == 2 / 64  # repeats of a fold have no sign of their own
    assert sign_flip_p(Sample([1.0] * 17, range(17), 17)) is None
    assert sign_flip_p(Sample([1.0] * 3, [0] * 3, 6)) is None


def test_a_detectable_difference_is_found_with_80_percent_power() -> None:
    found = detectable(DIFFERENCES)
    assert found is not None
    noncentrality = found / (OF_PAIRS * stats.sem(DIFFERENCES.values))
    assert stats.nct.sf(stats.t.ppf(0.975, 5), 5, noncentrality) == pytest.approx(0.8, abs=1e-3)
    stricter = detectable(DIFFERENCES, confidence=0.99)
    assert stricter is not None
    assert stricter > found


def test_the_posterior_is_wider_than_the_interval_and_its_parts_sum_to_one() -> None:
    found = correlated_t(DIFFERENCES, margin=0.01)
    assert found is not None
    assert sum(found) == pytest.approx(1)
    differences = np.subtract(OURS, THEIRS)
    scale = math.sqrt(1 / 6 + (1 / 6) / (5 / 6)) * differences.std(ddof=1)
    assert found.better == pytest.approx(stats.t.sf(0.01, 5, differences.mean(), scale))
    assert correlated_t(Sample([0.1, 0.2], [0, 0], 6), margin=0.01) is None


def test_the_expected_best_is_the_mean_over_all_subsets() -> None:
    values = [0.4, 0.9, 0.1, 0.7, 0.7]
    assert len(expected_best(values)) == len(values)
    for size, expected in enumerate(expected_best(values), start=1):
        assert expected == pytest.approx(np.mean([max(subset) for subset in combinations(values, size)]))


def test_effective_robustness_is_the_distance_from_the_baselines_line() -> None:
    def on_the_line(x: float) -> float:
        return 1 / (1 + math.exp(-(0.8 * logit(x) - 1)))

    points = {name: (x, on_the_line(x)) for name, x in (("a", 0.5), ("b", 0.6), ("c", 0.75), ("d", 0.9))}
    points["robust"] = (0.7, on_the_line(0.7) + 0.1)
    found = effective_robustness(points, frozenset("abcd"))
    assert found.line is not None
    assert found.line.slope == pytest.approx(0.8)
    assert found.effective["robust"] == pytest.approx(0.1)
    assert found.effective["a"] == pytest.approx(0)
    assert not found.is_within_band("robust")  # the baselines have no scatter


def test_the_band_is_the_prediction_interval_of_a_new_point() -> None:
    """Against the formula of a textbook, with the residual error from SciPy's fit."""
    points = {"a": (0.5, 0.40), "b": (0.6, 0.41), "c": (0.7, 0.60), "d": (0.8, 0.62), "e": (0.65, 0.50)}
    found = effective_robustness({**points, "near": (0.7, 0.56), "far": (0.7, 0.90)}, frozenset("abcde"))
    x, y = (np.array([logit(point[axis]) for point in points.values()]) for axis in (0, 1))
    fit = stats.linregress(x, y)
    residual = math.sqrt(((y - fit.intercept - fit.slope * x) ** 2).sum() / 3)
    at = logit(0.7)
    half = stats.t.ppf(0.975, 3) * residual * math.sqrt(1 + 1 / 5 + (at - x.mean()) ** 2 / ((x - x.mean()) ** 2).sum())
    centre = fit.intercept + fit.slope * at
    share = [1 / (1 + math.exp(-value)) for value in (centre, centre - half, centre + half)]
    assert found.line is not None
    assert found.line.expected(0.7) == pytest.approx(share)
    assert found.band["near"] == pytest.approx((share[1] - share[0], share[2] - share[0]))
    assert found.is_within_band("near")
    assert not found.is_within_band("far")


def test_effective_robustness_is_suppressed_where_the_line_is_poor() -> None:
    scattered = {"a": (0.5, 0.5), "b": (0.6, 0.1), "c": (0.75, 0.6), "d": (0.9, 0.3)}
    found = effective_robustness(scattered, frozenset("abcd"))
    assert not found.effective
    assert "explains" in found.unavailable_reason
    assert (
        "needs 4 baselines, and the board has 3" in effective_robustness(scattered, frozenset("abc")).unavailable_reason
    )


def _counts(rng: np.random.Generator, units: int, accuracy: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Rows of three classes: true, hit and predicted by (unit, class); one row per unit and class."""
    hit = (rng.random((units, 3)) < accuracy).astype(float)
    predicted = hit + np.roll(1 - hit, 1, axis=1)  # a wrong prediction is the next class
    return np.ones((units, 3)), hit, predicted


def _macro_f1(weights: np.ndarray, true: np.ndarray, hit: np.ndarray, predicted: np.ndarray) -> float:
    return float(np.mean(2 * (weights @ hit) / (weights @ true + weights @ predicted)))


def test_the_influence_of_a_unit_is_the_derivative_of_macro_f1() -> None:
    counts = _counts(np.random.default_rng(0), 7, np.array([0.9, 0.5, 0.3]))
    influence = unit_influence(*counts)
    for unit in range(7):
        more = np.ones(7)
        more[unit] += 1e-6
        assert influence[unit] == pytest.approx(
            (_macro_f1(more, *counts) - _macro_f1(np.ones(7), *counts)) / 1e-6, abs=1e-5
        )
    assert influence.sum() == pytest.approx(0)


def test_intervals_of_shared_test_units_hold_the_truth() -> None:
    """Every seed tests the same units: the spread over seeds alone would give intervals that are far too narrow."""
    rng = np.random.default_rng(1)
    population = rng.beta(2, 2, (20_000, 3))  # how hard each unit is

    def predict(units: np.ndarray, quality: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return _counts(rng, len(units), np.clip(units + quality, 0, 1))

    qualities = rng.normal(0, 0.05, 50)
    truth = np.mean([_macro_f1(np.ones(len(population)), *predict(population, quality)) for quality in qualities])
    covered = {True: 0, False: 0}
    for _ in range(300):
        units = population[rng.integers(len(population), size=60)]
        seeds = [predict(units, quality) for quality in rng.choice(qualities, 4)]
        scores = [_macro_f1(np.ones(60), *counts) for counts in seeds]
        influence = np.stack([unit_influence(*counts) for counts in seeds])
        for shared in covered:
            folds = [0] * 4 if shared else [*range(4)]
            interval = t_interval(Sample(scores, folds, 6, influence if shared else None))
            covered[shared] += interval.low <= truth <= interval.high
    assert covered[True] >= 0.93 * 300
    assert covered[False] < covered[True]
