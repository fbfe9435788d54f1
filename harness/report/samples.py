"""Sample payloads of one cell: what each method said of them in every environment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.benchmark import Benchmark
from harness.data.corpus import Corpus
from harness.records.predictions import Predictions
from harness.records.schema import Record
from harness.records.store import Store
from harness.report.corpora import Kept, Opened, has_predictions, kept
from harness.report.occlusion import Falls, Occluded, occluded
from harness.report.payloads import LEVELS, Shown, shown
from harness.scenario import NEUTRAL, Environment, Rendered, Rows, Scenario, Sizes
from harness.scenarios.perturbed import base_of, own_environments

MOST = 12  # payloads, spread over the classes
Cell = tuple[str, int]  # scenario and seed


@dataclass(frozen=True)
class View:
    """A payload in one environment.

    Attributes:
        points_to: the class that its cues were made to name, empty where none.
        predicted: class by method.
    """

    environment: str
    payload: Shown
    points_to: str
    predicted: Mapping[str, str]


@dataclass(frozen=True)
class HangsOn:
    """What one prediction hangs on: the payload, shaded, and in words where its probability falls most."""

    payload: Shown
    says: str


@dataclass(frozen=True)
class Sample:
    """A payload of the corpus, in every environment that holds it, and what each method's prediction hangs on."""

    name: str
    label: str
    views: Sequence[View]
    hangs_on: Mapping[str, HangsOn]


@dataclass(frozen=True)
class Panel:
    """The samples of a board, or in ``why_empty`` why there are none.

    Attributes:
        title: scenario and seed.
        base: the environment that holds every sample.
        methods: whose predictions are here.
        notes: what is not shown, a sentence each.
    """

    why_empty: str = ""
    title: str = ""
    base: str = ""
    methods: Sequence[str] = ()
    samples: Sequence[Sample] = ()
    notes: list[str] = field(default_factory=list)


def chosen(store: Store, records: Sequence[Record]) -> Kept:
    """Returns the single predictions of one scenario and seed: the one with most flipped cues, then methods.

    They are one per method and in the order of the records; none where there are no predictions.
    """
    cells: dict[Cell, list[Record]] = {}
    for record in records:
        if has_predictions(store, record):
            cells.setdefault((record.cell.scenario, record.cell.seed), []).append(record)
    if not cells:
        return Kept()

    def order(cell: Cell) -> tuple[object, ...]:
        flips = sum(env.startswith("flip.") for env in cells[cell][0].cell.environments)
        return -flips, -len(cells[cell]), cell

    return kept(store, cells[min(cells, key=order)])


def panel(
    store: Store,
    single: Kept,
    opened: Opened,
    names: Mapping[str, str],
    methods: Sequence[str],
) -> Panel:
    """Returns the samples of a board.

    Args:
        store: where predictors may have been kept.
        single: what `chosen` returned.
        opened: the corpus.
        names: what the board calls the method of each record, by key.
        methods: in the board's order.
    """
    if single.broken and not single.found:
        return Panel(f"The single predictions cannot be read: {next(iter(single.broken.values()))}.")
    if not single.found:
        return Panel("Single predictions are kept where `harness run` ran (DIR/.predictions); none are in this folder.")
    if opened.benchmark is None:
        return Panel(f"The payloads cannot be shown: {opened.why_not}")
    by_method = {names[record.key]: (record, predictions) for record, predictions in single.found}
    order = [name for name in methods if name in by_method]
    record = single.found[0][0]
    drawn = _drawn(opened.benchmark, record)
    if isinstance(drawn, str):
        return Panel(f"The payloads cannot be shown: {drawn}")
    corpus, scenario = drawn
    maker = _Maker(corpus, scenario, {name: by_method[name][1] for name in order})
    base, broken = maker.base, {names[key]: why for key, why in single.broken.items()}
    notes = [
        f"no single predictions of {name}: {broken.get(name, 'there is no file')}"
        for name in methods
        if name not in by_method
    ]
    if not maker.environments:
        return Panel("The payloads cannot be shown: today's code draws other rows than the records were made on.")
    places = _spread(corpus.labels[scenario.environments[base].rows])
    payloads = [maker.rendered[base].payloads[place] for place in places]
    falls = {name: occluded(store, by_method[name][0], payloads) for name in order}
    notes += [f"no occlusion of {name}: {o.why_not}" for name, o in falls.items() if o.why_not]
    return Panel(
        title=f"{record.cell.scenario}, seed {record.cell.seed}",
        base=base,
        methods=order,
        samples=[maker.sample(place, index, falls) for index, place in enumerate(places)],
        notes=notes,
    )


