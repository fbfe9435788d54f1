"""Per-scenario and per-cue differences between a method and its first comparison method."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from statistics import fmean

from harness.boards.cell_counts import BoardCounts
from harness.boards.model import Effect, ScenarioSeed
from harness.boards.scores import by_seed_and_scenario, in_distribution, score_sample
from harness.protocol import FOLDS
from harness.records.schema import Record
from harness.statistics.components import OF_DIFFERENCES
from harness.statistics.intervals import Interval, Sample, t_interval

Pairs = Mapping[ScenarioSeed, tuple[Record, Record]]
Metric = Callable[[str, Record], float | None]  # of a scenario and its record


def effects(
    scoring: Mapping[str, Mapping[ScenarioSeed, Record]],
    contrasts: Callable[[str], tuple[str, ...]],
    fallback: str,
    counts: BoardCounts,
) -> tuple[Effect, ...]:
    """Compares every method that names contrasts with the first of them, over the cells in which neither failed.

    Args:
        scoring: by method, the record that counts in each cell.
        contrasts: returns the methods that a method's claim is tested against.
        fallback: the method whose record counts in cells where another failed.
        counts: of the board.
    """
    own = {
        name: {place: r for place, r in records.items() if name == fallback or r.cell.method != fallback}
        for name, records in scoring.items()
    }
    named = ((method, contrasts(method)[:1]) for method in sorted(own))
    return tuple(
        _effect(method, base, {place: (own[method][place], own[base][place]) for place in sorted(shared)}, counts)
        for method, first in named
        for base in first
        if base in own and (shared := own[method].keys() & own[base].keys())
    )


def _effect(method: str, base: str, pairs: Pairs, counts: BoardCounts) -> Effect:
    scenarios = {name: {p: pair for p, pair in pairs.items() if p[0] == name} for name, _ in pairs}
    flips = {
        name: env.subject
        for pair in pairs.values()
        for record in pair
        for name, env in record.cell.environments.items()
        if env.kind == "flip" and name in _metrics(record)
    }
    in_id = {name: _difference(own, lambda name, r: in_distribution({name: r})) for name, own in scenarios.items()}
    shifted = {name: _shifted(own, counts) for name, own in scenarios.items()}
    rates = {cue: _difference(pairs, _rate(name)) for name, cue in sorted(flips.items())}
    return Effect(method, base, *map(_available, (in_id, shifted, rates)))


def _rate(environment: str) -> Metric:
    return lambda _, record: _metrics(record).get(environment, {}).get("flip_rate")


def _available(differences: Mapping[str, Interval | None]) -> dict[str, Interval]:
    return {name: value for name, value in differences.items() if value is not None}


def _metrics(record: Record) -> Mapping[str, Mapping[str, float]]:
    return record.result.metrics if record.result else {}


def _shifted(pairs: Pairs, counts: BoardCounts) -> Interval | None:
    """Returns the paired interval of one scenario's score; None if the scenario is not scored."""
    if not next(iter(pairs.values()))[0].cell.scored:
        return None
    ours, theirs = (
        score_sample(by_seed_and_scenario({place: pair[side] for place, pair in pairs.items()}), counts)
        for side in (0, 1)
    )
    return t_interval(ours.minus(theirs)) if ours and theirs else None


def _difference(pairs: Pairs, metric: Metric) -> Interval | None:
    """Returns the paired interval of a metric over seeds; a seed's value is the mean over scenarios that have it."""
    differences: dict[int, list[float]] = defaultdict(list)
    for (scenario, seed), records in pairs.items():
        a, b = (metric(scenario, record) for record in records)
        if a is not None and b is not None:
            differences[seed].append(a - b)
    if not differences:
        return None
    folds = [seed % FOLDS for seed in differences]
    return t_interval(Sample([*map(fmean, differences.values())], folds, FOLDS, dependence=OF_DIFFERENCES))
