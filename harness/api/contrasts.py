"""Differences of two methods, paired over seeds."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.boards.model import Row
from harness.boards.rows import score
from harness.boards.shared_tests import influences
from harness.protocol import FOLDS
from harness.records.schema import Record
from harness.statistics.contrasts import influence_of_difference
from harness.statistics.intervals import Influence, Interval, p_value, paired


def bounds(interval: Interval) -> dict[str, float | None]:
    """Returns the bounds of an interval by name, None without a half-width."""
    bounded = interval.half_width is not None
    return {"low": interval.low if bounded else None, "high": interval.high if bounded else None}


def in_scenario(scenario: str, ours: Mapping[int, Record], theirs: Mapping[int, Record]) -> dict[str, Any]:
    """Returns the difference of two methods in one scenario over their common seeds."""
    seeds = sorted(ours.keys() & theirs.keys())
    sides = {"ours": ours, "theirs": theirs}
    shared = influences({name: {(scenario, seed): side[seed] for seed in seeds} for name, side in sides.items()})
    first, second = ([score({scenario: side[seed]}) or 0.0 for seed in seeds] for side in sides.values())
    return _difference(first, second, influence_of_difference(shared, "ours", "theirs", seeds))


def in_score(ours: Row, theirs: Row) -> dict[str, Any]:
    """Returns the difference of two methods in the score over their common seeds."""
    seeds = sorted(ours.by_seed.keys() & theirs.by_seed.keys())
    influence = None
    if ours.influence is not None and theirs.influence is not None:
        influence = ours.influence[_places(ours, seeds)] - theirs.influence[_places(theirs, seeds)]
    return _difference([ours.by_seed[seed] for seed in seeds], [theirs.by_seed[seed] for seed in seeds], influence)


def _places(row: Row, seeds: Sequence[int]) -> list[int]:
    return [list(row.by_seed).index(seed) for seed in seeds]


def _difference(ours: Sequence[float], theirs: Sequence[float], influence: Influence | None) -> dict[str, Any]:
    """Returns the mean difference of paired scores, with its interval and p-value."""
    if not ours:
        return {"seeds": 0}
    interval = paired(ours, theirs, FOLDS, influence=influence)
    p = p_value(ours, theirs, FOLDS, influence) if len(ours) > 1 else None
    return {"seeds": len(ours), "difference": interval.mean, **bounds(interval), "p": p}
