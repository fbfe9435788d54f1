"""What a method mends and what it breaks: how far it differs from the method that it sets out to beat first."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from statistics import fmean

from harness.leaderboard.model import Effect, Place
from harness.leaderboard.rows import in_distribution, score
from harness.protocol import FOLDS
from harness.records.schema import Record
from harness.statistics.intervals import Interval, paired

_FLIP = "flip."
Pairs = Mapping[Place, tuple[Record, Record]]
Figure = Callable[[str, Record], float | None]  # of a scenario's record


def effects(
    scoring: Mapping[str, Mapping[Place, Record]], contrasts: Callable[[str], tuple[str, ...]], floor: str
) -> tuple[Effect, ...]:
    """Compares every method that names contrasts with the first of them, over the cells in which neither failed.

    Args:
        scoring: by method, the record whose figures count in each cell.
        contrasts: the methods that a method's claim is tested against.
        floor: the method whose record counts where another failed.
    """
    own = {
        name: {place: r for place, r in found.items() if name == floor or r.cell.method != floor}
        for name, found in scoring.items()
    }
    named = ((method, contrasts(method)[:1]) for method in sorted(own))
    return tuple(
        _effect(method, base, {place: (own[method][place], own[base][place]) for place in sorted(shared)})
        for method, first in named
        for base in first
        if base in own and (shared := own[method].keys() & own[base].keys())
    )


def _effect(method: str, base: str, pairs: Pairs) -> Effect:
    scenarios = {name: {p: pair for p, pair in pairs.items() if p[0] == name} for name, _ in pairs}
    flips = {env for pair in pairs.values() for r in pair for env in _metrics(r) if env.startswith(_FLIP)}
    in_id = {name: _difference(found, lambda name, r: in_distribution({name: r})) for name, found in scenarios.items()}
    shifted = {name: _difference(found, lambda name, r: score({name: r})) for name, found in scenarios.items()}
    rates = {env.removeprefix(_FLIP): _difference(pairs, _rate(env)) for env in sorted(flips)}
    return Effect(method, base, *map(_there, (in_id, shifted, rates)))


def _rate(environment: str) -> Figure:
    return lambda _, record: _metrics(record).get(environment, {}).get("flip_rate")


def _there(found: Mapping[str, Interval | None]) -> dict[str, Interval]:
    return {name: value for name, value in found.items() if value is not None}


def _metrics(record: Record) -> Mapping[str, Mapping[str, float]]:
    return record.result.metrics if record.result else {}


def _difference(pairs: Pairs, figure: Figure) -> Interval | None:
    """The paired interval of a figure over seeds, each seed's being the mean over its scenarios that have it."""
    ours: dict[int, list[float]] = defaultdict(list)
    theirs: dict[int, list[float]] = defaultdict(list)
    for (scenario, seed), records in pairs.items():
        a, b = (figure(scenario, record) for record in records)
        if a is not None and b is not None:
            ours[seed].append(a)
            theirs[seed].append(b)
    return paired([*map(fmean, ours.values())], [*map(fmean, theirs.values())], FOLDS) if ours else None
