"""A claim against its contrasts: each is tested only when the one before held, so no correction is needed."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from harness.statistics.intervals import Interval, detectable, paired, sign_flip_p
from harness.statistics.posterior import Posterior, correlated_t

Verdict = Literal["confirmed", "refuted", "undecided", "not tested"]
MARGIN = 0.01  # a difference whose upper bound is below this is none worth having


@dataclass(frozen=True)
class Contrast:
    """One step of the sequence.

    Attributes:
        other: the method compared with.
        difference: of the score, ours minus theirs, over seeds that both have; None where there is none.
        seeds: how many those are.
        detectable: the difference that would have been found with 80 % power.
        sign_flip_p: exact, beside the first step only, and of no more seeds than there are folds.
        posterior: a second view, by the Bayesian correlated t-test.
        held: the lower bound is above zero; None where the step was not reached or has no figures.
    """

    other: str
    difference: Interval | None
    seeds: int
    detectable: float | None
    sign_flip_p: float | None
    posterior: Posterior | None
    held: bool | None


@dataclass(frozen=True)
class Claim:
    """What became of a method's claim.

    Attributes:
        verdict: confirmed where every contrast held; refuted where at the first that did not, a gain of `MARGIN` is
            outside the interval; else undecided; not tested where the first contrast shares fewer than two seeds.
        decided_by: the contrast that the verdict hangs on.
        scenarios: over which the scores were taken.
        left_out: cells that are not among them since a contrast failed there, in words.
    """

    method: str
    verdict: Verdict
    contrasts: tuple[Contrast, ...]
    decided_by: Contrast | None
    scenarios: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


def judge(
    method: str,
    others: Sequence[str],
    scores: Mapping[str, Mapping[int, float]],
    folds: int,
    scenarios: tuple[str, ...] = (),
    left_out: tuple[str, ...] = (),
) -> Claim:
    """Tests a method against its contrasts in their order.

    Args:
        method: the one that claims.
        others: its contrasts, in order.
        scores: score by seed, by method; methods without one are not in it.
        folds: disjoint parts of the units that seeds test.
        scenarios: of the scores, to be named.
        left_out: see `Claim`.
    """
    steps: list[Contrast] = []
    reached = True
    for other in others:
        step = _contrast(scores.get(method, {}), other, scores.get(other, {}), folds, not steps, reached)
        steps.append(step)
        reached = step.held is True
    verdict, decided_by = _verdict(steps)
    return Claim(method, verdict, tuple(steps), decided_by, scenarios, left_out)


def _contrast(
    ours: Mapping[int, float], other: str, theirs: Mapping[int, float], folds: int, first: bool, reached: bool
) -> Contrast:
    seeds = sorted(set(ours) & set(theirs))
    a, b = [ours[seed] for seed in seeds], [theirs[seed] for seed in seeds]
    if not seeds:
        return Contrast(other, None, 0, None, None, None, None)
    difference = paired(a, b, folds)
    return Contrast(
        other=other,
        difference=difference,
        seeds=len(seeds),
        detectable=detectable([x - y for x, y in zip(a, b, strict=True)], folds),
        sign_flip_p=sign_flip_p(a, b) if first and len(seeds) <= folds else None,  # the folds come again
        posterior=correlated_t(a, b, folds, MARGIN),
        held=difference.low > 0 if reached and len(seeds) > 1 else None,
    )


def _verdict(steps: Sequence[Contrast]) -> tuple[Verdict, Contrast | None]:
    failing = next((step for step in steps if step.held is not True), None)
    if failing is None:
        return "confirmed", steps[-1] if steps else None
    if failing.held is None:
        return "not tested" if failing is steps[0] else "undecided", failing
    refuted = failing.difference is not None and failing.difference.high < MARGIN
    return "refuted" if refuted else "undecided", failing
