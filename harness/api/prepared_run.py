"""Prepares a run (checks its options, plans its cells) and executes it."""

import contextlib
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from harness import registry
from harness.api.benchmarks import BenchmarkLike, DataOptions, open_benchmark
from harness.api.methods import Methods, check_labels, check_requirements, choose_methods, probe_work
from harness.errors import UserError
from harness.execution.budget import Budget, Pruner, Sampler
from harness.execution.changed_code import changed_code
from harness.execution.devices import choose_device
from harness.execution.expected_time import NO_FORECAST, Forecast, forecast
from harness.execution.local_executor import LocalExecutor
from harness.execution.plan import Plan, choose_scenarios, joined, make_plan
from harness.execution.progress import Progress, ProgressState
from harness.execution.scheduler import RunOutcome, run_plan
from harness.execution.status import publish_status
from harness.method import Precision
from harness.protocol import CURVE
from harness.protocol import preset as find_preset
from harness.records.predictors import loadable
from harness.records.provenance import command_line
from harness.records.store import Store
from harness.scenario import Sizes
from harness.scenarios.perturbed import PerturbedOptions

if TYPE_CHECKING:
    from rich.console import Console

    from harness.execution.events import Executor

Number = TypeVar("Number", int, float)
Rows = tuple[int | None, int | None, int | None]


@dataclass(frozen=True)
class RunOptions:
    """The options of a run. Error messages use the option names of the command line.

    Attributes:
        methods: see `harness.api.methods.choose_methods`.
        benchmark: see `harness.api.benchmarks.open_benchmark`.
        data: options for reading the benchmark's data.
        scenarios: names; empty for the benchmark's default, ``["all"]`` for every one.
        seeds: seeds to run; None for those of the preset.
        trials: configurations per cell; None for the preset's.
        seconds: compute seconds (CPU time) of tuning per cell; None for the preset's.
        preset: ``quick``, ``standard`` or ``full``.
        rows: most rows of training, validation and each test, None in it for no limit; None for the preset's.
        sampler: ``random`` or ``tpe``.
        pruner: ``none``, ``median`` or ``hyperband``.
        workers: number of cells that run at the same time; None for one per core, or for as many as the Ray cluster has
            room for.
        memory: memory limit of a worker in gigabytes; None for a fair share of the machine, infinity for no limit.
        executor: ``local`` or ``ray``.
        ray_address: address of the Ray cluster; empty to start Ray on this machine.
        shard: part of the cells to run, from 1, and number of parts; None for all cells.
        results: results folder.
        precision: precision of torch methods: ``auto``, ``float32`` or ``bfloat16``.
        device: where torch methods compute: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        perturb: perturbation suites; ``depth`` and ``draws`` apply to them.
        diagnostics: add tests without the attack, and probes on parts of the input.
        plugins: Python files that register methods or benchmarks.
        labels: class of each answer of ``FAMILY:ARGUMENT`` methods; ``timeout`` applies to them too.
        retry_failed: run failed cells again.
        rerun: run all cells again; a record is replaced when its cell has ended.
        save_models: save the predictor of each done cell.
    """

    methods: Methods = "all"
    benchmark: BenchmarkLike = "synthetic"
    data: DataOptions = field(default_factory=DataOptions)
    scenarios: Sequence[str] = ()
    seeds: Sequence[int] | None = None
    trials: int | None = None
    seconds: float | None = None
    preset: str = "quick"
    rows: Rows | None = None
    sampler: str = "random"
    pruner: str = "none"
    workers: int | None = None
    memory: float | None = None
    executor: str = "local"
    ray_address: str = ""
    shard: tuple[int, int] | None = None
    results: Path = Path("results/local")
    precision: str = "auto"
    device: str = "auto"
    perturb: Sequence[str] = ()
    depth: int | None = None
    draws: int | None = None
    diagnostics: bool = False
    plugins: Sequence[str] = ()
    labels: Mapping[str, str] = field(default_factory=dict)
    timeout: float | None = None
    retry_failed: bool = False
    rerun: bool = False
    save_models: bool = False


