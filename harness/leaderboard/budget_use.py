"""What each method was asked and what it spent, from records: the figures that show whether a board was fair."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median

from harness.leaderboard.build import Setting, setting_of
from harness.protocol import STOP_FACTOR
from harness.records.schema import CellInfo, LimitedBy, Record, TrialState
from harness.scenarios.input_views import AT

_ASPECTS: Mapping[str, Callable[[CellInfo], str]] = {
    "trials": lambda cell: str(cell.trials),
    "compute seconds per cell": lambda cell: f"{cell.seconds:g}",
    "sampler": lambda cell: cell.sampler,
    "pruner": lambda cell: cell.pruner,
    "most rows of train, validation and tests": lambda cell: "/".join(
        "all" if n is None else str(n) for n in cell.sizes
    ),
}


@dataclass(frozen=True)
class Spending:
    """What one method was asked and spent, on one scenario or on all of a board.

    Attributes:
        scenario: empty where it is all of them.
        cells: with a record; ``failed`` of them have no result, and of those nothing but the failure is known.
        asked: trials, over all cells.
        trials: those that were begun, by what became of them.
        ended_by: cells by what ended the search: the trials asked, a space that holds no more, or the seconds.
        seconds: compute seconds asked per cell.
        compute: median and most compute seconds of tuning in a cell, without shared steps; None without a result.
        shared: mean recorded cost, in full, of the shared steps that a cell used in tuning and scoring.
        per_cell: mean of both together.
        ratio: ``per_cell`` over that of the median method; None where either is not there or the median is 0.
        most_of_cap: largest share of its seconds that a cell spent in tuning, shared steps included.
    """

    method: str
    scenario: str
    cells: int
    failed: int
    asked: int
    trials: Mapping[TrialState, int]
    ended_by: Mapping[LimitedBy, int]
    seconds: float
    compute: tuple[float, float] | None
    shared: float | None
    per_cell: float | None
    ratio: float | None
    most_of_cap: float | None


def by_board(records: Iterable[Record]) -> dict[Setting, list[Record]]:
    """Groups records as the leaderboard does, without the views of a scenario, which compare no methods."""
    grouped: dict[Setting, list[Record]] = defaultdict(list)
    for record in records:
        if AT not in record.cell.scenario:
            grouped[setting_of(record)].append(record)
    return dict(sorted(grouped.items(), key=lambda item: repr(item[0])))


def spendings(records: Sequence[Record], *, by_scenario: bool) -> list[Spending]:
    """Returns one line per method of a board, or one per scenario and method."""
    scenarios = sorted({record.cell.scenario for record in records}) if by_scenario else [""]
    return [
        line for name in scenarios for line in _compared([r for r in records if name in ("", r.cell.scenario)], name)
    ]


def _compared(records: Sequence[Record], scenario: str) -> Iterator[Spending]:
    methods: dict[str, list[Record]] = defaultdict(list)
    for record in records:
        methods[record.cell.method].append(record)
    totals = {name: fmean(map(_total, done)) for name, found in methods.items() if (done := _done(found))}
    middle = median(totals.values()) if totals else 0.0
    for name, found in sorted(methods.items()):
        done = _done(found)
        total = totals.get(name)
        compute = [record.provenance.compute_seconds for record in done]
        yield Spending(
            method=name,
            scenario=scenario,
            cells=len(found),
            failed=sum(record.status == "failed" for record in found),
            asked=sum(record.cell.trials for record in found),
            trials=Counter(trial.state for record in done if record.result for trial in record.result.trials),
            ended_by=Counter(record.result.limited_by for record in done if record.result),
            seconds=found[0].cell.seconds,
            compute=(median(compute), max(compute)) if compute else None,
            shared=fmean(record.provenance.shared_seconds for record in done) if done else None,
            per_cell=total,
            ratio=total / middle if total is not None and middle else None,
            most_of_cap=max(map(share_of_cap, done), default=None),
        )


def _done(records: Iterable[Record]) -> list[Record]:
    return [record for record in records if record.result is not None]


def _total(record: Record) -> float:
    return record.provenance.compute_seconds + record.provenance.shared_seconds


def share_of_cap(record: Record) -> float:
    """Returns the compute seconds of a cell's tuning, shared steps of its trials included, over those asked."""
    shared = sum(trial.shared_seconds for trial in record.provenance.trials)
    return (record.provenance.compute_seconds + shared) / record.cell.seconds


def findings(records: Sequence[Record]) -> list[str]:
    """Returns a sentence per way in which the budget was not the same for all, or was not kept; none when it held."""
    corpora: dict[tuple[str, str], list[Record]] = defaultdict(list)
    for record in records:
        corpora[record.cell.benchmark, record.cell.corpus].append(record)
    found: list[str] = []
    for (benchmark, _), members in sorted(corpora.items()):
        found += [f"{benchmark}: {sentence}" for sentence in (*_unequal(members), *_overspent(members))]
    return found


def _unequal(records: Sequence[Record]) -> Iterator[str]:
    """One sentence per aspect and per way in which methods differ in it where they ran on the same."""
    places: dict[tuple[str, int], list[CellInfo]] = defaultdict(list)
    for record in records:
        places[record.cell.scenario, record.cell.seed].append(record.cell)
    for aspect, value in _ASPECTS.items():
        pictures: dict[str, list[str]] = defaultdict(list)
        for (scenario, seed), cells in sorted(places.items()):
            asked: dict[str, set[str]] = defaultdict(set)
            for cell in cells:
                asked[cell.method].add(value(cell))
            if len({frozenset(values) for values in asked.values()}) > 1:
                pictures[_picture(asked)].append(f"{scenario}, seed {seed}")
        for picture, where in pictures.items():
            others = f" and {len(where) - 1} more" if len(where) > 1 else ""
            yield f"methods were asked different {aspect} on {where[0]}{others}: {picture}."


def _picture(asked: Mapping[str, set[str]]) -> str:
    methods: dict[str, list[str]] = defaultdict(list)
    for method, values in sorted(asked.items()):
        methods[" and ".join(sorted(values, key=lambda text: (len(text), text)))].append(method)
    return "; ".join(f"{values} for {', '.join(names)}" for values, names in methods.items())


def _overspent(records: Sequence[Record]) -> Iterator[str]:
    over: dict[str, list[Record]] = defaultdict(list)
    for record in _done(records):
        if share_of_cap(record) > STOP_FACTOR:
            over[record.cell.method].append(record)
    for method, cells in sorted(over.items()):
        worst = max(cells, key=share_of_cap)
        yield (
            f"{method} spent more than {STOP_FACTOR:g} times its compute seconds in {len(cells)} of its cells, at most "
            f"{share_of_cap(worst):.2f} times ({worst.cell.scenario}, seed {worst.cell.seed})."
        )
