"""A second computation of a board from the JSON of its records: NumPy and SciPy alone, nothing of the harness.

It follows docs/protocol.md (score) and docs/statistics.md (intervals, verdicts) with formulas of its own, so that it
can disagree with `harness.boards` and `harness.statistics`: derivatives are differences, variances are written out by
component, and the degrees of freedom follow from the estimate's being linear in both mean squares.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean
from typing import Any

import numpy as np
from scipy import stats

Json = dict[str, Any]
Cells = Mapping[tuple[str, int], Json]  # the record that counts, by scenario and seed
STEP = 1e-4  # of a unit's weight, for central differences


class Values:
    """A score per seed, with its slope in the weight of each test unit, by the unit's name."""

    def __init__(self, seeds: Sequence[int], values: Sequence[float], slopes: Sequence[Mapping[str, float]]) -> None:
        self.seeds, self.values, self.slopes, self.dependence = seeds, values, slopes, 0.2

    def minus(self, other: "Values") -> "Values":
        slopes = [{u: a[u] - b[u] for u in a} for a, b in zip(self.slopes, other.slopes, strict=True)]
        out = Values(self.seeds, [a - b for a, b in zip(self.values, other.values, strict=True)], slopes)
        out.dependence = 0.1
        return out

    @property
    def mean(self) -> float:
        return fmean(self.values)

    def errors(self) -> list[tuple[float, float]]:
        """Standard errors of the mean and their degrees of freedom: by components, by draws, by the test units."""
        folds = [[v for v, s in zip(self.values, self.seeds, strict=True) if s % 6 == fold] for fold in range(6)]
        folds = [own for own in folds if own]
        sizes, n, k = np.array([len(own) for own in folds]), len(self.values), len(folds)
        within = sum(np.var(own) * len(own) for own in folds) / max(n - k, 1)
        between = sum(len(own) * (np.mean(own) - self.mean) ** 2 for own in folds) / (k - 1)

        def variance(of_folds: float, of_draws: float) -> float:
            component = (of_folds - of_draws) / ((n - (sizes**2).sum() / n) / (k - 1))
            mean = component * ((sizes / n) ** 2).sum() + of_draws / n
            return float(mean + self.dependence / 5 * (component + of_draws))  # 5: the folds but one

        total = variance(between, within)
        spread = variance(between, 0) ** 2 / (k - 1) + variance(0, within) ** 2 / max(n - k, 1)
        out = [(np.sqrt(total), total**2 / spread)]
        if n > k:
            out.append((np.sqrt(within / n), n - k))
        of_unit: dict[str, float] = defaultdict(float)
        for slopes in self.slopes:
            for unit, slope in slopes.items():
                of_unit[unit] += slope / n
        units = len(of_unit)
        out.append((np.sqrt(sum(s**2 for s in of_unit.values()) * units / (units - k)), units - k))
        return out

    def half_width(self) -> float:
        return max(stats.t.ppf(0.975, freedom) * error for error, freedom in self.errors())

    def p(self) -> float:
        return max(2 * stats.t.sf(abs(self.mean) / error, freedom) for error, freedom in self.errors())

    def equivalence_p(self) -> float:
        return max(stats.t.sf((0.01 - abs(self.mean)) / error, freedom) for error, freedom in self.errors())


def weights(own: Mapping[str, Json]) -> dict[str, float]:
    """Weight of each scored scenario of a seed: all alike, or shift types alike under protocol 2."""
    scored = {name: record["cell"] for name, record in own.items() if record["cell"]["scored"]}
    shifts = [cell["shift"] for cell in scored.values()]
    alike = {name: 1 / len(scored) for name in scored}
    by_shift = {name: 1 / len(set(shifts)) / shifts.count(cell["shift"]) for name, cell in scored.items()}
    return alike if all(cell["protocol"] >= 3 for cell in scored.values()) else by_shift


