"""Verdicts on claims, step by step and over all claims of a board, and letters."""

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from harness.statistics.components import OF_DIFFERENCES
from harness.statistics.contrasts import Claim, UntestedClaim, judge
from harness.statistics.intervals import Sample, p_value
from harness.statistics.letters import different_pairs, letters

NOISE = [0.004, -0.003, 0.002, -0.004, 0.003, -0.002]  # its mean is 0


def differences(mean: float, spread: float = 1.0) -> Sample:
    return Sample([mean + spread * noise for noise in NOISE], range(6), 6, dependence=OF_DIFFERENCES)


def with_p(p: float, sign: float = 1.0) -> Sample:
    """Differences whose two-sided p-value is p."""
    error = 9 * np.std(NOISE, ddof=1) * math.sqrt(1 / 6 + OF_DIFFERENCES / 5)
    return differences(sign * float(stats.t.isf(p / 2, 5) * error), spread=9)


def claims(*samples: Sequence[Sample | None]) -> tuple[Claim, ...]:
    """The verdicts on claims with these differences from their contrasts."""
    untested = [
        UntestedClaim(f"method {n}", tuple((f"other {i}", sample) for i, sample in enumerate(own)))
        for n, own in enumerate(samples)
    ]
    return judge(untested, margin=0.01)


def test_a_claim_is_superior_when_every_contrast_passes() -> None:
    (claim,) = claims([differences(0.05), differences(0.03)])
    assert claim.verdict == "superior"
    assert [step.passed for step in claim.contrasts] == [True, True]
    assert [step.sign_flip_p for step in claim.contrasts] == [2 / 64, None]
    assert claim.decided_by is claim.contrasts[1]


def test_a_contrast_is_not_tested_once_one_before_it_failed() -> None:
    (claim,) = claims([differences(0.0, 5), differences(-0.2)])
    assert [step.passed for step in claim.contrasts] == [False, None]
    assert claim.contrasts[1].difference is not None
    assert claim.verdict == "inconclusive"
    assert claim.decided_by is claim.contrasts[0]


def test_harm_and_no_gain_have_verdicts_of_their_own() -> None:
    verdicts = [claims([sample])[0].verdict for sample in (differences(-0.03), differences(0.0), differences(0.0, 5))]
    assert verdicts == ["inferior", "equivalent", "inconclusive"]


def test_equivalence_is_decided_at_5_percent() -> None:
    """The 90 % interval ends at 0.0099 and at 0.0101."""
    half = stats.t.ppf(0.95, 5) * np.std(NOISE, ddof=1) * math.sqrt(1 / 6 + OF_DIFFERENCES / 5)
    inside, outside = (claims([differences(0.001, (edge - 0.001) / half)])[0] for edge in (0.0099, 0.0101))
    assert (inside.verdict, outside.verdict) == ("equivalent", "inconclusive")
    assert inside.contrasts[0].equivalence_p == pytest.approx(0.05, abs=0.002)


def test_a_small_gain_that_is_certain_is_superior_and_not_equivalent() -> None:
    (claim,) = claims([differences(0.005, 0.2)])
    assert claim.verdict == "superior"
    assert (claim.contrasts[0].equivalence_p or 1) < 0.05


def test_a_wide_interval_is_inconclusive_and_says_what_would_have_been_seen() -> None:
    (claim,) = claims([differences(0.005, 5)])
    assert claim.verdict == "inconclusive"
    assert claim.contrasts[0].detectable is not None
    assert claim.contrasts[0].detectable > 0.01


def test_a_contrast_without_figures_leaves_the_rest_untested() -> None:
    assert claims([None, differences(0.05)])[0].verdict == "not tested"
    assert claims([differences(0.05), None])[0].verdict == "inconclusive"
    assert claims([Sample([0.1], [0], 6)])[0].verdict == "not tested"


def test_no_contrast_is_tested_after_one_that_could_not_be() -> None:
    for first in (None, Sample([0.1], [0], 6)):
        (claim,) = claims([first, differences(0.05)])
        assert [step.passed for step in claim.contrasts] == [None, None]
    (claim,) = claims([differences(0.0, 5), differences(0.05), differences(0.05)])
    assert [step.passed for step in claim.contrasts] == [False, None, None]


def test_harm_is_decided_at_the_level_of_the_claim() -> None:
    """A p-value of 0.03 is enough for one claim, and not for one of two that are both undecided."""
    assert claims([with_p(0.03, sign=-1)])[0].verdict == "inferior"
    worse, _ = claims([with_p(0.03, sign=-1)], [with_p(0.5)])
    assert (worse.verdict, worse.level) == ("inconclusive", pytest.approx(0.025))


