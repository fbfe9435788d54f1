"""Verdict on a method's claim: its contrasts are tested in a fixed sequence, each only if the one before it passed.

A fixed sequence keeps the error rate of the whole claim at that of one test, so its steps need no correction.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from harness.statistics.intervals import Influence, Interval, detectable, paired, sign_flip_p
from harness.statistics.posterior import Posterior, correlated_t

Verdict = Literal["confirmed", "refuted", "undecided", "not tested"]
Influences = Mapping[str, Mapping[int, npt.NDArray[np.float64]]]  # of the shared test units, by method and seed


@dataclass(frozen=True)
class Contrast:
    """One step of the sequence: a method compared with another.

    Attributes:
        other: the method compared with.
        difference: of the score, the claiming method's minus the other's, over seeds that both have; None if both
            share no seed.
        seeds: number of those seeds.
        detectable: true difference that the test would find with 80 % power.
        sign_flip_p: exact p-value, for the first step only and for no more seeds than there are folds.
        posterior: a second view, by the Bayesian correlated t-test. Neither is given if all seeds test the same units.
        passed: whether the lower bound of the difference is above zero; None if the step was not reached or has too
            few seeds.
    """

    other: str
    difference: Interval | None
    seeds: int
    detectable: float | None
    sign_flip_p: float | None
    posterior: Posterior | None
    passed: bool | None


@dataclass(frozen=True)
class Claim:
    """Verdict on a method's claim, with the contrasts behind it.

    Attributes:
        verdict: confirmed if every contrast passed; refuted if, at the first contrast that did not pass, a gain of
            the margin is outside the interval; not tested if the first contrast shares fewer than two seeds with the
            method; else undecided.
        decided_by: the contrast that decided the verdict.
        scenarios: scenarios that the scores were taken over.
        exclusions: cells that do not count because a contrast failed there, in words.
    """

    method: str
    verdict: Verdict
    contrasts: tuple[Contrast, ...]
    decided_by: Contrast | None
    scenarios: tuple[str, ...] = ()
    exclusions: tuple[str, ...] = ()


def judge(
    method: str,
    others: Sequence[str],
    scores: Mapping[str, Mapping[int, float]],
    folds: int,
    margin: float,
    scenarios: tuple[str, ...] = (),
    exclusions: tuple[str, ...] = (),
    influences: Influences | None = None,
) -> Claim:
    """Tests a method against its contrasts in their order, and returns the verdict.

    Args:
        method: the method that makes the claim.
        others: methods of its contrasts, in order.
        scores: score by seed, by method; methods without a score are absent.
        folds: number of disjoint parts of the units that seeds test.
        margin: smallest difference of practical interest.
        scenarios: of the scores, kept for display.
        exclusions: see `Claim`.
        influences: of the test units, if all seeds test the same ones; empty otherwise.
    """
    steps: list[Contrast] = []
    reached = True
    for other in others:
        ours, theirs = scores.get(method, {}), scores.get(other, {})
        seeds = sorted(set(ours) & set(theirs))
        influence = influence_of_difference(influences, method, other, seeds)
        pair = [ours[seed] for seed in seeds], [theirs[seed] for seed in seeds]
        step = _contrast(other, *pair, folds, margin, not steps, reached, influence)
        steps.append(step)
        reached = step.passed is True
    verdict, decided_by = _verdict(steps, margin)
    return Claim(method, verdict, tuple(steps), decided_by, scenarios, exclusions)


def influence_of_difference(
    influences: Influences | None, method: str, other: str, seeds: Sequence[int]
) -> Influence | None:
    """Returns the influence of the shared test units on one method's score minus another's; None without any."""
    if not influences or not seeds:
        return None
    return np.stack([influences[method][seed] - influences[other][seed] for seed in seeds])


def _contrast(
    other: str,
    ours: Sequence[float],
    theirs: Sequence[float],
    folds: int,
    margin: float,
    first: bool,
    reached: bool,
    influence: Influence | None,
) -> Contrast:
    if not ours:
        return Contrast(other, None, 0, None, None, None, None)
    difference = paired(ours, theirs, folds, influence=influence)
    # Seeds beyond the folds, and seeds that test the same units, do not have independent signs.
    independent = influence is None and len(ours) <= folds
    return Contrast(
        other=other,
        difference=difference,
        seeds=len(ours),
        detectable=detectable([x - y for x, y in zip(ours, theirs, strict=True)], folds, influence=influence),
        sign_flip_p=sign_flip_p(ours, theirs) if first and independent else None,
        posterior=correlated_t(ours, theirs, folds, margin) if influence is None else None,
        passed=difference.low > 0 if reached and len(ours) > 1 else None,
    )


def _verdict(steps: Sequence[Contrast], margin: float) -> tuple[Verdict, Contrast | None]:
    failing = next((step for step in steps if step.passed is not True), None)
    if failing is None:
        return "confirmed", steps[-1] if steps else None
    if failing.passed is None:
        return "not tested" if failing is steps[0] else "undecided", failing
    refuted = failing.difference is not None and failing.difference.high < margin
    return "refuted" if refuted else "undecided", failing
