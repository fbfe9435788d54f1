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
    assert metrics.area_under_time([0.9, 0.3, 0.6, 0.0]) == pytest.approx((0.6 + 0.45 + 0.3) / 3)
    with pytest.raises(ValueError, match="at least two windows"):
        metrics.area_under_time([0.5])