@dataclass(frozen=True)
class PreparedRun:
    """A planned run that has not started; nothing has been written.

    Attributes:
        plan: its cells, those with a record included.
        store: results folder.
        workers: number of cells that run at the same time; 0 for as many as the Ray cluster has room for.
        memory: memory limit of a worker in bytes; None for no limit, 0 for a fair share of each Ray node.
        cluster: address of the Ray cluster, empty to start Ray on this machine; None to run without Ray.
        plugins: absolute paths of plug-in files.
        retry_failed, save_models: as in `RunOptions`.
        notes: sentences to show before the run starts.
        changed: those of them on methods whose code changed since their records were made.
    """

    plan: Plan
    store: Store
    workers: int
    memory: int | None
    cluster: str | None = None
    plugins: tuple[str, ...] = ()
    retry_failed: bool = False
    save_models: bool = False
    notes: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()

    @property
    def device(self) -> str:
        """Where the torch methods of the run compute; empty if it has none."""
        return next((cell.device for cell in self.plan.cells if cell.method.uses_torch), "")

    @property
    def waiting(self) -> int:
        """Number of cells to run."""
        return len(self.plan.waiting(self.retry_failed))

    @cached_property
    def forecast(self) -> Forecast:
        """The expected time of the cells to run."""
        return forecast(self.plan.waiting(self.retry_failed))


def prepare(options: RunOptions, curve: Sequence[Sizes] = ()) -> PreparedRun:
    """Checks the options of a run and plans its cells.

    Args:
        options: see `RunOptions`.
        curve: the sizes of a learning curve, in the order in which they run; empty for a run of one size. The records
            then name no preset: the one of the options only sets seeds and budget.

    Raises:
        UserError: an option is out of range, names something unknown or contradicts another one; or the data or the
            record of a cell cannot be read.
    """
    preset = find_preset(options.preset)
    budget = Budget(
        positive("--trials", options.trials, preset.trials),
        positive("--seconds", options.seconds, preset.seconds),
        one_of("--sampler", options.sampler, Sampler),
        one_of("--pruner", options.pruner, Pruner),
    )
    cluster = _cluster(options.executor, options.ray_address)
    workers = positive("--workers", options.workers, cores() if cluster is None else 0)
    precision = None if options.precision == "auto" else one_of("--precision", options.precision, Precision)
    perturbed = _perturbed_options(options)
    plugins = tuple(str(Path(path).resolve()) for path in options.plugins)
    registry.discover(plugins)
    if options.timeout is not None:
        positive("--timeout", options.timeout, options.timeout)
    methods, skipped = choose_methods(options.methods, options.labels, options.timeout)
    benchmark = open_benchmark(options.benchmark, options.data)
    corpus = benchmark.meta()
    check_labels(options.labels, corpus)
    uses_torch = any(method.uses_torch for method in methods)
    device = choose_device(options.device, uses_torch, on_cluster=cluster is not None)
    scenarios = choose_scenarios(benchmark, options.scenarios, quick=options.preset == "quick")
    work = [(spec, methods) for spec in scenarios] + (probe_work(scenarios, corpus) if options.diagnostics else [])
    store = Store(Path(options.results))
    plans = [
        make_plan(
            work,
            benchmark,
            corpus,
            range(preset.seeds) if options.seeds is None else options.seeds,
            budget,
            sizes,
            CURVE if curve else options.preset,
            store,
            perturbed,
            options.save_models,
            precision,
            device,
            options.rerun,
        )
        for sizes in curve or [preset.sizes if options.rows is None else Sizes(*options.rows)]
    ]
    plan = joined(plans)
    if options.shard is not None:
        plan = plan.shard(*options.shard)
    names = {spec.base_name for spec in scenarios}
    others = [spec.name for spec in benchmark.scenarios() if spec.name not in names]
    notes = [*skipped, *corpus.notes]
    if others and not curve:
        notes.append(f"scenarios not in this run: {', '.join(others)} (add them with --scenario)")
    if options.save_models:
        notes += _saving_notes(plan)
    changed = tuple(changed_code(plan, store))
    return PreparedRun(
        plan,
        store,
        workers,
        0 if options.memory is None and cluster is not None else memory_limit(options.memory, workers),
        cluster,
        plugins,
        options.retry_failed,
        options.save_models,
        (*notes, *changed),
        changed,
    )


def execute(prepared: PreparedRun, console: "Console", progress: bool = True) -> RunOutcome:
    """Runs the cells of a prepared run that have no record, and writes a record for each.

    Ctrl-C, SIGTERM and SIGHUP end the run: finished cells keep their records, and the outcome is marked as interrupted.

    Args:
        prepared: result of `prepare`.
        console: console for progress, failures and messages about Ray.
        progress: show progress.

    Raises:
        UserError: a method lacks a package or another requirement, or the results folder cannot be written to.
    """
    if prepared.waiting:
        check_requirements({c.method.name: c.method for c in prepared.plan.waiting(prepared.retry_failed)}.values())
        prepared.store.open_for_writing()
    return run_cells(prepared, console, progress)


