"""Intervals against SciPy's distributions and against enumeration."""

import math
from itertools import combinations

import numpy as np
import pytest
from scipy import stats

from harness.statistics.curves import expected_best
from harness.statistics.intervals import detectable, p_value, paired, sign_flip_p, t_interval, unit_influence
from harness.statistics.posterior import correlated_t
from harness.statistics.robustness import effective_robustness, logit

OURS, THEIRS = [0.61, 0.58, 0.66, 0.59, 0.63, 0.60], [0.55, 0.57, 0.58, 0.56, 0.60, 0.52]


def test_the_interval_is_scipys_and_one_value_has_none() -> None:
    low, high = stats.t.interval(0.95, 5, np.mean(OURS), stats.sem(OURS))
    ours = t_interval(OURS, folds=6)
    assert (ours.low, ours.high) == pytest.approx((low, high))
    assert t_interval([0.3], folds=6) == (0.3, None)
    assert t_interval([0.3], folds=6).low == -math.inf


def test_seeds_beyond_the_folds_do_not_count_as_new_units() -> None:
    twice = t_interval(OURS * 2, folds=6)
    assert twice.half_width == pytest.approx(stats.t.ppf(0.975, 5) * np.std(OURS * 2, ddof=1) / math.sqrt(6))


def test_the_paired_test_is_scipys() -> None:
    theirs = stats.ttest_rel(OURS, THEIRS)
    assert p_value(OURS, THEIRS, folds=6) == pytest.approx(theirs.pvalue)
    assert paired(OURS, THEIRS, folds=6).low == pytest.approx(theirs.confidence_interval().low)
    assert p_value(OURS, OURS, folds=6) == 1


def test_sign_flips_are_scipys_permutations_and_six_folds_cannot_go_below_a_32nd() -> None:
    assert sign_flip_p(OURS, THEIRS) == 2 / 64
    mixed = [0.5, 0.59, 0.66, 0.5, 0.63, 0.60]
    differences = np.subtract(mixed, THEIRS)
    theirs = stats.permutation_test((differences,), np.mean, permutation_type="samples", n_resamples=np.inf)
    assert sign_flip_p(mixed, THEIRS) == pytest.approx(theirs.pvalue)
    assert sign_flip_p([1.0] * 17, [0.0] * 17) is None


def test_a_detectable_difference_is_found_with_80_percent_power() -> None:
    differences = np.subtract(OURS, THEIRS).tolist()
    found = detectable(differences, folds=6)
    assert found is not None
    noncentrality = found / stats.sem(differences)
    assert stats.nct.sf(stats.t.ppf(0.975, 5), 5, noncentrality) == pytest.approx(0.8, abs=1e-3)


def test_the_posterior_is_wider_than_the_interval_and_its_parts_sum_to_one() -> None:
    found = correlated_t(OURS, THEIRS, folds=6, margin=0.01)
    assert found is not None
    assert sum(found) == pytest.approx(1)
    differences = np.subtract(OURS, THEIRS)
    scale = math.sqrt(1 / 6 + (1 / 6) / (5 / 6)) * differences.std(ddof=1)
    assert found.better == pytest.approx(stats.t.sf(0.01, 5, differences.mean(), scale))


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
    assert found.slope == pytest.approx(0.8)
    assert found.effective["robust"] == pytest.approx(0.1)
    assert found.effective["a"] == pytest.approx(0)


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
            interval = t_interval(scores, folds=6, influence=influence if shared else None)
            covered[shared] += interval.low <= truth <= interval.high
    assert covered[True] >= 0.93 * 300
    assert covered[False] < covered[True]
