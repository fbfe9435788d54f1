"""Coverage, false positives and power in simulations; docs/statistics.md holds the tables of a full run."""

import os

import numpy as np
import pytest

from tests.harness.statistics.simulation import DESIGNS, report, simulate

FULL = os.environ.get("HARNESS_FULL_ROUNDS") == "1"
WORLDS = 500 if FULL else 120
NOISE = 1.5 if FULL else 4  # percentage points that so many worlds may be off by


@pytest.fixture(scope="module")
def figures() -> dict[str, float]:
    return report(simulate(range(WORLDS)))


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize("what", ["score", "difference"])
def test_intervals_of_95_percent_hold_the_truth_in_93_to_97(figures: dict[str, float], design: str, what: str) -> None:
    assert 93 - NOISE <= figures[f"{design}, {what}: coverage"] <= 97 + NOISE


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_repeats_and_folds_make_intervals_narrower(figures: dict[str, float]) -> None:
    widths = [figures[f"{design}, difference: half-width"] for design in ("6 folds", "6 folds x 2", "6 folds x 3")]
    assert widths == sorted(widths, reverse=True)
    assert widths[2] < 0.85 * widths[0]


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_untrue_claims_are_rarely_superior(figures: dict[str, float]) -> None:
    assert figures["ten untrue claims: any superior"] <= 2.5 + NOISE
    assert figures["ten untrue claims: any superior or inferior"] <= 5 + NOISE
    for design in ("6 folds", "6 folds x 2", "6 folds x 3"):
        assert figures[f"{design}, no difference: superior"] <= 2.5 + NOISE
        assert figures[f"{design}, 2.5 points worse: superior"] <= 1


@pytest.mark.slow
@pytest.mark.timeout(3600)
def test_power_grows_with_the_difference_and_with_repeats(figures: dict[str, float]) -> None:
    for design in ("6 folds", "6 folds x 3"):
        power = [figures[f"{design}, {size} better: superior"] for size in ("1 point", "2.5 points", "5 points")]
        assert power == sorted(power)
    assert figures["6 folds x 3, 2.5 points better: superior"] > figures["6 folds, 2.5 points better: superior"]
    assert figures["6 folds x 3, 5 points worse: inferior"] >= 60


def test_a_small_simulation_covers_and_repeats_narrow() -> None:
    """A reduced version of the above: 20 worlds, too few to tell 90 from 97 %, enough to see an interval collapse."""
    figures = report(simulate(range(20), designs=("6 folds", "6 folds x 2"), board=False))
    for design in ("6 folds", "6 folds x 2"):
        assert figures[f"{design}, score: coverage"] >= 80
        assert figures[f"{design}, difference: coverage"] >= 80
    assert figures["6 folds x 2, difference: half-width"] < figures["6 folds, difference: half-width"]


def test_a_world_is_the_same_however_often_it_is_drawn() -> None:
    first, second = (simulate([7], designs=("6 folds",), board=False)[0] for _ in range(2))
    assert first == second
    assert np.isfinite([interval.half_width or 0 for interval in first.intervals.values()]).all()