def run_cells(prepared: PreparedRun, console: "Console", progress: bool = True) -> RunOutcome:
    """Runs the cells of a prepared run without the checks of `execute`."""
    plan, store = prepared.plan, prepared.store
    waiting = plan.waiting(prepared.retry_failed)
    preload = {module for cell in waiting for module in cell.method.requires}
    executor: Executor = LocalExecutor(min(prepared.workers, max(1, len(waiting))), prepared.memory, preload)
    if prepared.cluster is not None and waiting:
        from harness.execution.ray.executor import RayExecutor

        show = partial(console.print, markup=False, highlight=False, soft_wrap=True)
        executor = RayExecutor(prepared.cluster, prepared.workers, prepared.memory, preload, show)
    cells = Counter(cell.id.method for cell in waiting)
    expected = prepared.forecast if progress and waiting else NO_FORECAST
    state = ProgressState(cells, len(plan.cells) - len(waiting), lambda: executor.workers, expected)
    with contextlib.ExitStack() as stack:
        stack.enter_context(_end_as_interrupt())
        progress_view = stack.enter_context(Progress(console, state, silent=not progress))
        if waiting:
            stack.enter_context(publish_status(store.root, command_line(), progress_view.snapshot))
        return run_plan(
            plan,
            store,
            executor,
            retry_failed=prepared.retry_failed,
            save_models=prepared.save_models,
            plugins=prepared.plugins,
            command=command_line(),
            on_event=progress_view.on_event,
        )


@contextlib.contextmanager
def _end_as_interrupt() -> Iterator[None]:
    """Makes SIGTERM and SIGHUP (a closed terminal) raise KeyboardInterrupt, as Ctrl-C does.

    This is done in the main thread only, where Python allows handlers. A signal that is ignored stays ignored, as
    ``nohup`` requests.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [n for n in (signal.SIGTERM, signal.SIGHUP) if signal.getsignal(n) is not signal.SIG_IGN]
    handlers = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)


def _perturbed_options(options: RunOptions) -> PerturbedOptions:
    from harness.perturbations import suite

    suites = tuple(options.perturb)
    for option, value, largest in (("--depth", options.depth, 3), ("--draws", options.draws, 100)):
        if value is not None and not 1 <= value <= largest:
            raise UserError(f"{option} {value}: the value must be from 1 to {largest}.")
        if value is not None and not suites:
            raise UserError(f"{option} {value} requires --perturb SUITE.")
    if any(perturbation.tier == "B" for name in suites for perturbation in suite(name)):
        from harness import oracles

        oracles.require()
    return PerturbedOptions(
        suites, options.depth or PerturbedOptions.depth, options.draws or PerturbedOptions.draws, options.diagnostics
    )


def _cluster(executor: str, address: str) -> str | None:
    if one_of("--executor", executor, Literal["local", "ray"]) == "ray":
        return address
    if address:
        raise UserError(f"--ray-address {address} requires --executor ray.")
    return None


def memory_limit(gigabytes: float | None, workers: int) -> int | None:
    """Returns the memory limit of a worker in bytes, None for no limit.

    Args:
        gigabytes: the limit; None for a fair share of the machine, infinity for no limit.
        workers: number of workers.

    Raises:
        UserError: the limit is not above 0.
    """
    if gigabytes is None:
        return fair_share(workers)
    if gigabytes == float("inf"):
        return None
    if not 0 < gigabytes < 1e6:
        raise UserError(f"--memory {gigabytes:g}: the value must be gigabytes per worker above 0, or none.")
    return int(gigabytes * 2**30)


def _saving_notes(plan: Plan) -> list[str]:
    """Returns notes on methods whose predictors cannot be saved, and on cells that run again to save theirs."""
    unable = sorted({cell.method.name for cell in plan.cells if not loadable(cell.method)})
    notes = [f"predictors are not saved for {', '.join(unable)}, which do not support saving"] if unable else []
    again = len(plan.without_predictor)
    return [*notes, f"{again} cells with a record but no saved predictor run again"] if again else notes


def positive(option: str, value: Number | None, default: Number) -> Number:
    """Returns the value of an option, or the default if it is None.

    Raises:
        UserError: the value is not above 0.
    """
    if value is None:
        return default
    if not 0 < value < 1e9:
        raise UserError(f"{option} {value}: the value must be above 0.")
    return value


def one_of(option: str, text: str, kind: Any) -> Any:
    """Returns the value of an option after checking that it is one of the values of a literal type.

    Raises:
        UserError: it is not.
    """
    if text not in get_args(kind):
        raise UserError(f"{option} {text} is unknown; known: {', '.join(get_args(kind))}")
    return text


def cores() -> int:
    """Returns the number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def fair_share(workers: int) -> int:
    """Returns nine tenths of the machine's memory divided by the number of workers, in bytes."""
    import psutil

    return int(psutil.virtual_memory().total * 0.9 / workers)
