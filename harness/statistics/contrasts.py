"""Verdicts on the claims of a board: each claim's contrasts in a fixed sequence, with Holm's correction over claims.

A claim starts with the error rate of 5 % divided by the number of claims. All its contrasts are tested at that level,
each only if the one before it passed; a sequence needs no correction for its length. The level of a claim that is
decided passes to the others (Holm 1979; Bretz, Maurer, Brannath and Posch 2009, a graph of sequences).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from harness.statistics.intervals import (
    CONFIDENCE,
    Interval,
    Sample,
    detectable,
    equivalence_p,
    p_value,
    sign_flip_p,
    t_interval,
)
from harness.statistics.posterior import Posterior, correlated_t

ERROR_RATE = 1 - CONFIDENCE
Verdict = Literal["superior", "inferior", "equivalent", "inconclusive", "not tested"]


@dataclass(frozen=True)
class UntestedClaim:
    """What a claim is judged on.

    Attributes:
        method: the method that makes the claim.
        differences: for each contrast in order, the method compared with, and the paired differences of the score over
            the seeds that both have; None if they share no seed.
        scenarios: scenarios that the scores are over, for display.
        exclusions: scenarios and cells that do not count, in words.
    """

    method: str
    differences: tuple[tuple[str, Sample | None], ...]
    scenarios: tuple[str, ...] = ()
    exclusions: tuple[str, ...] = ()


@dataclass(frozen=True)
class Contrast:
    """One step of the sequence: a method compared with another.

    Attributes:
        other: the method compared with.
        difference: of the score, the claiming method's minus the other's, with its 95 % interval; None if both share
            no seed.
        seeds: number of those seeds.
        p: two-sided p-value of no difference; None for fewer than two seeds.
        equivalence_p: p-value of a difference within the margin, by two one-sided tests; None for fewer than two seeds.
        detectable: true difference that the test at the claim's level would find with 80 % power.
        sign_flip_p: exact p-value, for the first step only.
        posterior: a second view, by the Bayesian correlated t-test. Neither is given if all seeds test the same units.
        passed: whether the method is better at the claim's level; None if the step was not reached or has too few
            seeds.
    """

    other: str
    difference: Interval | None
    seeds: int
    p: float | None
    equivalence_p: float | None
    detectable: float | None
    sign_flip_p: float | None
    posterior: Posterior | None
    passed: bool | None


@dataclass(frozen=True)
class Claim:
    """Verdict on a method's claim, with the contrasts behind it.

    Attributes:
        verdict: superior if every contrast passed. Otherwise the first that did not pass decides: inferior if the
            method is worse at the claim's level, equivalent if the difference is within the margin at 5 %, not tested
            if it is the first contrast and has fewer than two seeds, else inconclusive.
        level: the two-sided level that Holm's correction gave the claim.
        decided_by: the contrast that decided the verdict.
        scenarios: scenarios that the scores were taken over.
        exclusions: scenarios and cells that do not count, in words.
    """

    method: str
    verdict: Verdict
    contrasts: tuple[Contrast, ...]
    level: float
    decided_by: Contrast | None
    scenarios: tuple[str, ...] = ()
    exclusions: tuple[str, ...] = ()


def judge(claims: Sequence[UntestedClaim], margin: float) -> tuple[Claim, ...]:
    """Returns the verdicts on all claims of a board, in their order.

    Args:
        claims: those of one board. A claim whose first contrast has fewer than two seeds is not tested and does not
            count in the correction.
        margin: smallest difference of practical interest.
    """
    levels = _levels(claims)
    return tuple(_judged(claim, levels.get(number, ERROR_RATE), margin) for number, claim in enumerate(claims))


def _levels(claims: Sequence[UntestedClaim]) -> dict[int, float]:
    """Returns the level of each claim that can be tested, by its number."""
    left = {n: claim for n, claim in enumerate(claims) if claim.differences and _testable(claim.differences[0][1])}
    levels: dict[int, float] = {}
    while left:
        level = ERROR_RATE / len(left)
        decided = {n for n, claim in left.items() if _is_decided(claim, level)}
        levels |= dict.fromkeys(decided or left, level)
        left = {n: claim for n, claim in left.items() if n not in levels}
    return levels


def _testable(sample: Sample | None) -> bool:
    return sample is not None and len(sample.values) > 1


def _is_decided(claim: UntestedClaim, level: float) -> bool:
    """Whether every contrast passes at the level, or the first that does not pass shows the method to be worse."""
    for _, sample in claim.differences:
        if sample is None or not _testable(sample) or p_value(sample) > level:
            return False
        if sample.mean <= 0:
            return True
    return True


def _judged(claim: UntestedClaim, level: float, margin: float) -> Claim:
    steps: list[Contrast] = []
    reached = True
    for other, sample in claim.differences:
        steps.append(_contrast(other, sample, margin, level, first=not steps, reached=reached))
        reached = steps[-1].passed is True
    failing = next((step for step in steps if step.passed is not True), None)
    verdict = "superior" if failing is None else _verdict(failing, failing is steps[0], level)
    decided_by = steps[-1] if failing is None else failing
    return Claim(claim.method, verdict, tuple(steps), level, decided_by, claim.scenarios, claim.exclusions)


def _contrast(
    other: str, sample: Sample | None, margin: float, level: float, *, first: bool, reached: bool
) -> Contrast:
    if sample is None:
        return Contrast(other, None, 0, None, None, None, None, None, None)
    testable = _testable(sample)
    p = p_value(sample) if testable else None
    return Contrast(
        other=other,
        difference=t_interval(sample),
        seeds=len(sample.values),
        p=p,
        equivalence_p=equivalence_p(sample, margin) if testable else None,
        detectable=detectable(sample, 1 - level),
        sign_flip_p=sign_flip_p(sample) if first else None,
        posterior=correlated_t(sample, margin),
        passed=None if p is None or not reached else p <= level and sample.mean > 0,
    )


def _verdict(failing: Contrast, first: bool, level: float) -> Verdict:
    """Returns the verdict of the first contrast that did not pass; ``first`` tells whether no other is before it."""
    if failing.p is None or failing.equivalence_p is None or failing.difference is None:
        return "not tested" if first else "inconclusive"
    if failing.p <= level and failing.difference.mean < 0:
        return "inferior"
    return "equivalent" if failing.equivalence_p <= ERROR_RATE else "inconclusive"
