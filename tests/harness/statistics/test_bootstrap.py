"""The vectorised bootstrap against the same resamples computed one by one."""

from dataclasses import replace

import numpy as np
import pytest

from harness.evaluation import metrics
from harness.statistics import bootstrap
from harness.statistics.bootstrap import Counts, EnvironmentCounts, macro_f1, resample

CLASSES = ("x", "y", "z")


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
    scores, _ = sample.scores_and_accuracies(unit_weights, seed_weights)
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
    out = resample(two_methods(), ["bad", "good"], CLASSES, rounds=500)
    low, high = out.interval("good")
    assert low < out.scores[:, 1].mean() < high
    assert out.ranks(["bad", "good"]) == {"bad": (2, 2), "good": (1, 1)}
    assert resample(two_methods(better=0.0), ["bad", "good"], CLASSES, rounds=500).ranks(["good", "bad"])["good"] == (
        1,
        2,
    )


def test_the_worst_group_is_chosen_anew_in_every_round() -> None:
    out = resample(two_methods(), ["good"], CLASSES, rounds=500)
    worst = out.worst("good")
    assert worst is not None
    assert len(out.groups) == 6
    assert worst.accuracy == pytest.approx(out.observed.min())
    assert np.median(out.worst_group) < worst.accuracy  # the minimum of noisy figures lies below the lowest of them
    assert worst.high > worst.accuracy


def test_the_interval_of_the_worst_group_holds_the_truth_where_all_are_alike() -> None:
    """The plain percentile interval, biased twice, never covers it."""
    held = plain = 0
    for number in range(30):
        out = resample(alike(number), ["any"], CLASSES, rounds=200)
        worst = out.worst("any")
        assert worst is not None
        held += worst.low <= 0.7 <= worst.high
        plain += np.percentile(out.worst_group, 97.5) >= 0.7
    assert held >= 27
    assert plain <= 15


def alike(number: int) -> list[EnvironmentCounts]:
    """Four environments of three seeds in which every class is hit with probability 0.7."""
    random = np.random.default_rng(number)
    unit = np.arange(40).repeat(4)
    true = unit % 3
    return [
        EnvironmentCounts(
            f"scenario/{env}",
            seed,
            0.25,
            [f"CVE-{seed}-{i}" for i in range(40)],
            {"any": Counts(unit, true, np.where(random.random(160) < 0.7, true, (true + 1) % 3), np.ones_like(true))},
        )
        for seed in range(3)
        for env in range(4)
    ]


@pytest.mark.filterwarnings("error")
def test_rounds_without_a_row_of_any_group_are_ignored_for_the_worst_group() -> None:
    small = [
        replace(environment, name="rare-class/test")
        for environment in two_methods(units=6, seeds=3)
        if environment.seed
    ]
    worst = resample([*two_methods(units=120, seeds=1), *small], ["good", "bad"], CLASSES, rounds=200).worst("good")
    assert worst
    assert 0 < worst.low <= worst.accuracy <= worst.high < 1


def test_groups_with_few_units_are_ignored() -> None:
    out = resample(two_methods(units=20), ["good"], CLASSES, rounds=10)
    assert out.groups == ()
    assert out.worst("good") is None


def test_the_same_seed_draws_the_same() -> None:
    first, second = (resample(two_methods(), ["good"], CLASSES, rounds=300) for _ in range(2))
    assert np.array_equal(first.scores, second.scores)