def scenario_score(record: Json) -> tuple[float, dict[str, float]]:
    """Mean macro-F1 over the scored environments, and its slope in the weight of each tested unit."""
    names, scored = record["result"]["units"], record["cell"]["scored"]
    score, slopes = 0.0, dict[str, float]()
    for env in scored:
        table = np.array([row.split() for row in record["result"]["counts"][env].split(";")], int)
        true, predicted, hit = np.zeros((3, len(names), len(record["result"]["classes"])))
        for row in table:
            true[row[0], row[1]] += row[-1]
            predicted[row[0], row[2]] += row[-1]
            hit[row[0], row[1]] += row[-1] * (row[1] == row[2])
        tested = true.any(axis=1)
        values = []
        for step in (0, STEP, -STEP):
            t, p, h = (part.sum(axis=0) + step * part[tested] for part in (true, predicted, hit))
            values.append(np.mean((2 * h / np.where(t > 0, t + p, 1))[:, true.any(axis=0)], axis=1))
        score += values[0][0] / len(scored)
        for i, slope in zip(np.flatnonzero(tested), (values[1] - values[2]) / (2 * STEP), strict=True):
            name = f"{record['cell']['scenario']} {names[i]}" if names[i].isdigit() else names[i]
            slopes[name] = slopes.get(name, 0.0) + slope / len(scored)
    return score, slopes


def scores(cells: Cells) -> Values:
    """The score of every seed."""
    by_seed: dict[int, dict[str, Json]] = defaultdict(dict)
    for (scenario, seed), record in sorted(cells.items()):
        by_seed[seed][scenario] = record
    seeds, values, slopes = sorted(by_seed), [], []
    for seed in seeds:
        total: dict[str, float] = defaultdict(float)
        value = 0.0
        for name, weight in weights(by_seed[seed]).items():
            record = by_seed[seed][name]
            if "measured" not in record:  # several claims and shift types use the same cell
                record["measured"] = scenario_score(record)
            score, slope = record["measured"]
            value += weight * score
            for unit, change in slope.items():
                total[unit] += weight * change
        values.append(value)
        slopes.append(total)
    return Values(seeds, values, slopes)


class Second:
    """Scores of the methods that have every cell, and verdicts on claims."""

    def __init__(self, records: Iterable[Json], contrasts: Mapping[str, Sequence[str]], fallback: str) -> None:
        self.contrasts = contrasts
        self.own: dict[str, dict[tuple[str, int], Json]] = defaultdict(dict)
        for record in records:
            self.own[record["cell"]["method"]][record["cell"]["scenario"], record["cell"]["seed"]] = record
        everywhere = set(self.own[fallback])
        self.failed = {(m, p) for m, cells in self.own.items() for p, r in cells.items() if not r["result"]}
        self.counting = {
            m: {p: self.own[fallback][p] if (m, p) in self.failed else r for p, r in cells.items()}
            for m, cells in self.own.items()
        }
        self.complete = {m for m, cells in self.own.items() if set(cells) == everywhere}

    def score(self, method: str, shift: str = "") -> Values:
        return scores({p: r for p, r in self.counting[method].items() if shift in ("", r["cell"]["shift"])})

    def differences(self, method: str) -> list[Values]:
        """Differences from each contrast, over the cells that all have and in which no contrast failed."""
        others = self.contrasts[method]
        shared = {p for p in self.own[method] if all(p in self.own[other] for other in others)}
        shared -= {p for m, p in self.failed if m in others}
        if "groups" in next(iter(self.own[method].values()))["cell"]["tags"]:  # elsewhere there is nothing to act on
            shared = {p for p in shared if self.own[method][p]["cell"]["shift"] == "spurious-correlation"}
        shared = {p for p in shared if self.own[method][p]["cell"]["scored"]}
        seeds = set.intersection(*({s for n, s in shared if n == name} for name, _ in shared))
        cells = {m: {p: self.counting[m][p] for p in shared if p[1] in seeds} for m in (method, *others)}
        ours = scores(cells[method])
        return [ours.minus(scores(cells[other])) for other in others]

    def verdicts(self) -> dict[str, tuple[str, float]]:
        """The verdict on each claim and its level: Holm's, which a claim passes on once it is decided."""
        every = {m: self.differences(m) for m in self.contrasts}
        found: dict[str, tuple[str, float]] = {}
        while left := [m for m in every if m not in found]:
            level = 0.05 / len(left)
            now = {m: (self._verdict(every[m], level), level) for m in left}
            decided = {m: v for m, v in now.items() if v[0] in ("superior", "inferior")}
            found |= decided or now
        return found

    @staticmethod
    def _verdict(differences: Sequence[Values], level: float) -> str:
        for difference in differences:
            if difference.p() > level:
                return "equivalent" if difference.equivalence_p() <= 0.05 else "inconclusive"
            if difference.mean < 0:
                return "inferior"
        return "superior"
