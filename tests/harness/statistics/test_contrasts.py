"""A claim's verdict, step by step, and letters."""

from itertools import combinations

from hypothesis import given
from hypothesis import strategies as st

from harness.statistics.contrasts import judge
from harness.statistics.letters import different_pairs, letters

BASE = [0.50, 0.52, 0.47, 0.55, 0.49, 0.51]
NOISE = [0.004, -0.003, 0.002, -0.004, 0.003, -0.002]


def by_seed(shift: float, spread: float = 1.0) -> dict[int, float]:
    return {seed: b + shift + spread * e for seed, (b, e) in enumerate(zip(BASE, NOISE, strict=True))}


def test_a_claim_is_confirmed_when_every_contrast_passes() -> None:
    claim = judge(
        "ours", ["a", "b"], {"ours": by_seed(0.05), "a": by_seed(0, 0), "b": by_seed(0.02, 0)}, folds=6, margin=0.01
    )
    assert claim.verdict == "confirmed"
    assert [step.passed for step in claim.contrasts] == [True, True]
    assert claim.contrasts[0].sign_flip_p == 2 / 64
    assert claim.contrasts[1].sign_flip_p is None


def test_a_contrast_is_not_tested_once_one_before_it_failed() -> None:
    claim = judge(
        "ours", ["a", "b"], {"ours": by_seed(0.0), "a": by_seed(0, 0), "b": by_seed(-0.2, 0)}, folds=6, margin=0.01
    )
    assert [step.passed for step in claim.contrasts] == [False, None]
    assert claim.contrasts[1].difference is not None
    assert claim.verdict == "refuted"  # a point's gain is outside the interval
    assert claim.decided_by is claim.contrasts[0]


def test_a_wide_interval_leaves_it_undecided_and_says_what_would_have_been_seen() -> None:
    claim = judge("ours", ["a"], {"ours": by_seed(0.005, 5), "a": by_seed(0, 0)}, folds=6, margin=0.01)
    assert claim.verdict == "undecided"
    assert claim.contrasts[0].detectable is not None
    assert claim.contrasts[0].detectable > 0.01


def test_a_contrast_without_figures_leaves_the_rest_untested() -> None:
    scores = {"ours": by_seed(0.05), "a": by_seed(0, 0)}
    assert judge("ours", ["b", "a"], scores, folds=6, margin=0.01).verdict == "not tested"
    assert judge("ours", ["a", "b"], scores, folds=6, margin=0.01).verdict == "undecided"
    assert judge("ours", ["a"], {"ours": {0: 0.5}, "a": {0: 0.4}}, folds=6, margin=0.01).verdict == "not tested"


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
    scores = {"best": list(by_seed(0.2).values()), "close": list(by_seed(0.2, -1).values()), "far": BASE}
    assert letters(["best", "close", "far"], different_pairs(scores, folds=6)) == {
        "best": "a",
        "close": "a",
        "far": "b",
    }
