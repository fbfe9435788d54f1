"""Learning curves from records: the score of each method by number of training rows, and where two methods cross."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from statistics import fmean

from harness.boards.absent_classes import class_notes, tested_classes, without_single_class
from harness.boards.build import Rules, display_names, setting_of, shared_test_notes, stale_notes
from harness.boards.cell_counts import BoardCounts
from harness.boards.model import ScenarioSeed, Setting
from harness.boards.notes import merge_numbers
from harness.boards.record_selection import one_per_cell, scenario_and_seed, superseded
from harness.boards.rows import scoring_records
from harness.boards.scores import in_distribution, sample_of, score_sample
from harness.protocol import CURVE, FALLBACK
from harness.records.schema import Record
from harness.statistics.intervals import Interval, Sample, t_interval
from harness.statistics.learning_curve import Crossing, crossing

SCORE, ID = "score", "id"  # what a curve shows: the score, or macro-F1 in `id` where the scenario is not scored
_Samples = Mapping[int, Sample]  # by place of the size among the sizes of the curves


@dataclass(frozen=True)
class CurveSize:
    """One number of training rows.

    Attributes:
        requested: most rows of training; None for no limit.
        rows: rows that were trained on, mean over seeds.
        range: the fewest and the most of them.
    """

    requested: int | None
    rows: float
    range: tuple[int, int]


@dataclass(frozen=True)
class MethodCurve:
    """The learning curve of one method.

    Attributes:
        scores: mean over seeds with its interval, by place of the size in `LearningCurves.sizes`.
        seeds: the seeds that count, the same at every size.
        failed: places of sizes with a failed cell, which counts with the score of the fallback.
    """

    method: str
    scores: Mapping[int, Interval]
    seeds: tuple[int, ...]
    failed: frozenset[int]


@dataclass(frozen=True)
class CurveCrossing:
    """Comparison of two learning curves over the sizes and seeds that both have.

    Attributes:
        method: the one that is ahead at the largest size, or the first of two that are equal everywhere.
        other: the other one.
        crossing: of the difference, the method's score minus the other's.
        sizes: places of the smallest and largest size compared.
        difference: at the largest size, with its interval.
    """

    method: str
    other: str
    crossing: Crossing
    sizes: tuple[int, int]
    difference: Interval


@dataclass(frozen=True)
class LearningCurves:
    """The learning curves of all methods on one scenario of a corpus with one budget.

    Attributes:
        setting: corpus, budget and precision; its only size is that of each test.
        scenario: name of the scenario.
        metric: `SCORE` or `ID`.
        sizes: numbers of training rows, ascending.
        curves: of the methods, best at the largest size first.
        crossings: of each pair of methods.
        notes: sizes that are not shown, failed and missing cells, stale records, and notes of scenario and methods.
        records: number of records they are made from.
    """

    setting: Setting
    scenario: str
    metric: str
    sizes: tuple[CurveSize, ...]
    curves: tuple[MethodCurve, ...]
    crossings: tuple[CurveCrossing, ...]
    notes: tuple[str, ...]
    records: int


def learning_curves(records: Iterable[Record], rules: Rules) -> list[LearningCurves]:
    """Returns the learning curves of a folder: one set for each scenario, corpus and budget.

    Args:
        records: any records; those that are not of a learning curve (`harness curve`) are skipped.
        rules: see `Rules`.
    """
    groups: dict[tuple[Setting, str], list[Record]] = defaultdict(list)
    for record in records:
        cell = record.cell
        if cell.preset == CURVE and not cell.view:
            groups[setting_of(record)._replace(sizes=(cell.sizes[2],)), cell.scenario].append(record)
    return [_curves(*place, group, rules) for place, group in sorted(groups.items(), key=lambda item: repr(item[0]))]


def _curves(setting: Setting, scenario: str, records: list[Record], rules: Rules) -> LearningCurves:
    outdated = superseded(records, rules.is_stale)
    fresh = [record for record in records if record.key not in outdated]
    tested = tested_classes(fresh)
    fresh = [without_single_class(record, tested) for record in fresh]
    by_size: dict[tuple[int | None, ...], list[Record]] = defaultdict(list)
    for record in fresh:
        by_size[tuple(record.cell.sizes)].append(record)
    sizes, groups, size_notes = _sizes(by_size)
    names = display_names(fresh)
    scoring = {(place, name): own for place, group in enumerate(groups) for name, own in _scoring(group, names)}
    counts = BoardCounts({f"{place} {name}": own for (place, name), own in scoring.items()})
    metric = SCORE if any(record.cell.scored for record in fresh) else ID
    curves, samples, gaps = list[MethodCurve](), dict[str, _Samples](), list[str]()
    for name in sorted(set(names.values())):
        own = {place: scoring[place, name] for place in range(len(sizes)) if scoring.get((place, name))}
        seeds = sorted(set.intersection(*({seed for _, seed in cells} for cells in own.values()))) if own else []
        gaps += _gaps(name, own, seeds, sizes)
        found = {place: _sample(cells, seeds, metric, counts) for place, cells in own.items()} if seeds else {}
        samples[name] = {place: sample for place, sample in found.items() if sample is not None}
        if samples[name]:
            scores = {place: t_interval(sample) for place, sample in samples[name].items()}
            curves.append(MethodCurve(name, scores, tuple(seeds), _failed(name, own, seeds)))
    curves.sort(key=lambda curve: (-max(curve.scores), -curve.scores[max(curve.scores)].mean, curve.method))
    pairs = [_compared(a, b, samples, sizes) for a, b in combinations(curves, 2)]
    return LearningCurves(
        setting,
        scenario,
        metric,
        sizes,
        tuple(curves),
        tuple(pair for pair in pairs if isinstance(pair, CurveCrossing)),
        (
            *size_notes,
            *_failures(fresh, names),
            *gaps,
            *(pair for pair in pairs if isinstance(pair, str)),
            *merge_numbers({note for r in fresh if r.result for note in r.result.notes}),
            *class_notes(tested),
            *shared_test_notes(counts.shared_units),
            *stale_notes([r for r in records if r.key in outdated], outdated),
        ),
        len(records),
    )


def _sizes(
    by_size: Mapping[tuple[int | None, ...], list[Record]],
) -> tuple[tuple[CurveSize, ...], list[list[Record]], list[str]]:
    """Returns the sizes with different numbers of training rows, ascending; their records; and notes on the others."""
    found: list[tuple[CurveSize, dict[int, int], list[Record]]] = []
    notes: list[str] = []
    for (requested, *_), records in by_size.items():
        rows = {record.cell.seed: record.result.rows["train"] for record in records if record.result}
        if rows and min(rows.values()) > 0:
            span = (min(rows.values()), max(rows.values()))
            found.append((CurveSize(requested, fmean(rows.values()), span), rows, records))
        else:
            notes.append(f"{_number(requested)} rows requested: no cell has a result")
    found.sort(key=lambda item: (item[0].rows, item[0].requested is None, item[0].requested or 0))
    kept: list[tuple[CurveSize, dict[int, int], list[Record]]] = []
    for size, rows, records in found:
        trained = _number(size.range[0]) + (f" to {_number(size.range[1])}" if size.range[0] < size.range[1] else "")
        if kept and (round(size.rows) <= round(kept[-1][0].rows) or _same(rows, kept[-1][1])):
            same = f"training has no more rows than with {_number(kept[-1][0].requested)} requested"
            notes.append(f"{_number(size.requested)} rows requested: not shown, since {same}")
            continue
        kept.append((size, rows, records))
        if size.requested is not None and size.range[0] < size.requested:
            notes.append(f"{_number(size.requested)} rows requested: training has only {trained}")
    return tuple(size for size, _, _ in kept), [records for _, _, records in kept], notes


def _same(rows: Mapping[int, int], others: Mapping[int, int]) -> bool:
    """Whether all seeds that two sizes have were trained on as many rows."""
    common = rows.keys() & others.keys()
    return bool(common) and all(rows[seed] == others[seed] for seed in common)


def _scoring(records: list[Record], names: Mapping[str, str]) -> Iterator[tuple[str, dict[ScenarioSeed, Record]]]:
    """Yields each method of one size with the record that counts in each of its cells, as on boards."""
    by_method: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        by_method[names[record.key]].append(record)
    one = {name: one_per_cell(own)[0] for name, own in by_method.items()}
    cells = {scenario_and_seed(record) for record in records}
    fallback = {scenario_and_seed(r): r for r in one.get(FALLBACK, []) if r.result is not None}
    for name, own in one.items():
        yield name, scoring_records(own, fallback, cells)


def _sample(
    cells: Mapping[ScenarioSeed, Record], seeds: Sequence[int], metric: str, counts: BoardCounts
) -> Sample | None:
    by_seed = {seed: {scenario: record} for (scenario, seed), record in sorted(cells.items()) if seed in seeds}
    return score_sample(by_seed, counts) if metric == SCORE else sample_of(by_seed, in_distribution, counts)


def _failed(name: str, own: Mapping[int, Mapping[ScenarioSeed, Record]], seeds: Sequence[int]) -> frozenset[int]:
    """Returns the places of sizes at which the fallback stands for a failed cell of the method."""
    if name == FALLBACK:
        return frozenset()
    return frozenset(
        place
        for place, cells in own.items()
        if any(record.cell.method == FALLBACK for (_, seed), record in cells.items() if seed in seeds)
    )


def _compared(
    one: MethodCurve, other: MethodCurve, samples: Mapping[str, _Samples], sizes: Sequence[CurveSize]
) -> CurveCrossing | str:
    """Returns the comparison of two curves, or why they cannot be compared."""
    places = sorted(one.scores.keys() & other.scores.keys())
    seeds = sorted(set(one.seeds) & set(other.seeds))
    if len(places) < 2 or not seeds:
        lacking = "seed" if not seeds else "two sizes"
        return f"{one.method} and {other.method} are not compared: they have no {lacking} in common"
    at = [[curve.seeds.index(seed) for seed in seeds] for curve in (one, other)]
    pairs = [(samples[one.method][p].at(at[0]), samples[other.method][p].at(at[1])) for p in places]
    rows, names = [sizes[p].rows for p in places], (one.method, other.method)
    found = crossing(rows, [a.minus(b) for a, b in pairs])
    if found.largest < 0:
        names, pairs = (other.method, one.method), [(b, a) for a, b in pairs]
        found = found._replace(smallest=-found.smallest, largest=1)
    return CurveCrossing(*names, found, (places[0], places[-1]), t_interval(pairs[-1][0].minus(pairs[-1][1])))


def _failures(records: Iterable[Record], names: Mapping[str, str]) -> Iterator[str]:
    """Yields a line per method, size and reason of cells without a result."""
    seeds: dict[tuple[str, str, str], list[int]] = defaultdict(list)
    for record in records:
        reason = "not applicable" if record.failure is None else f"failed: {record.failure.reason}"
        if record.result is None:
            seeds[names[record.key], _number(record.cell.sizes[0]), reason].append(record.cell.seed)
    for (name, rows, reason), own in sorted(seeds.items()):
        yield f"{name} at {rows} rows, {_seeds(own)}: {reason}"


def _gaps(
    name: str, own: Mapping[int, Mapping[ScenarioSeed, Record]], seeds: Sequence[int], sizes: Sequence[CurveSize]
) -> Iterator[str]:
    """Yields a line on the sizes that a method's curve lacks, and one on the seeds that are not in it."""
    if missing := [_number(round(size.rows)) for place, size in enumerate(sizes) if place not in own]:
        yield f"{name}: no score at {', '.join(missing)} rows"
    if others := sorted({seed for cells in own.values() for _, seed in cells} - set(seeds)):
        reason = f"some size has no score of {'it' if len(others) == 1 else 'them'}"
        yield f"{name}: {_seeds(others)} not counted, since {reason}"


def _seeds(seeds: Sequence[int]) -> str:
    return f"seed{'s' * (len(seeds) > 1)} {', '.join(map(str, sorted(seeds)))}"


def _number(rows: int | None) -> str:
    return "all" if rows is None else f"{rows:,}"
