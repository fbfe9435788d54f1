"""Checks submitted records: readable, made with the current protocol and budget, metrics consistent with counts."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import registry
from harness.boards.budget_use import findings as budget_findings
from harness.boards.build import budget_setting, setting_differences
from harness.errors import UserError
from harness.evaluation import counts
from harness.execution.recorded_methods import NotAllowed, NotRebuilt, declaration_of, external_of, is_fixed
from harness.protocol import CURVE, PRESETS, PROTOCOL_VERSION, STOP_FACTOR
from harness.records.consistency import disagreements
from harness.records.schema import CellInfo, Record, Result
from harness.records.store import MODEL, Store, read
from harness.scenarios.perturbed import own_environments

TestRows = dict[tuple[str, str, int], int]  # number of test rows by environment, unit and class


@dataclass(frozen=True)
class Finding:
    """A fault and the file that has it (the folder's name if it concerns several files)."""

    path: str
    text: str


def check(
    folder: Path,
    official: Iterable[Record],
    allow_external: bool = False,
    opening: Callable[[str], None] = lambda names: None,
) -> tuple[list[Record], list[Finding]]:
    """Checks every record of a folder.

    Args:
        folder: laid out as a results folder.
        official: existing records. With the same preset, submitted records must have the same search and precision, and
            the same test rows as other methods' records of the same scenario and seed.
        allow_external: see `harness.execution.recorded_methods.method_of`; only methods with a search space are opened.
        opening: called with what a record names, in words, before it is opened.

    Returns:
        The records that can be read, and the findings.
    """
    store, findings = Store(folder), list[Finding]()
    records: list[tuple[str, Record]] = []
    for path in sorted(folder.rglob("*.json")):
        name = path.relative_to(folder).as_posix()
        if any(part.startswith(".") or part.endswith(MODEL) for part in Path(name).parts[:-1]):
            continue  # other files of runs, such as logs and saved predictors
        try:
            record = read(path)
        except UserError as error:
            findings.append(Finding(name, str(error)))
            continue
        records.append((name, record))
    if allow_external:
        for names in external_of(record for _, record in records if not is_fixed(record.cell)):
            opening(names)
    for name, record in records:
        findings += [Finding(name, text) for text in _record_faults(store, folder / name, record, allow_external)]
    existing = list(official)
    findings += [Finding(name, text) for name, text in _other_settings(records, existing)]
    findings += [Finding(name, text) for name, text in _other_rows(records, existing)]
    findings += [Finding(folder.name, text) for text in budget_findings([record for _, record in records])]
    return [record for _, record in records], findings


def _record_faults(store: Store, path: Path, record: Record, allow_external: bool) -> Iterator[str]:
    cell = record.cell
    expected = store.path(record.id)
    if path != expected:
        yield f"its path should be {expected.relative_to(store.root)}"
    yield from _key(record, allow_external)
    if cell.protocol != PROTOCOL_VERSION:
        yield f"it was made with protocol {cell.protocol}; the current one is {PROTOCOL_VERSION}"
    yield from _budget(record)
    if record.result is not None:
        yield from _result(record, record.result)


def _key(record: Record, allow_external: bool) -> Iterator[str]:
    cell = record.cell
    version = registry.version_of(cell.method)
    if version not in (None, cell.method_version):
        yield f"it was made with version {cell.method_version} of {cell.method}; the current one is {version}"
        return
    try:
        method = declaration_of(cell, allow_external)
    except NotAllowed as error:
        yield f"its key was not checked, since {error.names} must be opened for it; allow this with --allow-external"
        return
    except NotRebuilt as error:
        yield str(error)
        return
    if (method.kind, method.tags) != (cell.kind, cell.tags):
        yield f"{cell.method} is {method.kind} with tags {method.tags}, not {cell.kind} with {cell.tags}"
    elif cell.key(method.space) != record.key:
        yield "its key does not match its cell and the method's search space; the cell was changed"


def _budget(record: Record) -> Iterator[str]:
    """Yields deviations from the preset's sizes, trials, seconds and seeds; learning curves are free in these."""
    cell = record.cell
    if record.provenance.compute_seconds > STOP_FACTOR * cell.seconds:
        yield f"it used {record.provenance.compute_seconds:.0f} compute seconds; its budget is {cell.seconds:g}"
    preset = PRESETS.get(cell.preset)
    if cell.preset == CURVE:
        return
    if preset is None:
        yield f"the preset {cell.preset} does not exist"
        return
    if not preset.ranked:
        yield f"the preset {preset.name} does not rank; run the cell with one that does, such as standard"
    sizes = [preset.sizes.train, preset.sizes.validation, preset.sizes.test]
    values = (("sizes", cell.sizes, sizes), ("trials", cell.trials, preset.trials))
    for name, stated, expected in (*values, ("seconds", cell.seconds, preset.seconds)):
        if stated != expected:
            yield f"its {name} are {stated}, but those of the preset {preset.name} are {expected}"
    if cell.seed >= preset.seeds:
        yield f"seed {cell.seed} is outside those of the preset {preset.name}, 0 to {preset.seeds - 1}"


def _result(record: Record, result: Result) -> Iterator[str]:
    for place, stated, counted in disagreements(record):
        yield f"it has {place} = {stated}, but its counts give {counted}"
    if not set(result.metrics) == set(result.counts) == set(result.predictions):
        yield "its metrics, counts and predictions cover different environments"
    if not result.confidence:
        yield "it has an older schema, without counts of confidence and flips; run its cell again"
    yield from _trials(record, result)


def _trials(record: Record, result: Result) -> Iterator[str]:
    numbers = [trial.number for trial in result.trials]
    if numbers != list(range(len(numbers))) or len(numbers) > record.cell.trials:
        yield f"its trials are numbered {numbers}; expected are 0, 1, … and at most {record.cell.trials} trials"
        return
    scores = {t.number: getattr(t, result.selected_by) for t in result.trials if t.state == "complete"}
    best = max((value for value in scores.values() if value is not None), default=None)
    if best is None or scores.get(result.best_trial) != best:
        yield f"trial {result.best_trial} is not the best of its trials by {result.selected_by}"
    elif result.params != result.trials[result.best_trial].params:
        yield "its configuration differs from that of its best trial"


def _other_settings(records: Sequence[tuple[str, Record]], official: Sequence[Record]) -> Iterator[tuple[str, str]]:
    """Yields records with another corpus, search or precision, which would form a board of their own."""
    settings = Counter(map(budget_setting, official)).most_common()
    corpora = {setting.corpus for setting, _ in settings}
    for name, record in records:
        setting = budget_setting(record)
        if corpora and setting.corpus not in corpora:
            yield name, f"no existing record has this corpus, {setting.benchmark} {setting.corpus[:8]}"
        same = (s for s, _ in settings if s[:4] == setting[:4])
        if (usual := next(same, setting)) != setting:
            yield name, f"its setting differs from the existing records: {setting_differences(setting, usual)}"


def _other_rows(records: Sequence[tuple[str, Record]], official: Iterable[Record]) -> Iterator[tuple[str, str]]:
    """Yields records whose test rows differ from those of most records of the same corpus, scenario and seed."""
    groups: dict[tuple[object, ...], list[tuple[str, TestRows]]] = defaultdict(list)
    submitted = {record.key for _, record in records}
    existing = (("", record) for record in official if record.key not in submitted)
    for name, record in [*records, *existing]:
        cell = record.cell
        if record.result is not None:
            place = (cell.protocol, cell.corpus, cell.scenario, cell.scenario_version, cell.seed, tuple(cell.sizes))
            groups[place].append((name, _test_rows(cell, record.result)))
    for members in groups.values():
        common = Counter(frozenset(rows.items()) for _, rows in members).most_common(1)[0][0]
        for name, rows in members:
            if name and frozenset(rows.items()) != common:
                yield name, "its test rows differ from those of other methods with the same scenario and seed"


def _test_rows(cell: CellInfo, result: Result) -> TestRows:
    """Returns the test rows of a scenario's own environments, without derived ones, which only some runs have."""
    numbers: TestRows = Counter()
    for env in own_environments(cell.environments):
        if env not in result.counts:
            continue  # reported as a fault of the record itself
        for unit, true, _, _, rows in counts.table(result.tables, env).tolist():
            numbers[env, result.units[unit], true] += rows
    return numbers
