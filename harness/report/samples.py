"""Sample payloads of one scenario and seed, with each method's prediction in every environment."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from harness.benchmark import Benchmark
from harness.boards.model import ScenarioSeed
from harness.data.corpus import Corpus
from harness.records.predicted_classes import PredictedClasses
from harness.records.schema import Record
from harness.records.store import Store
from harness.report.corpora import OpenedBenchmark, SinglePredictions, has_predictions, load_predictions
from harness.report.occlusion import Drops, OcclusionResult, occlude
from harness.report.payloads import LEVELS, PayloadExcerpt, excerpt
from harness.scenario import NEUTRAL, Environment, Rendered, Rows, Scenario, Sizes
from harness.scenarios.perturbed import base_of

MAX_SAMPLES = 12  # payloads, spread over the classes


@dataclass(frozen=True)
class SampleView:
    """A payload in one environment, with the predictions for it.

    Attributes:
        points_to: the class that its cues point to; empty if none.
        predicted: class by method.
    """

    environment: str
    payload: PayloadExcerpt
    points_to: str
    predicted: Mapping[str, str]


@dataclass(frozen=True)
class SampleOcclusion:
    """Occlusion of one prediction: the shaded payload, and in words the bytes that matter most."""

    payload: PayloadExcerpt
    summary: str


@dataclass(frozen=True)
class Sample:
    """A payload of the corpus in every environment that contains it, and the occlusion of each method's prediction."""

    name: str
    label: str
    views: Sequence[SampleView]
    occlusion: Mapping[str, SampleOcclusion]


@dataclass(frozen=True)
class SamplePanel:
    """The samples of a board, or in ``empty_reason`` the reason why there are none.

    Attributes:
        title: scenario and seed.
        base: the environment that contains every sample.
        methods: methods with predictions.
        notes: a sentence on each thing that is not shown.
    """

    empty_reason: str = ""
    title: str = ""
    base: str = ""
    methods: Sequence[str] = ()
    samples: Sequence[Sample] = ()
    notes: list[str] = field(default_factory=list)


def select_predictions(store: Store, records: Sequence[Record]) -> SinglePredictions:
    """Returns the single predictions of one scenario and seed: the one with most flipped cues, then most methods.

    There is one per method, in the order of the records; none if no record has predictions.
    """
    cells: dict[ScenarioSeed, list[Record]] = {}
    for record in records:
        if has_predictions(store, record):
            cells.setdefault((record.cell.scenario, record.cell.seed), []).append(record)
    if not cells:
        return SinglePredictions()

    def order(cell: ScenarioSeed) -> tuple[object, ...]:
        flips = sum(env.kind == "flip" for env in cells[cell][0].cell.environments.values())
        return -flips, -len(cells[cell]), cell

    return load_predictions(store, cells[min(cells, key=order)])


def sample_panel(
    store: Store,
    single: SinglePredictions,
    opened: OpenedBenchmark,
    names: Mapping[str, str],
    methods: Sequence[str],
) -> SamplePanel:
    """Returns the samples of a board.

    Args:
        store: may hold saved predictors.
        single: return value of `select_predictions`.
        opened: the benchmark of the board.
        names: display name of each record's method, by key.
        methods: in the board's order.
    """
    if single.faults and not single.available:
        return SamplePanel(f"The single predictions cannot be read: {next(iter(single.faults.values()))}.")
    if not single.available:
        return SamplePanel(
            "This folder has no single predictions; they are only on the machine on which `harness run` ran "
            "(DIR/.predictions)."
        )
    if opened.benchmark is None:
        return SamplePanel(f"The payloads cannot be shown: {opened.unavailable_reason}")
    by_method = {names[record.key]: (record, predictions) for record, predictions in single.available}
    order = [name for name in methods if name in by_method]
    record = single.available[0][0]
    rebuilt = _rebuild(opened.benchmark, record)
    if isinstance(rebuilt, str):
        return SamplePanel(f"The payloads cannot be shown: {rebuilt}")
    corpus, scenario = rebuilt
    builder = _SampleBuilder(corpus, scenario, {name: by_method[name][1] for name in order})
    base, faults = builder.base, {names[key]: fault for key, fault in single.faults.items()}
    notes = [
        f"no single predictions of {name}: {faults.get(name, 'there is no file')}"
        for name in methods
        if name not in by_method
    ]
    if not builder.environments:
        return SamplePanel(
            "The payloads cannot be shown: the installed version draws other rows than the records were made on."
        )
    positions = _spread(corpus.labels[scenario.environments[base].rows])
    payloads = [builder.rendered[base].payloads[position] for position in positions]
    occlusions = {name: occlude(store, by_method[name][0], payloads) for name in order}
    notes += [
        f"no occlusion of {name}: {o.unavailable_reason}" for name, o in occlusions.items() if o.unavailable_reason
    ]
    return SamplePanel(
        title=f"{record.cell.scenario}, seed {record.cell.seed}",
        base=base,
        methods=order,
        samples=[builder.sample(position, index, occlusions) for index, position in enumerate(positions)],
        notes=notes,
    )


