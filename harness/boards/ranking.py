"""Applies the statistics to a board: ranks with intervals, letters, claims, effective robustness."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.boards.cell_counts import BoardCounts, Scoring, counts_of
from harness.boards.model import TRACKS, Row
from harness.boards.record_selection import complete_seeds
from harness.boards.scores import by_seed_and_scenario, score_sample, shares
from harness.protocol import EQUIVALENCE_MARGIN
from harness.records.schema import Record
from harness.statistics.bootstrap import BootstrapResult, Counts, EnvironmentCounts, resample
from harness.statistics.contrasts import Claim, UntestedClaim, judge
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
        groups = letters(names, different_pairs({row.method: row.sample for row in ranked if row.sample}))
        ranks = result.ranks(names) if names else {}
        by_shift = _shift_ranks(ranked)
        for rank, row in enumerate(ranked, start=1):
            by_method[row.method] = replace(
                row, rank=rank, ranks=ranks[row.method], letters=groups[row.method], shift_ranks=by_shift[row.method]
            )
    return tuple(
        replace(by_method.get(row.method, row), bootstrap=result.interval(row.method)) if row.complete else row
        for row in rows
    )


def _shift_ranks(rows: Sequence[Row]) -> dict[str, dict[str, int]]:
    """Returns the rank of each row among the given ones in each shift type, by method and shift type."""
    ranks: dict[str, dict[str, int]] = {row.method: {} for row in rows}
    for shift in sorted({shift for row in rows for shift in row.by_shift}):
        members = [row for row in rows if shift in row.by_shift]
        for row in members:
            better = sum(other.by_shift[shift].mean > row.by_shift[shift].mean for other in members)
            ranks[row.method][shift] = better + 1
    return ranks


def _bootstrap(methods: Sequence[str], scoring: Scoring) -> BootstrapResult:
    any_record = next(iter(scoring[methods[0]].values()))
    assert any_record.result is not None
    return resample(list(_environments(methods, scoring)), methods, len(any_record.result.classes))


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
    table = counts_of(record, env)
    code = np.array([codes[unit] for unit in record.result.units], np.int64)
    return Counts(code[table[:, 0]], table[:, 1], table[:, 2], table[:, 4])


def claims(
    scoring: Scoring,
    contrasts: Callable[[str], tuple[str, ...]],
    fallback: str,
    counts: BoardCounts,
    can_act: Callable[[Record], bool],
) -> tuple[Claim, ...]:
    """Returns the verdicts on the claims of the board's methods, from scores over the cells shared with its contrasts.

    A cell in which the method itself failed counts with the fallback's record. A cell in which a contrast failed does
    not count: a contrast's failure is no evidence for the method. Nor does a scenario in which the method has nothing
    to act on.

    Args:
        scoring: by method, the record that counts in each cell.
        contrasts: returns the methods that a method's claim is tested against.
        fallback: the method whose record counts in cells where another failed.
        counts: of the board.
        can_act: see `build.Rules`.
    """
    named = ((method, contrasts(method)) for method in sorted(scoring))
    untested = [_claim(method, others, scoring, fallback, counts, can_act) for method, others in named if others]
    return judge(untested, EQUIVALENCE_MARGIN)


def _claim(
    method: str,
    others: tuple[str, ...],
    scoring: Scoring,
    fallback: str,
    counts: BoardCounts,
    can_act: Callable[[Record], bool],
) -> UntestedClaim:
    methods = [name for name in (method, *others) if scoring.get(name)]
    idle = {p[0] for p, r in scoring[method].items() if r.cell.scored and r.cell.method != fallback and not can_act(r)}
    scored = {
        name: {place for place, r in scoring[name].items() if r.cell.scored and place[0] not in idle}
        for name in methods
    }
    failed = {
        (name, place)
        for name in methods
        if name not in (method, fallback)
        for place in scored[name]
        if scoring[name][place].cell.method == fallback
    }
    shared = (set.intersection(*scored.values()) if methods else set()) - {place for _, place in failed}
    scenarios = sorted({scenario for scenario, _ in shared})
    seeds = complete_seeds(shared, set(scenarios))
    samples = {
        name: score_sample(
            by_seed_and_scenario({place: scoring[name][place] for place in shared if place[1] in seeds}), counts
        )
        for name in methods
    }
    ours = samples.get(method)
    differences = tuple(
        (other, ours.minus(theirs) if ours and (theirs := samples.get(other)) else None) for other in others
    )
    exclusions = (
        *([f"{method} has nothing to act on in {', '.join(sorted(idle))}"] if idle else []),
        *(f"{name} failed on {scenario}, seed {seed}" for name, (scenario, seed) in sorted(failed)),
    )
    return UntestedClaim(method, differences, tuple(scenarios), exclusions)


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