def test_the_detectable_difference_is_found_with_80_percent_at_the_level_of_the_claim() -> None:
    error = 5 * np.std(NOISE, ddof=1) * math.sqrt(1 / 6 + OF_DIFFERENCES / 5)
    for claim in claims([differences(0.005, 5)], [differences(0.004, 5)]):
        assert claim.level == pytest.approx(0.025)
        found = claim.contrasts[0].detectable
        assert found is not None
        assert stats.nct.sf(stats.t.ppf(1 - 0.025 / 2, 5), 5, found / error) == pytest.approx(0.8)


def test_holms_correction_is_over_the_claims_of_a_board() -> None:
    """At 5 % each, all three would be superior; the smallest p-value is above 0.05 / 3."""
    assert [p_value(with_p(p)) for p in (0.02, 0.03)] == pytest.approx([0.02, 0.03])
    assert {c.verdict for c in claims([with_p(0.02)], [with_p(0.03)], [with_p(0.04)])} == {"inconclusive"}
    assert [c.level for c in claims([with_p(0.02)], [with_p(0.03)], [with_p(0.04)])] == pytest.approx([0.05 / 3] * 3)


def test_the_level_of_a_decided_claim_passes_to_the_others() -> None:
    """0.01 is below 0.05 / 3, so 0.02 is compared with 0.05 / 2, and 0.04 with 0.05. Harm is a decision too."""
    decided = claims([with_p(0.04)], [with_p(0.01, sign=-1)], [with_p(0.02)])
    assert [c.verdict for c in decided] == ["superior", "inferior", "superior"]
    assert [c.level for c in decided] == pytest.approx([0.05, 0.05 / 3, 0.05 / 2])


def test_every_contrast_of_a_claim_is_tested_at_the_level_of_the_claim() -> None:
    """The second contrast has p = 0.03: enough once the other claim is decided, and not before."""
    sequence = [differences(0.1), with_p(0.03)]
    assert [c.verdict for c in claims(sequence, [with_p(0.01)])] == ["superior", "superior"]
    first, _ = claims(sequence, [with_p(0.5)])
    assert (first.verdict, [step.passed for step in first.contrasts]) == ("inconclusive", [True, False])


def test_claims_that_cannot_be_tested_do_not_count_in_the_correction() -> None:
    assert claims([with_p(0.04)], [None], [Sample([0.1], [0], 6)])[0].verdict == "superior"


def test_no_claims_have_no_verdicts() -> None:
    assert judge([], margin=0.01) == ()


@given(st.integers(1, 7), st.data())
def test_methods_share_a_letter_if_and_only_if_they_do_not_differ(count: int, data: st.DataObject) -> None:
    names = [f"m{i}" for i in range(count)]
    pairs = [frozenset(pair) for pair in combinations(names, 2)]
    different = {pair for pair in pairs if data.draw(st.booleans())}
    found = letters(names, different)
    assert all(found.values())
    for pair in pairs:
        a, b = pair
        assert bool(set(found[a]) & set(found[b])) == (pair not in different)


def test_the_best_method_has_the_letter_a_and_close_ones_share_it() -> None:
    scores = {"best": differences(0.7), "close": differences(0.7, -1), "far": differences(0.5, 0)}
    assert letters(["best", "close", "far"], different_pairs(scores)) == {"best": "a", "close": "a", "far": "b"}


def test_letters_are_corrected_for_the_number_of_pairs() -> None:
    """Of three pairs two have a p-value of 0.03, below 0.05 and above 0.05 / 3: alone it is significant."""
    zero, up = differences(0, 0), with_p(0.03)
    also_up = up._replace(values=[2 * up.mean - value for value in up.values])
    assert [p_value(other.minus(zero)) for other in (up, also_up)] == pytest.approx([0.03, 0.03])
    assert different_pairs({"zero": zero, "up": up}) == {frozenset(("zero", "up"))}
    assert different_pairs({"zero": zero, "up": up, "also up": also_up}) == set()


def test_each_further_pair_is_compared_with_a_larger_level() -> None:
    """Of three pairs one has p = 0.006 and two have 0.02: above 0.05 / 3, and below 0.05 / 2 and 0.05."""
    zero, low = differences(0, 0), with_p(0.02)
    steps = [low.values[i] for i in (1, 0, 3, 2, 5, 4)]  # the same mean and spread in another order
    high = low._replace(values=[value + step for value, step in zip(low.values, steps, strict=True)])
    p_values = sorted(p_value(a.minus(b)) for a, b in combinations((zero, low, high), 2))
    assert p_values[0] < 0.05 / 3
    assert p_values[1:] == pytest.approx([0.02, 0.02])
    assert len(different_pairs({"zero": zero, "low": low, "high": high})) == 3
