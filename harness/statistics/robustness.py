"""Effective robustness: figures under shift beside what ID leads to expect (Taori et al. 2020)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

_EDGE = 1e-3  # figures of 0 and 1 have no logit
FEWEST = 4  # baselines that a line is drawn through
POOREST = 0.5  # share of the variance that the line must explain


@dataclass(frozen=True)
class Robustness:
    """The line through the baselines, and each method's distance from it.

    Attributes:
        baselines: the methods that the line was fitted on.
        slope, intercept, explained: of the line in logit space; None where it could not be drawn.
        why_not: why there are no figures; empty where there are.
        effective: figure under shift minus what the line expects, by method; empty where the fit is poor.
    """

    baselines: tuple[str, ...]
    slope: float | None
    intercept: float | None
    explained: float | None
    why_not: str
    effective: Mapping[str, float]


def effective_robustness(points: Mapping[str, tuple[float, float]], baselines: frozenset[str]) -> Robustness:
    """Fits logit(shifted) on logit(id) by least squares over the baselines, and measures every method against it.

    Args:
        points: (ID, shifted) macro-F1 by method.
        baselines: names of those that claim no robustness; those without a point are ignored.
    """
    names = tuple(sorted(baselines & set(points)))
    if len(names) < FEWEST:
        return Robustness(names, None, None, None, f"{len(names)} baselines, {FEWEST} are needed", {})
    x, y = ([logit(points[name][axis]) for name in names] for axis in (0, 1))
    mean_x, mean_y = math.fsum(x) / len(x), math.fsum(y) / len(y)
    spread = math.fsum((a - mean_x) ** 2 for a in x)
    total = math.fsum((b - mean_y) ** 2 for b in y)
    if spread == 0 or total == 0:
        return Robustness(names, None, None, None, "the baselines do not differ", {})
    slope = math.fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread
    intercept = mean_y - slope * mean_x
    left = math.fsum((b - intercept - slope * a) ** 2 for a, b in zip(x, y, strict=True))
    explained = 1 - left / total
    if slope <= 0 or explained < POOREST:
        why = f"the line explains {explained:.2f} of the baselines' variance with slope {slope:.2f}"
        return Robustness(names, slope, intercept, explained, f"{why}; {POOREST} and a slope above 0 are needed", {})
    effective = {n: b - 1 / (1 + math.exp(-intercept - slope * logit(a))) for n, (a, b) in sorted(points.items())}
    return Robustness(names, slope, intercept, explained, "", effective)


def logit(share: float) -> float:
    """Returns the log odds of a share, held off 0 and 1 by a thousandth."""
    share = min(max(share, _EDGE), 1 - _EDGE)
    return math.log(share / (1 - share))
