import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from harness.evaluation import metrics


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60))
def test_macro_f1_is_scikit_learns_over_the_classes_in_the_truth(pairs: list[tuple[int, int]]) -> None:
    truth, predicted = np.array(pairs).T
    ours = metrics.macro_f1(metrics.confusion(truth, predicted, 5))
    theirs = f1_score(truth, predicted, labels=sorted(set(truth.tolist())), average="macro", zero_division=0)
    assert ours == pytest.approx(theirs)


@pytest.mark.parametrize(
    ("table", "complaint"),
    [
        ([[0.5, 0.5]], "list"),
        (np.ones((2, 3)) / 3, "shape"),
        (np.array([[np.nan, 1.0], [0.5, 0.5]]), "NaN"),
        (np.array([[1.5, -0.5], [0.5, 0.5]]), "negative"),
        (np.array([[0.5, 0.4], [0.5, 0.5]]), "summing"),
    ],
)
def test_a_table_that_is_no_probability_table_is_refused(table: object, complaint: str) -> None:
    with pytest.raises(metrics.PredictionError, match=complaint):
        metrics.check_probabilities(table, 2, 2)


def test_worst_group_ignores_absent_groups() -> None:
    assert metrics.worst_group_accuracy(np.array([True, False, True, True]), np.array([0, 0, 3, 3])) == 0.5


def test_area_under_time_is_the_trapezoidal_mean_over_windows() -> None:
    assert metrics.area_under_time([0.8, 0.8, 0.8, 0.8]) == pytest.approx(0.8)
    assert metrics.area_under_time([1.0, 0.5, 0.0]) == pytest.approx(0.5)
    assert metrics.area_under_time([1.0, 0.0, 0.0]) == pytest.approx(0.25)  # the first and last windows weigh half
    assert metrics.area_under_time([0.9, 0.3, 0.6, 0.0]) == pytest.approx((0.6 + 0.45 + 0.3) / 3)
    with pytest.raises(ValueError, match="at least two windows"):
        metrics.area_under_time([0.5])


def test_the_harmonic_mean_is_near_the_lower_share_and_0_without_one() -> None:
    assert metrics.harmonic_mean(0.8, 0.2) == pytest.approx(0.32)
    assert metrics.harmonic_mean(0.8, 0.0) == metrics.harmonic_mean(0.0, 0.0) == 0


def test_a_class_that_the_truth_lacks_counts_in_no_mean() -> None:
    """Two of three rows of the first class and one of two of the second are right; the third occurs as a guess."""
    matrix = np.array([[2, 0, 1], [1, 1, 0], [0, 0, 0]])
    assert metrics.balanced_accuracy(matrix) == pytest.approx((2 / 3 + 1 / 2) / 2)
    assert metrics.macro_f1(matrix) == pytest.approx((4 / 6 + 2 / 3) / 2)
    assert metrics.accuracy(matrix) == pytest.approx(3 / 5)


def test_confidences_fall_into_15_bins_and_1_into_the_last() -> None:
    table = np.array([[1.0, 0.0], [0.5, 0.5], [0.96, 0.04], [0.59, 0.41]], np.float32)
    assert metrics.confidence_bins(table).tolist() == [14, 7, 14, 8]


def test_occlusion_is_of_the_class_predicted_for_the_whole_payload() -> None:
    """The first class falls by 0.5 without the attack and by 0.1 with the attack alone; a rise counts as 0."""
    whole, without, alone = (np.array([row], np.float32) for row in ([0.6, 0.4], [0.1, 0.9], [0.5, 0.5]))
    attack, carrier = metrics.occlusion(whole, without, alone)
    assert (attack[0], carrier[0]) == (pytest.approx(0.5), pytest.approx(0.1))
    assert metrics.occlusion(whole, np.array([[0.9, 0.1]], np.float32), alone)[0][0] == 0
    assert metrics.share_of(0.5, 0.1) == pytest.approx(5 / 6)
