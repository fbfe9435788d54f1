"""Selects the records of a board: those of current versions, one per cell; and the cells that a method must have."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence, Set

from harness.boards.model import ScenarioSeed
from harness.records.schema import Record
from harness.scenarios.perturbed import own_environments

_Part = tuple[int, str, str, str]  # protocol, benchmark, scenario, and environment; empty for the scenario itself


def scenario_and_seed(record: Record) -> ScenarioSeed:
    """Returns the scenario and seed of a record."""
    return record.cell.scenario, record.cell.seed


def superseded(records: Sequence[Record], is_stale: Callable[[Record], bool]) -> dict[str, str]:
    """Returns the outdated records, which no board uses: by key, the version that made the record, in words.

    A record is superseded if its method or the method's plug-in has another version today, or if another record of its
    protocol has a newer version of its scenario or of one of the scenario's own environments.
    """
    versions = {r.key: _method_version(r) for r in records if is_stale(r)}
    newest: dict[_Part, int] = defaultdict(int)
    for record in records:
        if record.key not in versions:
            for part, version in _versions(record).items():
                newest[part] = max(version, newest[part])
    for record in records:
        if record.key not in versions and any(version < newest[part] for part, version in _versions(record).items()):
            cell = record.cell
            versions[record.key] = f"version {cell.scenario_version} of {cell.scenario} or of its environments"
    return versions


def _method_version(record: Record) -> str:
    plugin = f" (plug-in {record.cell.plugin[:6]})" if record.cell.plugin else ""
    return f"version {record.cell.method_version} of {record.cell.method}{plugin}"


def _versions(record: Record) -> dict[_Part, int]:
    """Returns the versions of a record's scenario and of its environments."""
    cell = record.cell
    by_name = {
        "": cell.scenario_version,
        **{name: cell.environments[name].version for name in own_environments(cell.environments)},
    }
    return {(cell.protocol, cell.benchmark, cell.scenario, name): version for name, version in by_name.items()}


def one_per_cell(records: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    """Returns one record per cell of a method, and the others: runs of the same cells with other derived environments.

    The one is a finished record if there is any, and among those the one with most environments.
    """
    cells: dict[ScenarioSeed, list[Record]] = defaultdict(list)
    for record in records:
        cells[scenario_and_seed(record)].append(record)
    ordered = [
        sorted(same, key=lambda r: (r.status != "done", -len(r.cell.environments), r.key))
        for _, same in sorted(cells.items())
    ]
    return [same[0] for same in ordered], [record for same in ordered for record in same[1:]]


def common_cells(by_method: Mapping[str, Sequence[Record]]) -> set[ScenarioSeed]:
    """Returns the cells that more than half of the rankable methods have; if there is none, all cells.

    One method that ran on more cells than the others therefore does not make them incomplete.
    """
    rankable = [records for records in by_method.values() if records[0].cell.kind in ("ranked", "fixed")]
    methods = rankable or list(by_method.values())
    counts = Counter(cell for records in methods for cell in {scenario_and_seed(record) for record in records})
    common = {cell for cell, count in counts.items() if 2 * count > len(methods)}
    return common or set(counts)


def complete_seeds(places: set[ScenarioSeed], scored: Set[str]) -> set[int]:
    """Returns the seeds that have every scored scenario. Scores of other seeds are over fewer scenarios.

    Args:
        places: scenario and seed of each cell.
        scored: names of the scored scenarios; those without any cell are not required.
    """
    required = {scenario for scenario, _ in places} & scored
    return {seed for _, seed in places if all((scenario, seed) in places for scenario in required)}
