"""``harness run``: tune, score and rank."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import choices, options

if TYPE_CHECKING:
    from rich.console import Console

    from harness.execution.budget import Budget
    from harness.execution.plan import Plan
    from harness.execution.scheduler import Tally
    from harness.records.store import Store


def run(
    method: Annotated[
        str, typer.Option(metavar="a,b|all", help="Methods by name, or your own: see list; all means every ranked one.")
    ] = "all",
    bench: options.Bench = "synthetic",
    scenario: Annotated[
        str, typer.Option(metavar="a,b|all", help="Scenarios by name; every one by default, under quick a few.")
    ] = "",
    seeds: Annotated[
        str | None,
        typer.Option(metavar="N|A-B|A,B", help="6 is 0 to 5; 2-4 or 0,3 are these; 3, (a comma) is 3 alone."),
    ] = None,
    trials: Annotated[int | None, typer.Option(metavar="N", help="Configurations tried per cell.")] = None,
    seconds: Annotated[float | None, typer.Option(metavar="S", help="Processor seconds of tuning per cell.")] = None,
    preset: Annotated[
        str, typer.Option(metavar="quick|standard|full", help="Sizes, seeds, trials, seconds.")
    ] = "quick",
    rows: Annotated[
        str | None, typer.Option(metavar="TRAIN,VALIDATION,TEST", help="Most rows of each part; all is no bound.")
    ] = None,
    sampler: Annotated[
        str, typer.Option(metavar="random|tpe", help="How trials after the first are drawn.")
    ] = "random",
    pruner: Annotated[
        str, typer.Option(metavar="none|median|hyperband", help="Cut trials short that fall behind.")
    ] = "none",
    workers: Annotated[int | None, typer.Option(metavar="N", help="Cells at a time; every core by default.")] = None,
    memory: Annotated[
        str | None, typer.Option(metavar="GB|none", help="Private memory per worker; a fair share by default.")
    ] = None,
    executor: Annotated[
        str, typer.Option(metavar="local|ray", help="Where cells run: on this machine, or on a Ray cluster.")
    ] = "local",
    ray_address: Annotated[
        str, typer.Option(metavar="auto|HOST:PORT", help="The Ray cluster; one of this machine alone by default.")
    ] = "",
    shard: Annotated[
        str, typer.Option(metavar="I/N", help="Run only the I-th of N parts of the cells, for job arrays.")
    ] = "",
    results: Annotated[Path, typer.Option(metavar="DIR", help="Where records go.")] = Path("results/local"),
    precision: Annotated[
        str, typer.Option(metavar="auto|float32|bfloat16", help="Of torch methods; what this machine does best: auto.")
    ] = "auto",
    perturb: Annotated[
        str, typer.Option(metavar="SUITE,…", help="Add perturbed tests: carrier, encoding, syntax, all.")
    ] = "",
    depth: Annotated[
        int | None, typer.Option(metavar="1-3", help="Perturbations of one payload; 1 by default.")
    ] = None,
    draws: Annotated[
        int | None, typer.Option(metavar="K", help="Draws of each payload: their mean, and the worst; 3 by default.")
    ] = None,
    diagnostics: Annotated[
        bool, typer.Option("--diagnostics", help="Add tests without the attack, and probes on parts of the input.")
    ] = False,
    plugin: options.Plugin = None,
    mapping: options.Map = None,
    where: options.Where = None,
    strict: options.Strict = False,
    target: options.Target = "",
    target_map: options.TargetMap = None,
    target_where: options.TargetWhere = None,
    text: options.Text = "",
    text_map: options.TextMap = None,
    labels: Annotated[
        str,
        typer.Option(metavar="THEIRS=CLASS,…", help="What the answers of your own classifier mean; or a JSON file."),
    ] = "",
    timeout: Annotated[
        float | None, typer.Option(metavar="S", help="Seconds without an answer of your own classifier; 60 by default.")
    ] = None,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Run failed cells again.")] = False,
    save_models: Annotated[
        bool, typer.Option("--save-models", help="Keep each done cell's predictor beside its record.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would run, and stop.")] = False,
) -> None:
    """Tune, score and rank methods on a benchmark. What already has a record is not run again.

    Exit code 0: every cell is done. 1: some failed, or could not be kept. 2: a mistake in the arguments or the data.
    130: it was stopped; the same command goes on.
    """
    from harness import registry
    from harness.execution.budget import Budget, Pruner, Sampler
    from harness.execution.plan import choose_scenarios, make_plan
    from harness.method import Precision
    from harness.protocol import preset as find_preset
    from harness.records.store import Store

    console = options.terminal()
    sizes = find_preset(preset)
    parts = options.rows(rows, sizes.sizes)
    chosen_seeds = options.seeds(seeds, sizes.seeds)
    budget = Budget(
        choices.positive("--trials", trials, sizes.trials),
        choices.positive("--seconds", seconds, sizes.seconds),
        choices.one_of("--sampler", sampler, Sampler),
        choices.one_of("--pruner", pruner, Pruner),
    )
    cluster = choices.cluster(executor, ray_address)
    count = choices.positive("--workers", workers, choices.cores() if cluster is None else 0)
    limit = options.memory(memory) if memory else choices.fair_share(count) if cluster is None else 0
    plugins = tuple(str(Path(path).resolve()) for path in plugin or [])
    registry.discover(plugins)
    numbers = None if precision == "auto" else choices.one_of("--precision", precision, Precision)
    table = options.labels(labels)
    methods = choices.choose_methods(method, table, timeout)
    ref = choices.benchmark_ref(bench, mapping, where, strict)
    ref = choices.with_others(ref, target, target_map, target_where, text, text_map)
    benchmark = registry.open_benchmark(ref)
    corpus = benchmark.meta()
    choices.check_targets(table, corpus)
    scenarios = choose_scenarios(benchmark, options.names(scenario), quick=preset == "quick")
    extras = choices.extras(perturb, depth, draws, diagnostics)
    work = [(spec, methods) for spec in scenarios] + (choices.probe_work(scenarios, corpus) if diagnostics else [])
    store = Store(results)
    plan = make_plan(work, benchmark, corpus, chosen_seeds, budget, parts, preset, store, extras, save_models, numbers)
    if shard:
        plan = plan.shard(*options.shard(shard))
        if not plan.cells:
            console.print(f"--shard {shard}: none of the cells falls into this part.", markup=False)
            return
    waiting = plan.waiting(retry_failed)
    chosen = {spec.name.partition("@")[0] for spec in scenarios}
    left_out = [spec.name for spec in benchmark.scenarios() if spec.name not in chosen]
    notes = [*corpus.notes, *_left_out(left_out), *(_unkept(plan) if save_models else ())]
    _announce(console, plan, len(waiting), budget, count, notes)
    if dry_run:
        return
    if waiting:
        check_requirements(plan, retry_failed)
        store.open_for_writing()
    tally = run_cells(console, plan, store, count, limit, retry_failed, plugins, cluster, save_models)
    _report(console, tally, results)
    for what, lines in (("record not written", tally.unwritten), ("predictor not kept", tally.unkept)):
        for line in lines:
            console.print(f"{what}: {line}", markup=False, soft_wrap=True)
    if tally.interrupted:
        console.print("Interrupted; finished cells are kept. The same command goes on from here.")
        raise typer.Exit(130)
    raise typer.Exit(1 if tally.count("failed") or tally.unwritten or tally.unkept else 0)


def check_requirements(plan: "Plan", retry_failed: bool) -> None:
    """Refuses to start when a method with cells to do lacks a package or whatever else it checks for."""
    for info in {cell.method.name: cell.method for cell in plan.waiting(retry_failed)}.values():
        choices.require(info)


def _left_out(scenarios: list[str]) -> list[str]:
    return [f"not in this run: {', '.join(scenarios)} (name them with --scenario)"] if scenarios else []


def _unkept(plan: "Plan") -> list[str]:
    """Says whose predictors cannot be kept, and which cells run again so that theirs are."""
    from harness.records.predictors import loadable

    unable = sorted({cell.method.name for cell in plan.cells if not loadable(cell.method)})
    notes = [f"no predictor is kept of {', '.join(unable)}: they do not say how one is saved"] if unable else []
    again = len(plan.unkept)
    return [*notes, f"{again} cells with a record and without a predictor run again"] if again else notes


def _announce(console: "Console", plan: "Plan", waiting: int, budget: "Budget", workers: int, notes: list[str]) -> None:
    from harness.safe_text import printable

    first = plan.cells[0]
    for note in notes:
        console.print(printable(f"note: {note}"), markup=False, soft_wrap=True)
    console.print(
        f"{len(plan.cells)} cells on {first.corpus.name} ({first.corpus.rows} payloads, {len(first.corpus.classes)} "
        f"classes), preset {first.preset}: {waiting} to run, {len(plan.cached)} with a record, "
        f"{sum(bool(c.missing) for c in plan.cells)} not applicable.",
        markup=False,
        soft_wrap=True,
    )
    if waiting:
        hours = waiting * budget.seconds / 3600
        at_once, limit = "as many at a time as the cluster has CPUs", ""
        if workers:
            at_once = f"{workers} at a time"
            limit = f"; hard limit {-(-waiting // workers) * budget.wall_limit / 60:.0f} minutes of wall time"
        console.print(
            f"Each cell: {budget.trials} trials, {budget.seconds:g} compute seconds of tuning; {at_once}. At most "
            f"{hours:.2f} core-hours of tuning{limit}.",
            markup=False,
            soft_wrap=True,
        )


def run_cells(
    console: "Console",
    plan: "Plan",
    store: "Store",
    workers: int,
    memory: int | None,
    retry_failed: bool,
    plugins: tuple[str, ...],
    cluster: str | None = None,
    keep: bool = False,
) -> "Tally":
    """Runs a plan's cells, with their progress shown here and to `harness status`.

    They run on this machine, or on the Ray cluster at an address; there 0 workers are as many as it has CPUs, and a
    memory of 0 is a fair share of each node.
    """
    import contextlib
    import signal
    from collections import Counter
    from functools import partial

    from harness.execution.events import Executor
    from harness.execution.local_executor import LocalExecutor
    from harness.execution.progress import Course, Progress
    from harness.execution.scheduler import run_plan
    from harness.execution.status import published
    from harness.records.provenance import command_line

    waiting = plan.waiting(retry_failed)
    preload = {"harness.cli"} | {module for cell in waiting for module in cell.method.requires}
    executor: Executor = LocalExecutor(min(workers, max(1, len(waiting))), memory, preload)
    if cluster is not None and waiting:
        from harness.execution.ray.executor import RayExecutor

        say = partial(console.print, markup=False, highlight=False, soft_wrap=True)
        executor = RayExecutor(cluster, workers, memory, preload, say)
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends a run as Ctrl-C does
    cells = Counter(cell.method.name for cell in waiting)
    course = Course(cells, len(plan.cells) - len(waiting), lambda: executor.workers)
    with Progress(console, course) as progress, contextlib.ExitStack() as stack:
        if waiting:
            stack.enter_context(published(store.root, command_line(), progress.standing))
        return run_plan(
            plan,
            store,
            executor,
            retry_failed=retry_failed,
            keep=keep,
            plugins=plugins,
            command=command_line(),
            on_event=progress.on_event,
        )


def _report(console: "Console", tally: "Tally", results: Path) -> None:
    from harness.leaderboard.build import boards
    from harness.leaderboard.render import terminal_lines, terminal_tables
    from harness.leaderboard.rules import RULES

    for board in boards(tally.records, RULES):
        for caption, table, left_out in terminal_tables(board, console.width):
            console.print(caption, markup=False, soft_wrap=True)
            console.print(table)
            if left_out:
                console.print(left_out, markup=False, soft_wrap=True)
        for line in terminal_lines(board):
            console.print(line, markup=False, soft_wrap=True)
    console.print(f"Records: {results}", markup=False, soft_wrap=True)
    where = "" if results == Path("results/local") else f" --results {results}"
    console.print(f"Charts and sample payloads: harness report{where} --open", markup=False, soft_wrap=True)
