"""``harness run``: tune, score and rank."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options

if TYPE_CHECKING:
    from rich.console import Console

    from harness.api.prepared_run import PreparedRun
    from harness.execution.scheduler import RunOutcome


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
    from harness.api.prepared_run import RunOptions, execute, prepare

    prepared = prepare(
        RunOptions(
            methods=method,
            benchmark=bench,
            data=options.data_options(mapping, where, strict, target, target_map, target_where, text, text_map),
            scenarios=options.names(scenario),
            seeds=options.seeds(seeds),
            trials=trials,
            seconds=seconds,
            preset=preset,
            rows=options.rows(rows),
            sampler=sampler,
            pruner=pruner,
            workers=workers,
            memory=options.memory(memory),
            executor=executor,
            ray_address=ray_address,
            shard=options.shard(shard),
            results=results,
            precision=precision,
            perturb=options.names(perturb),
            depth=depth,
            draws=draws,
            diagnostics=diagnostics,
            plugins=plugin or [],
            labels=options.labels(labels),
            timeout=timeout,
            retry_failed=retry_failed,
            save_models=save_models,
        )
    )
    console = options.terminal()
    if not prepared.plan.cells:
        console.print(f"--shard {shard}: none of the cells falls into this part.", markup=False)
        return
    _announce(console, prepared)
    if dry_run:
        return
    outcome = execute(prepared, console)
    _report(console, outcome, results)
    for what, lines in (("record not written", outcome.unwritten), ("predictor not kept", outcome.unkept)):
        for line in lines:
            console.print(f"{what}: {line}", markup=False, soft_wrap=True)
    if outcome.interrupted:
        console.print("Interrupted; finished cells are kept. The same command goes on from here.")
        raise typer.Exit(130)
    raise typer.Exit(1 if outcome.count("failed") or outcome.unwritten or outcome.unkept else 0)


def _announce(console: "Console", prepared: "PreparedRun") -> None:
    from harness.safe_text import printable

    plan, waiting, workers = prepared.plan, prepared.waiting, prepared.workers
    first, budget = plan.cells[0], plan.cells[0].budget
    for note in prepared.notes:
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


def _report(console: "Console", outcome: "RunOutcome", results: Path) -> None:
    from harness.leaderboard.build import boards
    from harness.leaderboard.render import terminal_lines, terminal_tables
    from harness.leaderboard.rules import RULES

    for board in boards(outcome.records, RULES):
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
