"""The worst tenth, the cross-fitted choice and its interval against SciPy and against figures computed by hand."""

import numpy as np
import pytest
from scipy import stats

from harness.statistics.worst_case import (
    clopper_pearson,
    cross_fitted_choice,
    design_effect,
    worst_group,
    worst_tenth,
)


def test_the_worst_tenth_is_the_mean_over_a_tenth_of_the_groups_rounded_up() -> None:
    """Twelve groups of ten rows and one without rows: the two with 1 and 2 hits are the worst tenth."""
    hits = np.array([5, 2, 9, 8, 7, 0, 6, 1, 9, 9, 9, 9, 9])
    rows = np.array([10, 10, 10, 10, 10, 0, 10, 10, 10, 10, 10, 10, 10])
    value, groups = worst_tenth(hits, rows)
    assert value == pytest.approx(0.15)
    assert sorted(groups.tolist()) == [1, 7]


def test_the_worst_tenth_of_up_to_ten_groups_is_the_worst_one() -> None:
    assert worst_tenth(np.array([3, 1, 2]), np.array([4, 4, 4]))[0] == 0.25
    assert worst_tenth(np.array([1] * 10), np.array([2] * 9 + [4]))[0] == 0.25


def test_a_group_without_rows_is_not_counted_in_the_tenth() -> None:
    """Ten groups with rows, whose tenth is one group, and five without."""
    hits, rows = np.array([3, *([5] * 9), *([0] * 5)]), np.array([*([10] * 10), *([0] * 5)])
    value, groups = worst_tenth(hits, rows)
    assert value == pytest.approx(0.3)
    assert groups.tolist() == [0]


def test_a_group_is_chosen_on_the_other_folds() -> None:
    """Group 0 is the worst in folds 0 and 2 together, group 2 in folds 1 and 3: each half chooses for the other."""
    rows = np.full((4, 3), 10)
    hits = np.array([[0, 8, 9], [9, 8, 5], [9, 8, 9], [9, 8, 4]])
    assert cross_fitted_choice(hits, rows) == [2, 0, 2, 0]


def test_a_group_without_rows_in_one_half_is_not_chosen() -> None:
    rows = np.array([[0, 10, 10], [10, 10, 0]])
    assert cross_fitted_choice(np.array([[0, 5, 5], [1, 5, 0]]), rows) == [1, 1]
    assert cross_fitted_choice(np.array([[5]]), np.array([[10]])) == [None]


def test_one_row_in_either_half_makes_a_group_a_candidate() -> None:
    rows = np.array([[1, 10], [1, 10]])
    assert cross_fitted_choice(np.array([[0, 5], [0, 5]]), rows) == [0, 0]


def test_the_interval_is_that_of_fewer_rows_which_need_not_be_a_whole_number() -> None:
    """Three units with 3, 1 and 0 hits of 4 rows: the residuals are 5/3, -1/3 and -4/3, the share is 1/3."""
    effect = (25 + 1 + 16) / 9 * 3 / 2 / 12**2 * 12 / (1 / 3 * 2 / 3)
    found = worst_group(["a"], [3, 1, 0], [4, 4, 4])
    assert found is not None
    assert found.design_effect == pytest.approx(effect)
    hits, misses = 4 / effect, 8 / effect
    assert found.low == pytest.approx(stats.beta.ppf(0.025, hits, misses + 1))
    assert found.high == pytest.approx(stats.beta.ppf(0.975, hits + 1, misses))


def test_the_interval_is_scipys_for_independent_rows() -> None:
    """Twenty units with one row each."""
    hits = [1] * 6 + [0] * 14
    found = worst_group(["b", "a", "b"], hits, [1] * 20)
    assert found is not None
    assert (found.names, found.accuracy) == (("a", "b"), 0.3)
    effect = 20 / 19  # the variance of 20 units with the divisor 19
    assert found.design_effect == pytest.approx(effect)
    assert clopper_pearson(6, 20) == pytest.approx(tuple(stats.binomtest(6, 20).proportion_ci(method="exact")))
    assert (found.low, found.high) == pytest.approx(clopper_pearson(6 / effect, 20 / effect))


def test_rows_of_a_unit_that_are_all_alike_count_as_one() -> None:
    """Ten units of four rows, four of them with all hits: the design effect is 4 times 10 / 9."""
    hits = [4] * 4 + [0] * 6
    assert design_effect(hits, [4] * 10) == pytest.approx(4 * 10 / 9)
    spread_out = [2, 1, 2, 1, 2, 2, 1, 2, 1, 2]
    assert design_effect([2, 1], [4, 4]) == 1
    assert design_effect(spread_out, [4] * 10) == 1  # more even than independent rows would be


def test_without_a_hit_the_interval_still_has_a_width() -> None:
    found = worst_group(["a"] * 6, [0] * 10, [3] * 10)
    assert found is not None
    assert (found.low, found.design_effect) == (0, 3)
    assert found.high == pytest.approx(1 - 0.025 ** (1 / 10))  # ten rows without a hit
    assert worst_group(["a"], [3] * 4, [3] * 4).high == 1  # type: ignore[union-attr]
    assert worst_group([], [], []) is None


def test_the_named_group_is_not_biased_where_all_groups_are_equal() -> None:
    """The accuracy of the lowest of 40 equal groups is far below the true one; the cross-fitted one is not."""
    random = np.random.default_rng(2)
    covered = naive = 0
    for _ in range(100):
        rows = np.full((6, 40), 20)
        hits = random.binomial(20, 0.7, (6, 40))
        choice = cross_fitted_choice(hits, rows)
        own = [int(hits[fold, group]) for fold, group in enumerate(choice) if group is not None]
        low, high = clopper_pearson(sum(own), 120)
        covered += low <= 0.7 <= high
        lowest = int(hits.sum(axis=0).min())
        naive += clopper_pearson(lowest, 120)[1] >= 0.7
    assert covered >= 92
    assert naive <= 50
