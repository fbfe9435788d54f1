"""Coverage, false positives and power in simulations; docs/statistics.md holds the table of a full run."""

import os

import pytest

from tests.harness.statistics.simulation import Simulation, report, simulate

FULL = os.environ.get("HARNESS_FULL_ROUNDS") == "1"
REPLICATES = 1000 if FULL else 150
NOISE = 0 if FULL else 4  # percentage points that 150 replicates may be off by


@pytest.fixture(scope="module")
def figures() -> dict[str, float]:
    return report(simulate(REPLICATES))


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_intervals_of_95_percent_hold_the_truth_in_93(figures: dict[str, float]) -> None:
    for seeds in (6, 10):
        assert figures[f"coverage, {seeds} seeds"] >= 93 - NOISE
        assert figures[f"coverage of a difference of 0, {seeds} seeds"] >= 93 - NOISE
        assert figures[f"coverage, {seeds} seeds, bootstrap"] >= 93 - NOISE


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_no_more_than_5_and_a_half_percent_of_claims_hold_without_a_difference(figures: dict[str, float]) -> None:
    assert figures["first contrast held, no difference"] <= 5.5 + NOISE
    assert figures["any false contrast held, after one of 5 points"] <= 5.5 + NOISE


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_power_grows_with_the_difference(figures: dict[str, float]) -> None:
    power = [figures[f"power, {size}"] for size in ("1 point", "2.5 points", "5 points")]
    assert power == sorted(power)
    assert power[-1] >= 60 - NOISE
    assert figures["refuted, 5 points"] <= 1 + NOISE


def test_a_replicate_is_the_same_however_often_it_is_drawn() -> None:
    first, second = simulate(1), simulate(1)
    assert isinstance(first, Simulation)
    assert first.scores == second.scores
    assert first.bootstrapped == second.bootstrapped
