"""The vectorised bootstrap against the same resamples computed one by one."""

import numpy as np
import pytest

from harness.evaluation import metrics
from harness.statistics import bootstrap
from harness.statistics.bootstrap import BootstrapResult, Counts, EnvironmentCounts, macro_f1, resample


def two_methods(units: int = 40, seeds: int = 3, better: float = 0.3) -> list[EnvironmentCounts]:
    """Two environments per seed, disjoint units per seed, two methods of which the first is right more often."""
    random = np.random.default_rng(5)
    out = []
    for seed in range(seeds):
        names = [f"CVE-{seed}-{unit}" for unit in range(units)]
        true = np.repeat(np.arange(units) % 3, 4)
        for env in ("cve-disjoint/test", "planted-95/novel"):
            counts = {}
            for method, skill in (("good", 0.4 + better), ("bad", 0.4)):
                guess = np.where(random.random(len(true)) < skill, true, random.integers(0, 3, len(true)))
                unit = np.repeat(np.arange(units), 4)
                counts[method] = Counts(unit, true, guess, np.ones(len(true), np.int64))
            out.append(EnvironmentCounts(env, seed, 0.5, names, counts))
    return out


def test_macro_f1_of_sums_is_that_of_the_rows() -> None:
    matrix = np.array([[5, 2, 0], [1, 7, 1], [0, 0, 0]])
    sums = [matrix.sum(1), np.diag(matrix), matrix.sum(0)]
    assert macro_f1(*(s.astype(np.float32) for s in sums)) == pytest.approx(metrics.macro_f1(matrix))


def test_a_round_is_the_score_of_the_rows_it_drew() -> None:
    environments = two_methods()
    sample = bootstrap._Sample(environments, ["good", "bad"], 3)
    unit_weights, seed_weights = sample.draw_weights(np.random.default_rng(1), 5)
    scores = sample.scores(unit_weights, seed_weights)
    names = sorted({unit for environment in environments for unit in environment.units})
    for i in range(5):
        expected = 0.0
        for environment in environments:
            counts = environment.counts["good"]
            weights = unit_weights[i, [names.index(environment.units[unit]) for unit in counts.unit]].astype(int)
            rows = np.repeat(np.arange(len(weights)), weights)
            f1 = metrics.macro_f1(metrics.confusion(counts.true[rows], counts.predicted[rows], 3))
            expected += 0.5 * seed_weights[i, environment.seed] * f1
        assert scores[i, 0] == pytest.approx(expected, abs=1e-5)


def test_intervals_hold_the_score_and_ranks_are_of_pairs() -> None:
    out = resample(two_methods(), ["bad", "good"], 3, rounds=500)
    low, high = out.interval("good")
    assert low < out.scores[:, 1].mean() < high
    assert out.ranks(["bad", "good"]) == {"bad": (2, 2), "good": (1, 1)}
    assert resample(two_methods(better=0.0), ["bad", "good"], 3, rounds=500).ranks(["good", "bad"])["good"] == (
        1,
        2,
    )


def test_the_interval_is_centred_on_the_observed_score() -> None:
    """Rounds of 0.30 to 0.70 around 0.50, and a score of 0.60: the percentiles move by 0.10."""
    rounds = np.linspace(0.3, 0.7, 41, dtype=np.float32)[:, None]
    out = BootstrapResult(("any",), rounds, np.array([0.6], np.float32))
    assert out.interval("any") == pytest.approx((0.41, 0.79), abs=1e-6)


def test_the_same_seed_draws_the_same() -> None:
    first, second = (resample(two_methods(), ["good"], 3, rounds=300) for _ in range(2))
    assert np.array_equal(first.scores, second.scores)
