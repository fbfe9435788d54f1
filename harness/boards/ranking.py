"""Applies the statistics to a board: ranks with intervals, letters, worst groups, claims, effective robustness."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.boards.model import TRACKS, Row
from harness.boards.record_selection import complete_seeds
from harness.boards.rows import score, shares
from harness.boards.shared_tests import Scoring, influences
from harness.errors import UserError
from harness.evaluation import counts
from harness.protocol import EQUIVALENCE_MARGIN, FOLDS
from harness.records.schema import Record
from harness.statistics.bootstrap import BootstrapResult, Counts, EnvironmentCounts, resample
from harness.statistics.contrasts import Claim, judge
from harness.statistics.letters import different_pairs, letters
from harness.statistics.robustness import Robustness, effective_robustness


def with_ranks(rows: Sequence[Row], scoring: Scoring) -> tuple[Row, ...]:
    """Ranks the rows of each track and adds the bootstrap's intervals; rows must be in the order of their score."""
    complete = [row.method for row in rows if row.complete]
    if not complete:
        return tuple(rows)
    result = _bootstrap(complete, scoring)
    by_method: dict[str, Row] = {}
    for track in TRACKS:
        ranked = [row for row in rows if row.track == track and not row.unranked_reason and row.complete]
        names = [row.method for row in ranked]
        scores = {row.method: list(row.by_seed.values()) for row in ranked}
        # Either all rows of a board have the influence of shared test units, or none has.
        shared = {row.method: row.influence for row in ranked if row.influence is not None}
        groups = letters(names, different_pairs(scores, FOLDS, shared))
        ranks = result.ranks(names) if names else {}
        by_shift = _shift_ranks(ranked)
        for rank, row in enumerate(ranked, start=1):
            by_method[row.method] = replace(
                row, rank=rank, ranks=ranks[row.method], letters=groups[row.method], shift_ranks=by_shift[row.method]
            )
    return tuple(_with_bootstrap(by_method.get(row.method, row), result) for row in rows)


def _shift_ranks(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    """Returns the rank of each row among the given ones in each shift type, by method and shift type."""
    ranks: dict[str, dict[str, int]] = {row.method: {} for row in rows}
    for shift in sorted({shift for row in rows for shift in row.by_shift}):
        members = [row for row in rows if shift in row.by_shift]
        for row in members:
            better = sum(other.by_shift[shift].mean > row.by_shift[shift].mean for other in members)
            ranks[row.method][shift] = better + 1
    return ranks


def _with_bootstrap(row: Row, result: BootstrapResult) -> Row:
    if row.method not in result.methods:
        return row
    return replace(row, bootstrap=result.interval(row.method), worst_group=result.worst(row.method))


def _bootstrap(methods: Sequence[str], scoring: Scoring) -> BootstrapResult:
    any_record = next(iter(scoring[methods[0]].values()))
    assert any_record.result is not None
    return resample(list(_environments(methods, scoring)), methods, any_record.result.classes)


def _environments(methods: Sequence[str], scoring: Scoring) -> Iterator[EnvironmentCounts]:
    """Yields every scored environment of every seed with the counts of all methods."""
    by_seed: dict[int, dict[str, Record]] = defaultdict(dict)
    for (scenario, seed), record in scoring[methods[0]].items():
        by_seed[seed][scenario] = record
    for seed, by_scenario in sorted(by_seed.items()):
        for (scenario, env), share in sorted(shares(by_scenario).items()):
            records = {name: scoring[name][scenario, seed] for name in methods}
            units = sorted({unit for record in records.values() if record.result for unit in record.result.units})
            codes = {unit: code for code, unit in enumerate(units)}
            yield EnvironmentCounts(
                name=f"{scenario}/{env}",
                seed=seed,
                share=share,
                units=[_global_name(unit, scenario) for unit in units],
                counts={name: _counts(record, env, codes) for name, record in records.items()},
            )


def _global_name(unit: str, scenario: str) -> str:
    """Returns a unit's name across scenarios: a CVE is the same in all, a component's number only counts in its own."""
    return f"{scenario}/{unit}" if unit.isdecimal() else unit


def _counts(record: Record, env: str, codes: Mapping[str, int]) -> Counts:
    assert record.result is not None
    try:
        table = counts.table(record.result.tables, env)
    except (KeyError, ValueError) as error:
        cell = record.cell
        raise UserError(
            f"the record of {cell.method} on {cell.scenario}, seed {cell.seed} ({record.key[:16]}) has "
            f"incomplete counts ({error}); delete it and run its cell again."
        ) from error
    code = np.array([codes[unit] for unit in record.result.units], np.int64)
    return Counts(code[table[:, 0]], table[:, 1], table[:, 2], table[:, 4])


def claims(scoring: Scoring, contrasts: Callable[[str], tuple[str, ...]], fallback: str) -> tuple[Claim, ...]:
    """Returns the verdicts on the claims of the board's methods, from scores over the cells shared with its contrasts.

    A cell in which the method itself failed counts with the fallback's record. A cell in which a contrast failed does
    not count: a contrast's failure is no evidence for the method.
    """
    named = ((method, contrasts(method)) for method in sorted(scoring))
    return tuple(_claim(method, others, scoring, fallback) for method, others in named if others)


def _claim(method: str, others: tuple[str, ...], scoring: Scoring, fallback: str) -> Claim:
    methods = [name for name in (method, *others) if scoring.get(name)]
    scored = {name: {place for place, r in scoring[name].items() if r.cell.scored} for name in methods}
    failed = {
        (name, place)
        for name in methods
        if name not in (method, fallback)
        for place in scored[name]
        if scoring[name][place].cell.method == fallback
    }
    shared = (set.intersection(*scored.values()) if methods else set()) - {place for _, place in failed}
    scenarios = sorted({scenario for scenario, _ in shared})
    seeds = sorted(complete_seeds(shared, set(scenarios)))
    scores = {
        name: {n: score({scenario: scoring[name][scenario, n] for scenario in scenarios}) or 0.0 for n in seeds}
        for name in methods
    }
    exclusions = tuple(f"{name} failed on {scenario}, seed {seed}" for name, (scenario, seed) in sorted(failed))
    counted = {
        name: {(scenario, n): scoring[name][scenario, n] for scenario in scenarios for n in seeds} for name in methods
    }
    return judge(method, others, scores, FOLDS, EQUIVALENCE_MARGIN, tuple(scenarios), exclusions, influences(counted))


def robustness(rows: Sequence[Row], contrasts: Callable[[str], tuple[str, ...]], fallback: str) -> Robustness:
    """Returns the effective robustness of rows, measured against the line of the baselines.

    A baseline makes no claim of robustness: it is ranked, uses payloads and labels only (no tag), its registration
    names no contrasts, and none of its cells failed. The fallback is not a baseline, since it does not learn.

    Args:
        rows: of the board.
        contrasts: returns the methods that a method's claim is tested against.
        fallback: the method that counts for failed cells.
    """
    points = {row.method: (row.id, row.score.mean) for row in rows if row.complete and row.id and row.score}
    baselines = {
        row.method
        for row in rows
        if row.kind == "ranked" and not row.tags and not row.failed and row.method != fallback
        if not contrasts(row.method)
    }
    points.pop(fallback, None)
    return effective_robustness(points, frozenset(baselines))
