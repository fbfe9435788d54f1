"""The plan of a run: its cells, and which of them already have a record."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from harness.benchmark import Benchmark
from harness.data.corpus import CorpusMeta
from harness.errors import UserError, nearest
from harness.execution.budget import Budget
from harness.execution.cell import Cell, missing_for
from harness.method import MethodInfo, Precision
from harness.records.predictors import loadable
from harness.records.provenance import native_precision
from harness.records.schema import CPU, Record
from harness.records.store import Store
from harness.scenario import ScenarioSpec, Sizes
from harness.scenarios.input_views import AT, with_view
from harness.scenarios.perturbed import NO_PERTURBED, PerturbedOptions, with_perturbed


@dataclass(frozen=True)
class Plan:
    """The cells of a run, in the order in which they run.

    Attributes:
        cells: every cell, those with a record included.
        cached: existing records, by the key of their cell.
        without_predictor: keys of done cells that run again because their predictor is requested and was not saved.
        unreadable: why the file of a cell's record cannot be read, by the cell's key; such cells do not run.
        rerun: whether cells run again although they have a record.
    """

    cells: tuple[Cell, ...]
    cached: dict[str, Record]
    without_predictor: frozenset[str] = frozenset()
    unreadable: Mapping[str, str] = field(default_factory=dict)
    rerun: bool = False

    def waiting(self, retry_failed: bool) -> list[Cell]:
        """Returns the cells that still have to run."""
        return [c for c in self.cells if not self._settled(c, retry_failed)]

    def shard(self, part: int, parts: int) -> "Plan":
        """Returns the plan of one part of the cells, as ``--shard PART/PARTS``.

        A cell's part depends on its key alone, so it does not change when other methods or scenarios are added.
        """
        cells = tuple(cell for cell in self.cells if int(cell.key[-8:], 16) % parts == part - 1)
        keys = {cell.key for cell in cells}
        cached = {key: record for key, record in self.cached.items() if key in keys}
        unreadable = {key: reason for key, reason in self.unreadable.items() if key in keys}
        return Plan(cells, cached, self.without_predictor & keys, unreadable, self.rerun)

    def _settled(self, cell: Cell, retry_failed: bool) -> bool:
        if cell.missing or cell.key in self.unreadable:
            return True
        record = self.cached.get(cell.key)
        if record is None or self.rerun or cell.key in self.without_predictor:
            return False
        return not (retry_failed and record.status == "failed")


def choose_scenarios(benchmark: Benchmark, names: Sequence[str], quick: bool) -> list[ScenarioSpec]:
    """Returns the named scenarios of a benchmark, all of them for ``all``, or its default ones if no name is given.

    The default is every scenario that is not marked ``named_only``, or those marked ``quick`` under the preset
    ``quick``. ``SCENARIO@VIEW`` names a scenario in which only a part of each payload is visible
    (`input_views.with_view`).

    Raises:
        UserError: a name is unknown, or the corpus lacks what the scenario needs.
    """
    specs = {spec.name: spec for spec in benchmark.scenarios()}
    if not specs:
        raise UserError(f"{benchmark.ref} has no payloads, so no method can run on it.")
    lacking = benchmark.unavailable()
    if list(names) == ["all"]:
        return list(specs.values())
    for name in (text.partition(AT)[0] for text in names):
        if name in lacking:
            raise UserError(f"--scenario {name}: {lacking[name]}")
        if name not in specs:
            raise UserError(f"--scenario {name} is unknown for {benchmark.ref}; {nearest(name, list(specs))}")
    if not names:
        return [spec for spec in specs.values() if (spec.quick or not quick) and not spec.named_only]
    pairs = [(specs[name], view) for name, _, view in (text.partition(AT) for text in names)]
    return [with_view(spec, view) if view else spec for spec, view in pairs]


def make_plan(
    work: Iterable[tuple[ScenarioSpec, Sequence[MethodInfo]]],
    benchmark: Benchmark,
    corpus: CorpusMeta,
    seeds: Iterable[int],
    budget: Budget,
    sizes: Sizes,
    preset: str,
    store: Store,
    perturbed: PerturbedOptions = NO_PERTURBED,
    save_models: bool = False,
    precision: Precision | None = None,
    device: str = CPU,
    rerun: bool = False,
) -> Plan:
    """Plans the cells of a run.

    They are ordered by scenario and seed, so that cells that use the same shared step run one after the other while
    the step is in the cache.

    Args:
        work: scenarios, each with the methods to run on it.
        benchmark: the benchmark that defines the scenarios.
        corpus: metadata of its corpus.
        seeds: seeds to run for each scenario and method.
        budget: budget of each cell.
        sizes: most rows of training, validation and each test.
        preset: name of the preset.
        store: results folder, with records of earlier runs.
        perturbed: perturbed environments to add to every scenario.
        save_models: save the predictors of methods that support it; those of views are never saved.
        precision: precision of torch methods; by default the fastest of this machine.
        device: where the methods that use torch compute; the cells of all others are of the processor.
        rerun: run cells again although they have a record.
    """
    seeds = list(seeds)
    reference = benchmark.pinned()
    cells = tuple(
        Cell(
            method=method,
            benchmark=reference,
            corpus=corpus,
            scenario=scenario,
            perturbed=perturbed,
            seed=seed,
            budget=budget,
            sizes=sizes,
            preset=preset,
            precision=precision or native_precision(),
            device=device if method.uses_torch else CPU,
            missing=missing_for(method, corpus),
        )
        for scenario, methods in ((with_perturbed(spec, perturbed), methods) for spec, methods in work)
        for seed in seeds
        for method in methods
    )
    cached, unreadable = dict[str, Record](), dict[str, str]()
    for cell in cells:
        try:
            record = None if cell.missing else store.get(cell.id)
        except UserError as error:
            unreadable[cell.key] = str(error)
            continue
        if record is not None:
            cached[cell.key] = record
    again = frozenset(_without_model(cells, cached, store)) if save_models else frozenset()
    return Plan(cells, cached, again, unreadable, rerun)


def joined(plans: Sequence[Plan]) -> Plan:
    """Returns one plan of the cells of several, at least one, such as those of different numbers of rows."""
    return Plan(
        tuple(cell for plan in plans for cell in plan.cells),
        {key: record for plan in plans for key, record in plan.cached.items()},
        frozenset(key for plan in plans for key in plan.without_predictor),
        {key: reason for plan in plans for key, reason in plan.unreadable.items()},
        any(plan.rerun for plan in plans),
    )


def can_save_predictor(cell: Cell) -> bool:
    """Whether the predictor of a cell can be saved; not for views, which are not trained on whole payloads."""
    return loadable(cell.method) and not cell.scenario.view


def _without_model(cells: Iterable[Cell], cached: Mapping[str, Record], store: Store) -> Iterator[str]:
    for cell in cells:
        record = cached.get(cell.key)
        if record is not None and can_save_predictor(cell) and not store.has_model(record):
            yield record.key
