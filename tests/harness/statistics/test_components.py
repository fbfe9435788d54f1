"""Variance components and their standard errors against SciPy and against figures computed by hand."""

import math

import numpy as np
import pytest
from scipy import stats

from harness.statistics.components import OF_SCORES, components, estimates, fold_means, planned, unit_influence

# Folds 0, 1, 2 have two, one and three repeats: means 2, 5, 8, mean of all 5.5.
UNBALANCED, FOLDS = [1.0, 3.0, 5.0, 6.0, 8.0, 10.0], [0, 0, 1, 2, 2, 2]
BETWEEN, WITHIN = 43.5 / 2, 10 / 3  # mean squares: (2 * 3.5² + 0.5² + 3 * 2.5²) / 2 and (1 + 1 + 4 + 0 + 4) / 3
TYPICAL, WEIGHT = (6 - 14 / 6) / 2, 14 / 36  # n0 and the sum of squared shares; 14 = 2² + 1² + 3²
OF_FOLDS = (BETWEEN - WITHIN) / TYPICAL


def test_the_components_of_an_unbalanced_sample_are_those_computed_by_hand() -> None:
    found = components(UNBALANCED, FOLDS)
    assert found.folds == pytest.approx(math.sqrt(OF_FOLDS))
    assert found.draws == pytest.approx(math.sqrt(WITHIN))
    assert found.sampling is None


def test_the_mean_squares_are_those_of_scipys_analysis_of_variance() -> None:
    values = np.random.default_rng(3).normal(size=(3, 6)) + np.arange(6)  # three repeats of six folds
    found = components(values.ravel().tolist(), [*range(6)] * 3)
    assert found.folds is not None
    assert found.draws is not None
    within = found.draws**2
    assert (3 * found.folds**2 + within) / within == pytest.approx(stats.f_oneway(*values.T).statistic)


def test_the_error_of_an_unbalanced_mean_is_that_of_its_components() -> None:
    total, draws = estimates(UNBALANCED, FOLDS, 6)
    covariance = OF_SCORES / 5
    assert total.error**2 == pytest.approx(WEIGHT * OF_FOLDS + WITHIN / 6 + covariance * (OF_FOLDS + WITHIN))
    a, b = (WEIGHT + covariance) / TYPICAL, 1 / 6 - WEIGHT / TYPICAL + covariance * (1 - 1 / TYPICAL)
    satterthwaite = (a * BETWEEN + b * WITHIN) ** 2 / ((a * BETWEEN) ** 2 / 2 + (b * WITHIN) ** 2 / 3)
    assert total.freedom == pytest.approx(satterthwaite)
    assert draws == (pytest.approx(math.sqrt(WITHIN / 6)), 3)


def test_one_seed_per_fold_has_the_usual_error_but_for_the_covariance_of_folds() -> None:
    values = [0.61, 0.58, 0.66, 0.59, 0.63, 0.60]
    (total,) = estimates(values, range(6), 6)
    assert total.error == pytest.approx(np.std(values, ddof=1) * math.sqrt(1 / 6 + OF_SCORES / 5))
    assert total.freedom == pytest.approx(5)


def test_repeats_make_a_mean_more_precise_but_not_beyond_the_folds() -> None:
    """Six folds that differ, and repeats that do not: more repeats change nothing."""
    values = [0.61, 0.58, 0.66, 0.59, 0.63, 0.60]
    once, thrice = (estimates(values * n, [*range(6)] * n, 6)[0] for n in (1, 3))
    assert thrice.error == pytest.approx(once.error)
    noisy = [value + noise for noise in (0.05, -0.05) for value in values]
    assert estimates(noisy, [*range(6)] * 2, 6)[1].error == pytest.approx(math.sqrt(0.03 / 6 / 12))
    assert components(values * 2, [*range(6)] * 2).draws == pytest.approx(0)


