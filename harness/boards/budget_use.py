"""Budget and compute of each method, from records: shows whether all methods of a board had the same budget."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from harness.boards.build import budget_setting
from harness.boards.model import Setting
from harness.protocol import CURVE, STOP_FACTOR
from harness.records.schema import CellInfo, LimitedBy, Record, TrialState

_ASPECTS: Mapping[str, Callable[[CellInfo], str]] = {
    "trials": lambda cell: str(cell.trials),
    "compute seconds per cell": lambda cell: f"{cell.seconds:g}",
    "sampler": lambda cell: cell.sampler,
    "pruner": lambda cell: cell.pruner,
    "limits of training/validation/test rows": lambda cell: "/".join(
        "all" if n is None else str(n) for n in cell.sizes
    ),
}


@dataclass(frozen=True)
class BudgetUse:
    """Budget and compute of one method, on one scenario or on all scenarios of a board.

    Attributes:
        scenario: empty for all scenarios.
        cells: cells with a record.
        failed: cells without a result; nothing but their failure is recorded.
        trials_requested: trials of the budget, over all cells.
        trials: trials that were started, by their final state.
        ended_by: cells by what ended the search: the number of trials, an exhausted search space, or the seconds.
        seconds: compute seconds of the budget, per cell.
        compute: median and maximum compute seconds of tuning in a cell, without shared steps; None without a result.
        shared: mean recorded cost, in full, of the shared steps that a cell used in tuning and scoring, in seconds.
        per_cell: mean of both together, in seconds.
        ratio: ``per_cell`` divided by that of the median method; None if either is missing or the median is 0.
        max_share: largest share of its seconds that a cell used, with every shared step that it is charged for.
    """

    method: str
    scenario: str
    cells: int
    failed: int
    trials_requested: int
    trials: Mapping[TrialState, int]
    ended_by: Mapping[LimitedBy, int]
    seconds: float
    compute: tuple[float, float] | None
    shared: float | None
    per_cell: float | None
    ratio: float | None
    max_share: float | None


def by_board(records: Iterable[Record]) -> dict[Setting, list[Record]]:
    """Groups records by board, without those of input views, which compare no methods; all sizes of curves together."""
    groups: dict[Setting, list[Record]] = defaultdict(list)
    for record in records:
        if not record.cell.view:
            groups[budget_setting(record)].append(record)
    return dict(sorted(groups.items(), key=lambda item: repr(item[0])))


def budget_use(records: Sequence[Record], *, by_scenario: bool) -> list[BudgetUse]:
    """Returns the budget use of each method of a board, or of each scenario and method."""
    scenarios = sorted({record.cell.scenario for record in records}) if by_scenario else [""]
    return [
        line for name in scenarios for line in _by_method([r for r in records if name in ("", r.cell.scenario)], name)
    ]


def _by_method(records: Sequence[Record], scenario: str) -> Iterator[BudgetUse]:
    methods: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        methods[record.cell.method].append(record)
    totals = {name: fmean(map(_total, done)) for name, members in methods.items() if (done := _done(members))}
    middle = median(totals.values()) if totals else 0.0
    for name, members in sorted(methods.items()):
        done = _done(members)
        total = totals.get(name)
        compute = [record.provenance.compute_seconds for record in done]
        yield BudgetUse(
            method=name,
            scenario=scenario,
            cells=len(members),
            failed=sum(record.status == "failed" for record in members),
            trials_requested=sum(record.cell.trials for record in members),
            trials=Counter(trial.state for record in done if record.result for trial in record.result.trials),
            ended_by=Counter(record.result.limited_by for record in done if record.result),
            seconds=members[0].cell.seconds,
            compute=(median(compute), max(compute)) if compute else None,
            shared=fmean(record.provenance.shared_seconds for record in done) if done else None,
            per_cell=total,
            ratio=total / middle if total is not None and middle else None,
            max_share=max(map(share_of_seconds, done), default=None),
        )


def _done(records: Iterable[Record]) -> list[Record]:
    return [record for record in records if record.result is not None]


def _total(record: Record) -> float:
    return record.provenance.compute_seconds + record.provenance.shared_seconds


def share_of_seconds(record: Record) -> float:
    """Returns the compute seconds of a cell's tuning and all its shared steps, also those of scoring, by its budget."""
    return _total(record) / record.cell.seconds


def findings(records: Sequence[Record]) -> list[str]:
    """Returns a sentence for each way in which methods had different budgets or exceeded them; empty if none did."""
    corpora: dict[tuple[str, str, int, bool], list[Record]] = defaultdict(list)
    for record in records:
        cell = record.cell
        corpora[cell.benchmark, cell.corpus, cell.protocol, cell.preset == CURVE].append(record)
    sentences: list[str] = []
    for (benchmark, *_), members in sorted(corpora.items()):
        sentences += [f"{benchmark}: {sentence}" for sentence in (*_unequal(members), *_overspent(members))]
    return sentences


def _unequal(records: Sequence[Record]) -> Iterator[str]:
    """Yields a sentence for each aspect of the budget in which methods differ on the same scenario and seed."""
    places: dict[tuple[str, int], list[CellInfo]] = defaultdict(list)
    for record in records:
        places[record.cell.scenario, record.cell.seed].append(record.cell)
    for aspect, value in _ASPECTS.items():
        # Places with the same difference share one sentence.
        differences: dict[str, list[str]] = defaultdict(list)
        for (scenario, seed), cells in sorted(places.items()):
            by_method: dict[str, set[str]] = defaultdict(set)
            for cell in cells:
                by_method[cell.method].add(value(cell))
            if len({frozenset(values) for values in by_method.values()}) > 1:
                differences[_values_of_methods(by_method)].append(f"{scenario}, seed {seed}")
        for difference, where in differences.items():
            others = f" and {len(where) - 1} more" if len(where) > 1 else ""
            yield f"methods had different {aspect} on {where[0]}{others}: {difference}."


def _values_of_methods(by_method: Mapping[str, set[str]]) -> str:
    methods: dict[str, list[str]] = defaultdict(list)
    for method, values in sorted(by_method.items()):
        methods[" and ".join(sorted(values, key=lambda text: (len(text), text)))].append(method)
    return "; ".join(f"{values} for {', '.join(names)}" for values, names in methods.items())


def _overspent(records: Sequence[Record]) -> Iterator[str]:
    over: dict[str, list[Record]] = defaultdict(list)
    for record in _done(records):
        if share_of_seconds(record) > STOP_FACTOR:
            over[record.cell.method].append(record)
    for method, cells in sorted(over.items()):
        worst = max(cells, key=share_of_seconds)
        yield (
            f"{method} used more than {STOP_FACTOR:g} times its compute seconds in {len(cells)} of its cells, at most "
            f"{share_of_seconds(worst):.2f} times ({worst.cell.scenario}, seed {worst.cell.seed})."
        )
