"""Plans: which cells a command asks for, and which of them have their record already."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.benchmark import Benchmark
from harness.data.corpus import CorpusMeta
from harness.errors import UserError, nearest
from harness.execution.budget import Budget
from harness.execution.cell import Cell, missing_for
from harness.method import MethodInfo, Precision
from harness.records.predictors import loadable
from harness.records.provenance import native_precision
from harness.records.schema import Record
from harness.records.store import Store
from harness.scenario import ScenarioSpec, Sizes
from harness.scenarios.input_views import AT, viewed
from harness.scenarios.perturbed import NO_PERTURBED, PerturbedOptions, with_perturbed


@dataclass(frozen=True)
class Plan:
    """The cells of one command, in the order they run.

    Attributes:
        unkept: keys of the done cells whose predictor is wanted and was not kept when they ran: they run again.
    """

    cells: tuple[Cell, ...]
    cached: dict[str, Record]
    unkept: frozenset[str] = frozenset()

    def waiting(self, retry_failed: bool) -> list[Cell]:
        """Returns the cells that still have to run."""
        return [c for c in self.cells if not self._settled(c, retry_failed)]

    def shard(self, part: int, parts: int) -> "Plan":
        """Returns the plan of one part of the cells; all parts together are the plan, whatever else they run beside."""
        cells = tuple(cell for cell in self.cells if int(cell.key[-8:], 16) % parts == part - 1)
        keys = {cell.key for cell in cells}
        return Plan(cells, {key: record for key, record in self.cached.items() if key in keys}, self.unkept & keys)

    def _settled(self, cell: Cell, retry_failed: bool) -> bool:
        if cell.missing:
            return True
        record = self.cached.get(cell.key)
        return record is not None and cell.key not in self.unkept and not (retry_failed and record.status == "failed")


def choose_scenarios(benchmark: Benchmark, names: Sequence[str], quick: bool) -> list[ScenarioSpec]:
    """Returns the named scenarios of a benchmark, or every one for ``all``; when none is named, the benchmark's choice.

    That is every one, or under ``quick`` those meant for it.

    ``SCENARIO@VIEW`` names a scenario in which only a part of each payload is shown (`input_views.viewed`).

    Raises:
        UserError: a name is unknown, or the corpus lacks what the scenario needs.
    """
    known = {spec.name: spec for spec in benchmark.scenarios()}
    if not known:
        raise UserError(f"{benchmark.ref} holds no payloads, so that nothing can be run on it.")
    lacking = benchmark.unavailable()
    if list(names) == ["all"]:
        return list(known.values())
    for name in (text.partition(AT)[0] for text in names):
        if name in lacking:
            raise UserError(f"--scenario {name}: {lacking[name]}")
        if name not in known:
            raise UserError(f"--scenario {name} is unknown for {benchmark.ref}; {nearest(name, list(known))}")
    if not names:
        return [spec for spec in known.values() if spec.quick or not quick]
    chosen = [(known[name], view) for name, _, view in (text.partition(AT) for text in names)]
    return [viewed(spec, view) if view else spec for spec, view in chosen]


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
    keep: bool = False,
    precision: Precision | None = None,
) -> Plan:
    """Lists the cells, ordered by scenario and seed so that what cells share is used while it is warm.

    Args:
        work: scenarios, each with the methods that run on it.
        benchmark: of the scenarios.
        corpus: of the benchmark.
        seeds: of each scenario and method.
        budget: of each cell.
        sizes: of each scenario's parts.
        preset: whose sizes they are.
        store: where records may be already.
        perturbed: environments that every scenario gets.
        keep: whether predictors are wanted, of the methods that can save them; those of probes never are.
        precision: of torch methods; what this machine does best by default.

    Raises:
        UserError: a record of one of the cells cannot be read.
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
            missing=missing_for(method, corpus),
        )
        for scenario, methods in ((with_perturbed(spec, perturbed), methods) for spec, methods in work)
        for seed in seeds
        for method in methods
    )
    cached = {cell.key: record for cell in cells if not cell.missing and (record := store.get(cell.id)) is not None}
    return Plan(cells, cached, frozenset(_without_model(cells, cached, store)) if keep else frozenset())


def keepable(cell: Cell) -> bool:
    """Whether a predictor can be kept, and is one of whole payloads: a probe's would be asked what it never saw."""
    return loadable(cell.method) and not cell.scenario.view


def _without_model(cells: Iterable[Cell], cached: Mapping[str, Record], store: Store) -> Iterator[str]:
    for cell in cells:
        record = cached.get(cell.key)
        if record is not None and keepable(cell) and not store.has_model(record):
            yield record.key
