"""Effective robustness: the score under shift minus the score expected from ID macro-F1 (Taori et al. 2020)."""

import math
from collections.abc import Mapping
from dataclasses import dataclass

_EDGE = 1e-3  # clips shares of 0 and 1, whose logit is infinite
MIN_BASELINES = 4  # a line through fewer points fits them too easily
MIN_EXPLAINED = 0.5  # share of the variance that the line must explain


@dataclass(frozen=True)
class Robustness:
    """The line fitted to the baselines, and each method's distance from it.

    Attributes:
        baselines: the methods that the line was fitted on.
        slope, intercept, explained: of the line in logit space; None if it could not be fitted.
        unavailable_reason: why there are no distances; empty if there are.
        effective: score under shift minus the one that the line predicts, by method; empty if the fit is poor.
    """

    baselines: tuple[str, ...]
    slope: float | None
    intercept: float | None
    explained: float | None
    unavailable_reason: str
    effective: Mapping[str, float]


def effective_robustness(points: Mapping[str, tuple[float, float]], baselines: frozenset[str]) -> Robustness:
    """Fits logit(shifted) on logit(id) by least squares over the baselines, and measures every method against it.

    Args:
        points: (ID, shifted) macro-F1 by method.
        baselines: names of the methods that claim no robustness; names without a point are ignored.
    """
    names = tuple(sorted(baselines & set(points)))
    if len(names) < MIN_BASELINES:
        return Robustness(
            names, None, None, None, f"the line needs {MIN_BASELINES} baselines, and the board has {len(names)}", {}
        )
    x, y = ([logit(points[name][axis]) for name in names] for axis in (0, 1))
    mean_x, mean_y = math.fsum(x) / len(x), math.fsum(y) / len(y)
    spread = math.fsum((a - mean_x) ** 2 for a in x)
    total = math.fsum((b - mean_y) ** 2 for b in y)
    if spread == 0 or total == 0:
        return Robustness(names, None, None, None, "all baselines have the same figures", {})
    slope = math.fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread
    intercept = mean_y - slope * mean_x
    residual = math.fsum((b - intercept - slope * a) ** 2 for a, b in zip(x, y, strict=True))
    explained = 1 - residual / total
    if slope <= 0 or explained < MIN_EXPLAINED:
        reason = f"the line explains {explained:.2f} of the baselines' variance with slope {slope:.2f}; "
        reason += f"at least {MIN_EXPLAINED} and a slope above 0 are required"
        return Robustness(names, slope, intercept, explained, reason, {})
    effective = {n: b - 1 / (1 + math.exp(-intercept - slope * logit(a))) for n, (a, b) in sorted(points.items())}
    return Robustness(names, slope, intercept, explained, "", effective)


def logit(share: float) -> float:
    """Returns the log odds of a share, clipped to 0.001 to 0.999."""
    share = min(max(share, _EDGE), 1 - _EDGE)
    return math.log(share / (1 - share))