def test_the_sampling_of_test_units_bounds_the_error_from_below() -> None:
    """Two folds of two units with influences ± 0.2 and ± 0.4 on the score of their fold."""
    influence = np.array([[0.2, -0.2, np.nan, np.nan], [np.nan, np.nan, 0.4, -0.4]])
    total, sampling = estimates([0.5, 0.5], [0, 1], 2, influence)
    assert total.error == 0
    assert sampling.error == pytest.approx(math.sqrt(4 / 2 * 2 * (0.1**2 + 0.2**2)))
    assert sampling.freedom == 2
    of_one_seed = components([0.5, 0.5], [0, 1], influence).sampling
    assert of_one_seed == pytest.approx(math.sqrt((2 * 2 * 0.2**2 + 2 * 2 * 0.4**2) / 2))


def test_the_sampling_variance_is_that_of_a_share_of_independent_units() -> None:
    """One row per unit, of either class; the classes differ in how often they are right."""
    random = np.random.default_rng(4)

    def draw() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        code = random.integers(2, size=200)
        true, right = np.eye(2)[code], (random.random(200) < np.where(code, 0.9, 0.6))[:, None]
        predicted = np.where(right, true, 1 - true)
        return true, true * right, predicted

    def macro_f1(true: np.ndarray, hit: np.ndarray, predicted: np.ndarray) -> float:
        return float(np.mean(2 * hit.sum(0) / (true.sum(0) + predicted.sum(0))))

    truth = np.std([macro_f1(*draw()) for _ in range(2000)])
    errors = [estimates([0.5, 0.5], [0, 0], 6, np.stack([unit_influence(*draw())] * 2))[0].error for _ in range(20)]
    assert np.mean(errors) == pytest.approx(truth, rel=0.05)


def test_means_of_folds_are_in_the_order_of_the_folds() -> None:
    assert fold_means([3.0, 1.0, 5.0], [1, 0, 1]) == [1.0, 4.0]


def test_the_influence_is_the_derivative_of_the_mean_over_the_classes_of_the_truth() -> None:
    """Three units; the third class occurs in predictions alone. The weight of each unit grows by a millionth."""
    true = np.array([[2.0, 0, 0], [1, 2, 0], [0, 1, 0]])
    hit = np.array([[1.0, 0, 0], [1, 1, 0], [0, 1, 0]])
    predicted = np.array([[1.0, 0, 1], [1, 1, 1], [0, 1, 0]])

    def macro_f1(weight: np.ndarray) -> float:
        t, h, p = (weight @ part for part in (true, hit, predicted))
        return float((2 * h[0] / (t[0] + p[0]) + 2 * h[1] / (t[1] + p[1])) / 2)

    grown = [(macro_f1(np.ones(3) + step) - macro_f1(np.ones(3))) / 1e-6 for step in 1e-6 * np.eye(3)]
    assert unit_influence(true, hit, predicted) == pytest.approx(grown, abs=1e-5)


def test_a_plan_for_the_repeats_that_there_are_is_the_estimate_itself() -> None:
    values = (np.random.default_rng(3).normal(size=(3, 6)) + np.arange(6)).ravel().tolist()
    influence = np.random.default_rng(4).normal(size=(18, 40))
    influence -= influence.mean(axis=1, keepdims=True)
    arguments = values, [*range(6)] * 3, 6, influence, OF_SCORES
    assert planned(*arguments, repeats=3) == [pytest.approx(e) for e in estimates(*arguments)]


def test_a_plan_of_more_repeats_divides_the_variance_of_the_draws_alone() -> None:
    plan = planned(UNBALANCED, FOLDS, 6, repeats=8)
    assert plan is not None
    covariance = OF_SCORES / 5
    assert plan[0].error ** 2 == pytest.approx(OF_FOLDS / 3 + WITHIN / 24 + covariance * (OF_FOLDS + WITHIN))
    assert plan[1] == (pytest.approx(math.sqrt(WITHIN / 24)), 21)


def test_no_plan_without_a_second_repeat_or_a_second_fold() -> None:
    assert planned([0.1, 0.2, 0.4], [0, 1, 2], 6, repeats=4) is None
    assert planned([0.1, 0.2, 0.4], [0, 0, 0], 6, repeats=4) is None
