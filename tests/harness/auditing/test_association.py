import numpy as np
import pytest
from scipy.sparse import csc_array
from scipy.stats import false_discovery_control, fisher_exact
from sklearn.metrics import mutual_info_score

from harness.auditing.association import Association, newcombe, wilson
from harness.auditing.attributes import Attribute
from harness.auditing.incidence import Incidence


@pytest.fixture
def random_counts() -> tuple[np.ndarray, np.ndarray, Association]:
    rng = np.random.default_rng(3)
    has, labels = rng.integers(0, 2, (60, 5)), rng.integers(0, 3, 60)
    names = tuple(Attribute("text", bytes([i])) for i in range(5))
    return has, labels, Association.of(Incidence(names, csc_array(has.astype(np.int32))), labels, 3)


def test_bits_are_the_mutual_information(random_counts: tuple[np.ndarray, np.ndarray, Association]) -> None:
    has, labels, association = random_counts
    for k in range(3):
        for i in range(5):
            expected = mutual_info_score(labels == k, has[:, i]) / np.log(2)
            assert association.bits[k, i] == pytest.approx(expected, abs=1e-12)


def test_an_attribute_that_is_the_class_has_strength_one() -> None:
    labels = np.repeat([0, 1, 2], 10)
    has = (labels[:, None] == np.arange(3)).astype(np.int32)
    names = tuple(Attribute("text", bytes([i])) for i in range(3))
    strength = Association.of(Incidence(names, csc_array(has)), labels, 3).strength
    assert np.diag(strength) == pytest.approx(1)
    assert (strength[~np.eye(3, dtype=bool)] < 0.5).all()


def test_p_values_are_fishers_adjusted_over_all_tests(
    random_counts: tuple[np.ndarray, np.ndarray, Association],
) -> None:
    has, labels, association = random_counts
    plain = np.array(
        [
            [
                fisher_exact(
                    [[np.sum(a & o) for a in (h == 1, h == 0)] for o in (labels == k, labels != k)], "greater"
                ).pvalue
                for h in has.T
            ]
            for k in range(3)
        ]
    )
    assert association.adjusted_p_values() == pytest.approx(false_discovery_control(plain.ravel()).reshape(3, 5))


def test_intervals_are_wilsons_and_newcombes() -> None:
    # Newcombe 1998 (Statistics in Medicine 17), method 10: 56/70 against 48/80; Wilson 1927: 15 of 148
    assert newcombe(56, 70, 48, 80) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    assert wilson(15, 148) == pytest.approx((0.0624, 0.1605), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)
