"""Differences of two methods, paired over seeds."""

from collections.abc import Mapping
from typing import Any

from harness.boards.cell_counts import BoardCounts
from harness.boards.model import Row
from harness.boards.scores import score_sample
from harness.records.schema import Record
from harness.statistics.intervals import Interval, Sample, p_value, t_interval


def bounds(interval: Interval) -> dict[str, float | None]:
    """Returns the bounds of an interval by name, None without a half-width."""
    bounded = interval.half_width is not None
    return {"low": interval.low if bounded else None, "high": interval.high if bounded else None}


def in_scenario(scenario: str, ours: Mapping[int, Record], theirs: Mapping[int, Record]) -> dict[str, Any]:
    """Returns the difference of two methods in one scenario over their common seeds."""
    seeds = sorted(ours.keys() & theirs.keys())
    sides = {"ours": ours, "theirs": theirs}
    counts = BoardCounts({name: {(scenario, seed): side[seed] for seed in seeds} for name, side in sides.items()})
    first, second = (score_sample({seed: {scenario: side[seed]} for seed in seeds}, counts) for side in (ours, theirs))
    return _difference(first.minus(second) if first and second else None)


def in_score(ours: Row, theirs: Row) -> dict[str, Any]:
    """Returns the difference of two methods in the score over their common seeds."""
    seeds = sorted(ours.by_seed.keys() & theirs.by_seed.keys())
    if not seeds or ours.sample is None or theirs.sample is None:
        return _difference(None)
    first, second = (row.sample.at([[*row.by_seed].index(s) for s in seeds]) for row in (ours, theirs) if row.sample)
    return _difference(first.minus(second))


def _difference(differences: Sample | None) -> dict[str, Any]:
    """Returns the mean difference of paired scores, with its interval and p-value."""
    if differences is None:
        return {"seeds": 0}
    interval, seeds = t_interval(differences), len(differences.values)
    p = p_value(differences) if seeds > 1 else None
    return {"seeds": seeds, "difference": interval.mean, **bounds(interval), "p": p}