def _drawn(benchmark: Benchmark, record: Record) -> tuple[Corpus, Scenario] | str:
    """The scenario of a record as its run drew it, or why it cannot be drawn."""
    spec = next((s for s in benchmark.scenarios() if s.name == record.cell.scenario), None)
    if spec is None or spec.version != record.cell.scenario_version:
        return f"today's code has no scenario {record.cell.scenario} of version {record.cell.scenario_version}."
    corpus = benchmark.corpus()
    return corpus, benchmark.build(corpus, spec, record.cell.seed, Sizes(*record.cell.sizes))


def _spread(labels: Rows) -> list[int]:
    """The first rows of each class in turn, `MOST` in all: chosen by place, never by what was predicted."""
    by_class = [np.flatnonzero(labels == label).tolist() for label in np.unique(labels)]
    turns = [rows[turn] for turn in range(MOST) for rows in by_class if turn < len(rows)]
    return sorted(turns[:MOST], key=lambda place: (labels[place], place))


class _Maker:
    """Makes the samples of one cell."""

    def __init__(self, corpus: Corpus, scenario: Scenario, predictions: Mapping[str, Predictions]) -> None:
        self.corpus = corpus
        self.base = base_of(scenario.spec)
        self.predictions = predictions
        self.environments = {
            name: environment
            for name, environment in _in_order(scenario.environments, self.base)
            if all(_same(environment, found, name) for found in predictions.values())
        }
        if self.base not in self.environments:
            self.environments = {}
        self.rendered: dict[str, Rendered] = {n: e.rendered(corpus) for n, e in self.environments.items()}

    def sample(self, place: int, index: int, falls: Mapping[str, Occluded]) -> Sample:
        """Returns the sample at a place of the base environment; ``index`` is its place among the samples."""
        row = int(self.environments[self.base].rows[place])
        rendered = self.rendered[self.base]
        return Sample(
            name=str(self.corpus.table.column("sample")[row].as_py()),
            label=self.corpus.classes[int(self.corpus.labels[row])],
            views=list(self._views(row)),
            hangs_on={
                name: HangsOn(
                    shown(rendered.payloads[place], rendered.spans[place], found.falls[index]),
                    _in_words(found.falls[index]),
                )
                for name, found in falls.items()
                if not found.why_not
            },
        )

    def _views(self, row: int) -> Iterator[View]:
        for name, environment in self.environments.items():
            places = np.flatnonzero(environment.rows == row)
            if len(places):
                at, rendered = int(places[0]), self.rendered[name]
                target = "" if environment.target is None else self.corpus.classes[int(environment.target[at])]
                said = {
                    method: self.corpus.classes[int(found.environments[name][1][at])]
                    for method, found in self.predictions.items()
                }
                yield View(name, shown(rendered.payloads[at], rendered.spans[at]), target, said)


def _in_words(falls: Falls) -> str:
    most = float(falls.max(initial=0.0))
    if most < LEVELS[0]:
        return "nothing that is blanked out moves it by 2 points"
    places = np.flatnonzero(falls == most)
    end = int(places[np.argmax(np.diff(places, append=places[-1] + 2) > 1)])
    return f"falls most, by {100 * most:.0f} points, without bytes {int(places[0])} to {end}"


def _in_order(environments: Mapping[str, Environment], base: str) -> list[tuple[str, Environment]]:
    """A scenario's own environments, those first that the others are to be compared with."""
    first = (base, NEUTRAL, "id", "absent", "novel")
    names = sorted(
        own_environments(environments), key=lambda name: (first.index(name) if name in first else len(first), name)
    )
    return [(name, environments[name]) for name in names]


def _same(environment: Environment, found: Predictions, name: str) -> bool:
    return name in found.environments and np.array_equal(environment.rows, found.environments[name][0])
