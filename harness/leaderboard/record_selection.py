"""Which records a board takes: those of today's versions, one per cell, and the cells that a method must have."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set

from harness.leaderboard.model import Place
from harness.records.schema import Record
from harness.scenarios.perturbed import own_environments


def place_of(record: Record) -> Place:
    """Returns the scenario and seed of a record."""
    return record.cell.scenario, record.cell.seed


def superseded(records: Sequence[Record], is_stale: Callable[[Record], bool]) -> dict[str, str]:
    """Returns why records stand on no board, by key: what they were made by, in words.

    A record is superseded where its method or the protocol has another version today, or where another record is of a
    newer version of its scenario or of one of the scenario's own environments.
    """
    out = {
        r.key: f"version {r.cell.method_version} of {r.cell.method} under protocol {r.cell.protocol}"
        for r in records
        if is_stale(r)
    }
    newest: dict[tuple[str, str, str], int] = defaultdict(int)
    for record in records:
        if record.key not in out:
            for part, version in _versions(record).items():
                newest[part] = max(version, newest[part])
    for record in records:
        if record.key not in out and any(version < newest[part] for part, version in _versions(record).items()):
            out[record.key] = f"version {record.cell.scenario_version} of {record.cell.scenario} or of its environments"
    return out


def _versions(record: Record) -> dict[tuple[str, str, str], int]:
    """By benchmark, scenario and environment; the scenario itself has no environment's name."""
    cell = record.cell
    versions = {
        "": cell.scenario_version,
        **{name: cell.environments[name].version for name in own_environments(cell.environments)},
    }
    return {(cell.benchmark, cell.scenario, name): version for name, version in versions.items()}


def one_per_cell(records: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    """Returns one record of one method per cell, and the others: runs of the same cell with other derived tests.

    The one is done where any is, and has the most environments.
    """
    found: dict[Place, list[Record]] = defaultdict(list)
    for record in records:
        found[place_of(record)].append(record)
    ordered = [
        sorted(same, key=lambda r: (r.status != "done", -len(r.cell.environments), r.key))
        for _, same in sorted(found.items())
    ]
    return [same[0] for same in ordered], [record for same in ordered for record in same[1:]]


def common(by_method: Mapping[str, Sequence[Record]]) -> set[Place]:
    """Returns the cells of more than half of the methods that can be ranked; where none is so common, all cells.

    So one method that ran on more than the others unranks none of them.
    """
    rankable = [found for found in by_method.values() if found[0].cell.kind in ("ranked", "fixed")]
    counts = Counter(place for found in rankable or by_method.values() for place in {place_of(r) for r in found})
    usual = {place for place, count in counts.items() if 2 * count > len(rankable or by_method)}
    return usual or set(counts)


def whole_seeds(places: set[Place], scored: Set[str]) -> set[int]:
    """Returns the seeds that have every scored scenario: the score of another is over other scenarios than theirs.

    Args:
        places: cells.
        scored: names of scenarios that are scored; those of which there is no cell are not asked for.
    """
    wanted = {scenario for scenario, _ in places} & scored
    return {seed for _, seed in places if all((scenario, seed) in places for scenario in wanted)}
