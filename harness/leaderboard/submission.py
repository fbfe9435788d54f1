"""Whether records handed in are what they say: readable, of today's protocol and budget, true to their own counts."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import UserError
from harness.evaluation import counts
from harness.execution.rerun import NotRebuilt, method_of
from harness.leaderboard.budget_use import findings as unequal_budgets
from harness.leaderboard.build import asked_otherwise, setting_of
from harness.protocol import PRESETS, PROTOCOL_VERSION, STOP_FACTOR
from harness.records.consistency import disagreements
from harness.records.schema import Record, Result
from harness.records.store import MODEL, Store, read
from harness.scenarios.perturbed import own_environments

Truth = dict[tuple[str, str, int], int]  # environment, unit and class of test rows, and how many


@dataclass(frozen=True)
class Finding:
    """What is wrong, and with which file (a folder's name where it is with several)."""

    path: str
    text: str


def check(folder: Path, official: Iterable[Record]) -> tuple[list[Record], list[Finding]]:
    """Checks every record of a folder.

    Args:
        folder: laid out as a results folder.
        official: records that stand already; handed in, the same preset must mean the same search and precision, and
            the same cell of another method must have the same test rows.

    Returns:
        The records that can be read, and what is wrong.
    """
    store, found = Store(folder), list[Finding]()
    records: list[tuple[str, Record]] = []
    for path in sorted(folder.rglob("*.json")):
        name = path.relative_to(folder).as_posix()
        if any(part.startswith(".") or part.endswith(MODEL) for part in Path(name).parts[:-1]):
            continue  # what runs keep beside records
        try:
            record = read(path)
        except UserError as error:
            found.append(Finding(name, str(error)))
            continue
        records.append((name, record))
        found += [Finding(name, text) for text in _of_record(store, path, record)]
    standing = list(official)
    found += [Finding(name, text) for name, text in _other_settings(records, standing)]
    found += [Finding(name, text) for name, text in _other_rows(records, standing)]
    found += [Finding(folder.name, text) for text in unequal_budgets([record for _, record in records])]
    return [record for _, record in records], found


def _of_record(store: Store, path: Path, record: Record) -> Iterator[str]:
    cell = record.cell
    place = store.path(record.id)
    if path != place:
        yield f"it belongs at {place.relative_to(store.root)}"
    yield from _key(record)
    if cell.protocol != PROTOCOL_VERSION:
        yield f"it is of protocol {cell.protocol}, today's is {PROTOCOL_VERSION}"
    yield from _budget(record)
    if record.result is not None:
        yield from _result(record, record.result)


def _key(record: Record) -> Iterator[str]:
    cell = record.cell
    try:
        method = method_of(cell)
    except NotRebuilt as error:
        yield str(error)
        return
    if method.version != cell.method_version:
        yield f"it is of version {cell.method_version} of {cell.method}, today's is {method.version}"
    elif (method.kind, sorted(method.tags)) != (cell.kind, cell.tags):
        yield f"{cell.method} is {method.kind} with tags {sorted(method.tags)}, not {cell.kind} with {cell.tags}"
    elif cell.key(method.described_space) != record.key:
        yield "its key is not that of its cell and of the method's search space; something of the cell was changed"


def _budget(record: Record) -> Iterator[str]:
    """A preset's name stands for its sizes, trials and seconds."""
    cell = record.cell
    preset = PRESETS.get(cell.preset)
    if preset is None:
        yield f"the preset {cell.preset} is unknown"
        return
    if not preset.ranked:
        yield f"the preset {preset.name} does not rank; run it under one that does, as standard"
    sizes = [preset.sizes.train, preset.sizes.validation, preset.sizes.test]
    asked = (("sizes", cell.sizes, sizes), ("trials", cell.trials, preset.trials))
    for what, stated, wanted in (*asked, ("seconds", cell.seconds, preset.seconds)):
        if stated != wanted:
            yield f"{what} {stated} are not those of the preset {preset.name}, {wanted}"
    if cell.seed >= preset.seeds:
        yield f"seed {cell.seed} is none of the preset {preset.name}, 0 to {preset.seeds - 1}"
    if record.provenance.compute_seconds > STOP_FACTOR * cell.seconds:
        yield f"it spent {record.provenance.compute_seconds:.0f} compute seconds of {cell.seconds:g}"


def _result(record: Record, result: Result) -> Iterator[str]:
    cell = record.cell
    try:
        for place, stated, counted in disagreements(record):
            yield f"it states {place} = {stated}, and its counts give {counted}"
    except ValueError as error:
        yield str(error)
    if not set(result.metrics) == set(result.counts) == set(result.predictions):
        yield "figures, counts and predictions are not of the same environments"
    if unknown := sorted(set(result.metrics) - set(cell.environments)):
        yield f"it has figures of {', '.join(unknown)}, which its cell does not name"
    if lacking := sorted(set(cell.scored) - set(result.metrics)):
        yield f"it has no figures of {', '.join(lacking)}, which the score needs"
    if not result.confidence:
        yield "it is of an older schema, without counts of confidence and flips; run its cell again"
    yield from _trials(record, result)


def _trials(record: Record, result: Result) -> Iterator[str]:
    numbers = [trial.number for trial in result.trials]
    if numbers != list(range(len(numbers))) or len(numbers) > record.cell.trials:
        yield f"its trials are numbered {numbers}, and {record.cell.trials} were asked"
        return
    done = {t.number: getattr(t, result.selected_by) for t in result.trials if t.state == "complete"}
    best = max((value for value in done.values() if value is not None), default=None)
    if best is None or done.get(result.best_trial) != best:
        yield f"trial {result.best_trial} is not the best of its trials by {result.selected_by}"
    elif result.params != result.trials[result.best_trial].params:
        yield "its configuration is not that of its best trial"


def _other_settings(records: Sequence[tuple[str, Record]], official: Sequence[Record]) -> Iterator[tuple[str, str]]:
    """Names records that were searched or computed otherwise, so that they would stand on a board of their own."""
    standing = Counter(map(setting_of, official)).most_common()
    corpora = {setting.corpus for setting, _ in standing}
    for name, record in records:
        setting = setting_of(record)
        if corpora and setting.corpus not in corpora:
            yield name, f"no record that stands is of this corpus, {setting.benchmark} {setting.corpus[:8]}"
        same = (s for s, _ in standing if (s.corpus, s.preset) == (setting.corpus, setting.preset))
        if (usual := next(same, setting)) != setting:
            yield name, f"the records that stand were asked otherwise: {asked_otherwise(setting, usual)}"


def _other_rows(records: Sequence[tuple[str, Record]], official: Iterable[Record]) -> Iterator[tuple[str, str]]:
    """Names records whose test rows differ from those that most records have of the same corpus, scenario and seed."""
    seen: dict[tuple[object, ...], list[tuple[str, Truth]]] = defaultdict(list)
    handed_in = {record.key for _, record in records}
    standing = (("", record) for record in official if record.key not in handed_in)
    for name, record in [*records, *standing]:
        cell = record.cell
        if record.result is not None:
            place = (cell.corpus, cell.scenario, cell.scenario_version, cell.seed, tuple(cell.sizes))
            seen[place].append((name, _truth(record.result)))
    for members in seen.values():
        common = Counter(frozenset(_shared(truth).items()) for _, truth in members).most_common(1)[0][0]
        for name, truth in members:
            if name and frozenset(_shared(truth).items()) != common:
                yield name, "its test rows are not those that other methods have of this scenario and seed"


def _shared(truth: Truth) -> Truth:
    """Without what only some runs add to a scenario."""
    kept = set(own_environments({env for env, _, _ in truth}))
    return {key: rows for key, rows in truth.items() if key[0] in kept}


def _truth(result: Result) -> Truth:
    out: Truth = Counter()
    for env in result.counts:
        try:
            table = counts.table(result.tables, env)
        except ValueError:
            continue  # said of the record itself already
        for unit, true, _, _, rows in table.tolist():
            out[env, result.units[unit], true] += rows
    return out
