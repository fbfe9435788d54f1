"""What the statistics say of a board's rows: ranks and their intervals, letters, worst groups, claims, robustness."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.errors import UserError
from harness.evaluation import counts
from harness.leaderboard.model import TRACKS, Place, Row
from harness.leaderboard.record_selection import whole_seeds
from harness.leaderboard.rows import score, shares
from harness.protocol import FOLDS
from harness.records.schema import Record
from harness.statistics import bootstrap
from harness.statistics.bootstrap import Counts, Resampled, resample
from harness.statistics.contrasts import Claim, judge
from harness.statistics.letters import letters, told_apart
from harness.statistics.robustness import Robustness, effective_robustness

Scoring = Mapping[str, Mapping[Place, Record]]  # by method, the record whose figures count in each cell


def with_ranks(rows: Sequence[Row], scoring: Scoring) -> tuple[Row, ...]:
    """Ranks the rows of each track and adds what the bootstrap says; rows are in the order of their score."""
    complete = [row.method for row in rows if row.complete]
    if not complete:
        return tuple(rows)
    resampled = _resampled(complete, scoring)
    placed: dict[str, Row] = {}
    for track in TRACKS:
        ranked = [row for row in rows if row.track == track and not row.why_unranked and row.complete]
        names = [row.method for row in ranked]
        groups = letters(names, told_apart({row.method: list(row.by_seed.values()) for row in ranked}, FOLDS))
        ranks = resampled.ranks(names) if names else {}
        for rank, row in enumerate(ranked, start=1):
            placed[row.method] = replace(row, rank=rank, ranks=ranks[row.method], letters=groups[row.method])
    return tuple(_resampled_row(placed.get(row.method, row), resampled) for row in rows)


def _resampled_row(row: Row, resampled: Resampled) -> Row:
    if row.method not in resampled.methods:
        return row
    return replace(row, bootstrap=resampled.interval(row.method), worst_group=resampled.worst(row.method))


def _resampled(methods: Sequence[str], scoring: Scoring) -> Resampled:
    any_record = next(iter(scoring[methods[0]].values()))
    assert any_record.result is not None
    return resample(list(_places(methods, scoring)), methods, any_record.result.classes)


def _places(methods: Sequence[str], scoring: Scoring) -> Iterator[bootstrap.Place]:
    """Yields every scored environment of every seed, as all the methods met it."""
    by_seed: dict[int, dict[str, Record]] = defaultdict(dict)
    for (scenario, seed), record in scoring[methods[0]].items():
        by_seed[seed][scenario] = record
    for seed, by_scenario in sorted(by_seed.items()):
        for (scenario, env), share in sorted(shares(by_scenario).items()):
            found = {name: scoring[name][scenario, seed] for name in methods}
            units = sorted({unit for record in found.values() if record.result for unit in record.result.units})
            codes = {unit: code for code, unit in enumerate(units)}
            yield bootstrap.Place(
                name=f"{scenario}/{env}",
                seed=seed,
                share=share,
                units=[_everywhere(unit, scenario) for unit in units],
                counts={name: _counts(record, env, codes) for name, record in found.items()},
            )


def _everywhere(unit: str, scenario: str) -> str:
    """The name of a unit across scenarios: a CVE is one in all of them, a component has a number of each one's own."""
    return f"{scenario}/{unit}" if unit.isdecimal() else unit


def _counts(record: Record, env: str, codes: Mapping[str, int]) -> Counts:
    assert record.result is not None
    try:
        table = counts.table(record.result.tables, env)
    except (KeyError, ValueError) as error:
        cell = record.cell
        raise UserError(
            f"the record of {cell.method} on {cell.scenario}, seed {cell.seed} ({record.key[:16]}) holds no whole "
            f"counts ({error}); move it away and run again to recompute it."
        ) from error
    code = np.array([codes[unit] for unit in record.result.units], np.int64)
    return Counts(code[table[:, 0]], table[:, 1], table[:, 2], table[:, 4])


def claims(scoring: Scoring, contrasts: Callable[[str], tuple[str, ...]], floor: str) -> tuple[Claim, ...]:
    """Judges the claims of the board's methods, each by the score over the cells that it and its contrasts share.

    A cell in which the method itself failed counts as the floor's; one in which a contrast failed does not count, for
    nothing is beaten by its failing.
    """
    named = ((method, contrasts(method)) for method in sorted(scoring))
    return tuple(_claim(method, others, scoring, floor) for method, others in named if others)


def _claim(method: str, others: tuple[str, ...], scoring: Scoring, floor: str) -> Claim:
    there = [name for name in (method, *others) if scoring.get(name)]
    scored = {name: {place for place, r in scoring[name].items() if r.cell.scored} for name in there}
    failed = {
        (name, place)
        for name in there
        if name not in (method, floor)
        for place in scored[name]
        if scoring[name][place].cell.method == floor
    }
    shared = (set.intersection(*scored.values()) if there else set()) - {place for _, place in failed}
    scenarios = sorted({scenario for scenario, _ in shared})
    seeds = sorted(whole_seeds(shared, set(scenarios)))
    scores = {
        name: {n: score({scenario: scoring[name][scenario, n] for scenario in scenarios}) or 0.0 for n in seeds}
        for name in there
    }
    left_out = tuple(f"{name} failed on {scenario}, seed {seed}" for name, (scenario, seed) in sorted(failed))
    return judge(method, others, scores, FOLDS, tuple(scenarios), left_out)


def robustness(rows: Sequence[Row], contrasts: Callable[[str], tuple[str, ...]], floor: str) -> Robustness:
    """Measures rows against the line of the baselines.

    A baseline claims no robustness: it is ranked, handed payloads and labels alone (no tag), its registration names no
    contrasts, and none of its cells failed. The floor that failed cells fall back to is none either: it does not learn.

    Args:
        rows: of the board.
        contrasts: the methods that a method's claim is tested against.
        floor: the method that failed cells fall back to.
    """
    points = {row.method: (row.id, row.score.mean) for row in rows if row.complete and row.id and row.score}
    baselines = {
        row.method
        for row in rows
        if row.kind == "ranked" and not row.tags and not row.failed and row.method != floor
        if not contrasts(row.method)
    }
    return effective_robustness({name: point for name, point in points.items() if name != floor}, frozenset(baselines))