def _rebuild(benchmark: Benchmark, record: Record) -> tuple[Corpus, Scenario] | str:
    """Returns the corpus and the scenario of a record as its run built it, or the reason why that is impossible."""
    spec = next((s for s in benchmark.scenarios() if s.name == record.cell.scenario), None)
    if spec is None or spec.version != record.cell.scenario_version:
        return (
            f"the installed version has no scenario {record.cell.scenario} of version {record.cell.scenario_version}."
        )
    corpus = benchmark.corpus()
    return corpus, benchmark.build(corpus, spec, record.cell.seed, Sizes(*record.cell.sizes))


def _spread(labels: Rows) -> list[int]:
    """Returns the positions of the first rows of each class in turn, `MAX_SAMPLES` in all; ignores predictions."""
    by_class = [np.flatnonzero(labels == label).tolist() for label in np.unique(labels)]
    turns = [rows[turn] for turn in range(MAX_SAMPLES) for rows in by_class if turn < len(rows)]
    return sorted(turns[:MAX_SAMPLES], key=lambda position: (labels[position], position))


class _SampleBuilder:
    """Builds the samples of one scenario and seed."""

    def __init__(self, corpus: Corpus, scenario: Scenario, predictions: Mapping[str, PredictedClasses]) -> None:
        self.corpus = corpus
        self.base = base_of(scenario.spec)
        self.predictions = predictions
        self.environments = {
            name: environment
            for name, environment in _in_order(scenario.environments, self.base)
            if all(
                _same_rows(environment, single, name) and single.classes <= len(corpus.classes)
                for single in predictions.values()
            )
        }
        if self.base not in self.environments:
            self.environments = {}
        self.rendered: dict[str, Rendered] = {n: e.rendered(corpus) for n, e in self.environments.items()}

    def sample(self, position: int, index: int, occlusions: Mapping[str, OcclusionResult]) -> Sample:
        """Returns the sample at a position of the base environment; ``index`` is its position among the samples."""
        row = int(self.environments[self.base].rows[position])
        rendered = self.rendered[self.base]
        return Sample(
            name=str(self.corpus.table.column("sample")[row].as_py()),
            label=self.corpus.classes[int(self.corpus.labels[row])],
            views=list(self._views(row)),
            occlusion={
                name: SampleOcclusion(
                    excerpt(rendered.payloads[position], rendered.spans[position], result.drops[index]),
                    _summary(result.drops[index]),
                )
                for name, result in occlusions.items()
                if not result.unavailable_reason
            },
        )

    def _views(self, row: int) -> Iterator[SampleView]:
        for name, environment in self.environments.items():
            positions = np.flatnonzero(environment.rows == row)
            if len(positions):
                at, rendered = int(positions[0]), self.rendered[name]
                target = "" if environment.target is None else self.corpus.classes[int(environment.target[at])]
                predicted = {
                    method: self.corpus.classes[int(single.environments[name][1][at])]
                    for method, single in self.predictions.items()
                }
                yield SampleView(name, excerpt(rendered.payloads[at], rendered.spans[at]), target, predicted)


def _summary(drops: Drops) -> str:
    """Says which bytes lower the predicted class's probability most when they are blanked out."""
    largest = float(drops.max(initial=0.0))
    if largest < LEVELS[0]:
        return "no window of bytes lowers it by 2 points or more"
    positions = np.flatnonzero(drops == largest)
    end = int(positions[np.argmax(np.diff(positions, append=positions[-1] + 2) > 1)])
    return f"drops most, by {100 * largest:.0f} points, without bytes {int(positions[0])} to {end}"


def _in_order(environments: Mapping[str, Environment], base: str) -> list[tuple[str, Environment]]:
    """Returns a scenario's own environments, with those first that the others are compared with."""
    first = (base, NEUTRAL, "id", "absent", "novel")
    own = [name for name, environment in environments.items() if not environment.base]
    names = sorted(own, key=lambda name: (first.index(name) if name in first else len(first), name))
    return [(name, environments[name]) for name in names]


def _same_rows(environment: Environment, predictions: PredictedClasses, name: str) -> bool:
    return name in predictions.environments and np.array_equal(environment.rows, predictions.environments[name][0])
