"""Effective robustness: the score under shift minus the score expected from ID macro-F1 (Taori et al. 2020)."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from harness.statistics.intervals import CONFIDENCE

_EDGE = 1e-3  # clips shares of 0 and 1, whose logit is infinite
MIN_BASELINES = 4  # a line through fewer points fits them too easily
MIN_EXPLAINED = 0.5  # share of the variance that the line must explain


class Expected(NamedTuple):
    """The score that the line predicts, and the bounds of the 95 % prediction band there."""

    score: float
    low: float
    high: float


@dataclass(frozen=True)
class Line:
    """A least-squares line in logit space.

    Attributes:
        slope, intercept, explained: of the line, and the share of the variance that it explains.
        points: number of points.
        mean: their mean logit(ID).
        spread: sum of the squared distances from that mean.
        residual: standard deviation of the residuals, with ``points - 2`` degrees of freedom.
    """

    slope: float
    intercept: float
    explained: float
    points: int
    mean: float
    spread: float
    residual: float

    def expected(self, id_score: float) -> Expected:
        """Returns what the line predicts for a new method with this ID macro-F1, with the 95 % prediction band.

        The band is that of a new point, by Student's t (Draper and Smith 1998, section 3.1), computed in logit space.
        """
        from scipy.special import stdtrit

        x = logit(id_score)
        leverage = 1 + 1 / self.points + (x - self.mean) ** 2 / self.spread
        half = float(stdtrit(self.points - 2, 0.5 + CONFIDENCE / 2)) * self.residual * math.sqrt(leverage)
        centre = self.intercept + self.slope * x
        return Expected(_share(centre), _share(centre - half), _share(centre + half))


@dataclass(frozen=True)
class Robustness:
    """The line fitted to the baselines, and each method's distance from it.

    Attributes:
        baselines: the methods that the line was fitted on.
        line: in logit space; None if it could not be fitted.
        unavailable_reason: why there are no distances; empty if there are.
        effective: score under shift minus the one that the line predicts, by method; empty if the fit is poor.
        band: lowest and highest distance of the 95 % prediction band, by method. A method with a distance between them
            cannot be distinguished from the baselines.
    """

    baselines: tuple[str, ...]
    line: Line | None
    unavailable_reason: str
    effective: Mapping[str, float]
    band: Mapping[str, tuple[float, float]]

    def is_within_band(self, method: str) -> bool:
        """Whether a method with a distance cannot be distinguished from the baselines."""
        low, high = self.band[method]
        return low <= self.effective[method] <= high


def effective_robustness(points: Mapping[str, tuple[float, float]], baselines: frozenset[str]) -> Robustness:
    """Fits logit(shifted) on logit(id) by least squares over the baselines, and measures every method against it.

    Args:
        points: (ID, shifted) macro-F1 by method.
        baselines: names of the methods that claim no robustness; names without a point are ignored.
    """
    names = tuple(sorted(baselines & set(points)))

    def unavailable(reason: str, line: Line | None = None) -> Robustness:
        return Robustness(names, line, reason, {}, {})

    if len(names) < MIN_BASELINES:
        return unavailable(f"the line needs {MIN_BASELINES} baselines, and the board has {len(names)}")
    line = _fit(*([logit(points[name][axis]) for name in names] for axis in (0, 1)))
    if line is None:
        return unavailable("all baselines have the same figures")
    if line.slope <= 0 or line.explained < MIN_EXPLAINED:
        reason = f"the line explains {line.explained:.2f} of the baselines' variance with slope {line.slope:.2f}; "
        return unavailable(reason + f"at least {MIN_EXPLAINED} and a slope above 0 are required", line)
    expected = {name: line.expected(id_score) for name, (id_score, _) in sorted(points.items())}
    return Robustness(
        names,
        line,
        "",
        effective={name: points[name][1] - e.score for name, e in expected.items()},
        band={name: (e.low - e.score, e.high - e.score) for name, e in expected.items()},
    )


def logit(share: float) -> float:
    """Returns the log odds of a share, clipped to 0.001 to 0.999."""
    share = min(max(share, _EDGE), 1 - _EDGE)
    return math.log(share / (1 - share))


def _share(log_odds: float) -> float:
    return 1 / (1 + math.exp(-log_odds)) if log_odds > 0 else 1 - 1 / (1 + math.exp(log_odds))


def _fit(x: Sequence[float], y: Sequence[float]) -> Line | None:
    """Returns the least-squares line; None if all points have the same x or the same y."""
    n = len(x)
    mean_x, mean_y = math.fsum(x) / n, math.fsum(y) / n
    spread = math.fsum((a - mean_x) ** 2 for a in x)
    total = math.fsum((b - mean_y) ** 2 for b in y)
    if spread == 0 or total == 0:
        return None
    slope = math.fsum((a - mean_x) * (b - mean_y) for a, b in zip(x, y, strict=True)) / spread
    intercept = mean_y - slope * mean_x
    residual = math.fsum((b - intercept - slope * a) ** 2 for a, b in zip(x, y, strict=True))
    return Line(slope, intercept, 1 - residual / total, n, mean_x, spread, math.sqrt(residual / (n - 2)))
