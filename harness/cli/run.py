"""``harness run``: trains, tunes and evaluates methods on a benchmark."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options, printing

if TYPE_CHECKING:
    from rich.console import Console

    from harness.api.prepared_run import PreparedRun
    from harness.boards.model import Board
    from harness.execution.scheduler import RunOutcome


def run(
    method: Annotated[
        str,
        typer.Option(metavar="NAME,…", help="Methods, or all ranked ones.", rich_help_panel=options.WHAT),
    ] = "all",
    scenario: Annotated[
        str,
        typer.Option(
            metavar="NAME,…", help="Scenarios, or all (default: most; few with quick).", rich_help_panel=options.WHAT
        ),
    ] = "",
    plugin: options.RunPlugin = None,
    perturb: Annotated[
        str,
        typer.Option(
            metavar="SUITE,…", help="Perturbed tests: carrier, encoding, syntax, all.", rich_help_panel=options.WHAT
        ),
    ] = "",
    depth: Annotated[
        int | None,
        typer.Option(metavar="1-3", help="Perturbations per payload (default: 1).", rich_help_panel=options.WHAT),
    ] = None,
    draws: Annotated[
        int | None,
        typer.Option(metavar="K", help="Perturbed copies per payload (default: 3).", rich_help_panel=options.WHAT),
    ] = None,
    diagnostics: Annotated[
        bool,
        typer.Option("--diagnostics", help="Add tests without the attack, and probes.", rich_help_panel=options.WHAT),
    ] = False,
    labels: Annotated[
        str,
        typer.Option(
            metavar="THEIRS=CLASS,…",
            help="Map your classifier's labels, or a JSON file.",
            rich_help_panel=options.WHAT,
        ),
    ] = "",
    timeout: Annotated[
        float | None,
        typer.Option(
            metavar="S", help="Seconds to wait for your classifier (default: 60).", rich_help_panel=options.WHAT
        ),
    ] = None,
    retry_failed: options.RetryFailed = False,
    rerun: options.Rerun = False,
    preset: Annotated[
        str, typer.Option(metavar="NAME", help="quick, standard or full size.", rich_help_panel=options.HOW_MUCH)
    ] = "quick",
    seeds: options.Seeds = None,
    trials: options.Trials = None,
    seconds: options.Seconds = None,
    rows: Annotated[
        str | None,
        typer.Option(
            metavar="TRAIN,VAL,TEST", help="Maximum rows of each part; all: no limit.", rich_help_panel=options.HOW_MUCH
        ),
    ] = None,
    sampler: options.Sampler = "random",
    pruner: options.Pruner = "none",
    bench: options.Bench = "synthetic",
    mapping: options.Map = None,
    where: options.Where = None,
    strict: options.Strict = False,
    target: options.Target = "",
    target_map: options.TargetMap = None,
    target_where: options.TargetWhere = None,
    text: options.Text = "",
    text_map: options.TextMap = None,
    workers: options.Workers = None,
    memory: options.Memory = None,
    precision: options.Precision = "auto",
    device: options.Device = "auto",
    executor: options.Executor = "local",
    ray_address: options.RayAddress = "",
    shard: options.Shard = "",
    results: options.Results = Path("results/local"),
    save_models: Annotated[
        bool,
        typer.Option(
            "--save-models", help="Save each cell's predictor beside its record.", rich_help_panel=options.OUTPUT
        ),
    ] = False,
    dry_run: options.DryRun = False,
) -> None:
    """Train, tune and evaluate methods on a benchmark.

    Cells that already have a record are not run again, so an interrupted run continues with the same command; --rerun
    runs them again and replaces each record when its cell has ended. An edited plug-in counts as another method.
    `harness list` shows the methods, benchmarks and scenarios. A preset sets the defaults of --seeds, --trials,
    --seconds and --rows. A perturbed test reports the mean over --draws and the worst draw.

    Exit code 0: every cell is done. 1: a cell failed, its record cannot be read, or its record or predictor was not
    written. 2: an argument or the data are invalid. 130: the run was interrupted.
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
            device=device,
            perturb=options.names(perturb),
            depth=depth,
            draws=draws,
            diagnostics=diagnostics,
            plugins=plugin or [],
            labels=options.labels(labels),
            timeout=timeout,
            retry_failed=retry_failed,
            rerun=rerun,
            save_models=save_models,
        )
    )
    console = printing.terminal()
    if not prepared.plan.cells:
        printing.say(f"--shard {shard}: this part has no cells.")
        return
    announce(prepared, f"preset {prepared.plan.cells[0].preset}")
    if dry_run:
        return
    outcome = execute(prepared, console)
    given: dict[str, list[str] | None] = {
        "--results": [str(results)] if results != Path("results/local") else None,
        "--bench": [bench] if bench != "synthetic" or target or text else None,
        "--map": mapping,
        "--where": where,
        "--target": [target] if target else None,
        "--target-map": target_map,
        "--target-where": target_where,
        "--text": [text] if text else None,
        "--text-map": text_map,
    }
    _report(
        console, outcome, results, [word for name, values in given.items() for v in values or () for word in (name, v)]
    )
    raise typer.Exit(exit_code(outcome))


def exit_code(outcome: "RunOutcome", error: bool = False) -> int:
    """Returns the exit code of a run, after printing what could not be read or written, and whether it was interrupted.

    Args:
        outcome: of the run.
        error: print on standard error.
    """
    problems = {
        "not run": outcome.read_errors,
        "record not written": outcome.write_errors,
        "predictor not saved": outcome.save_errors,
    }
    for what, lines in problems.items():
        for line in lines:
            printing.say(f"{what}: {line}", error)
    if outcome.interrupted:
        printing.say("Interrupted; finished cells are kept. The same command continues from here.", error)
        return 130
    return 1 if outcome.count("failed") or any(problems.values()) else 0


def announce(prepared: "PreparedRun", what: str, error: bool = False) -> None:
    """Prints what a run is about to do.

    Args:
        prepared: the run, which has cells.
        what: its preset or sizes, in words.
        error: print on standard error.
    """
    plan, waiting, workers = prepared.plan, prepared.waiting, prepared.workers
    first, budget = plan.cells[0], plan.cells[0].budget
    if prepared.device:
        printing.say(f"Torch methods compute on: {prepared.device}.", error)
    for note in prepared.notes:
        printing.say(f"note: {note}", error)
    printing.say(
        f"{len(plan.cells)} cells on {first.corpus.name} ({first.corpus.rows} payloads, {len(first.corpus.classes)} "
        f"classes), {what}: {waiting} to run, {len(plan.cached)} with a record, "
        f"{f'{len(plan.unreadable)} with an unreadable record, ' if plan.unreadable else ''}"
        f"{sum(bool(c.missing) for c in plan.cells)} not applicable.",
        error,
    )
    if waiting:
        at_once = f"{workers} at a time" if workers else "one at a time per CPU of the cluster"
        printing.say(
            f"Each cell: {budget.trials} trials, at most {budget.seconds:g} compute seconds of tuning; {at_once}.",
            error,
        )
        printing.say(_expected_time(prepared), error)


def _expected_time(prepared: "PreparedRun") -> str:
    """Returns the expected time of the cells to run, as a sentence."""
    from harness.execution.progress import duration

    expected, workers = prepared.forecast, prepared.workers
    if not expected.cells:
        return "Expected time: unknown until a cell has ended, since none of these methods comes with a time."
    if workers:
        sentence = f"Expected time: about {duration(expected.wall_seconds(workers))}"
    else:
        sentence = f"Expected time: about {duration(expected.total)} of one CPU, divided by the CPUs of the cluster"
    if expected.untimed:
        sentence += f", if {', '.join(expected.untimed)} is as fast as the others are on average"
    return sentence + "."


def _report(console: "Console", outcome: "RunOutcome", results: Path, data: list[str]) -> None:
    """Prints the boards, and the command that writes the report; ``data`` are its options."""
    import shlex

    from harness.api.results import Results

    print_boards(console, Results(tuple(outcome.records), results).boards())
    printing.say(f"Records: {results}")
    printing.say(f"Charts and sample payloads: {shlex.join(['harness', 'report', *data, '--open'])}")


def print_boards(console: "Console", boards: "list[Board]") -> None:
    """Prints boards as tables that fit the terminal, each with its notes."""
    from harness.boards.render import terminal_lines, terminal_tables

    for board in boards:
        for caption, table, hidden in terminal_tables(board, console.width):
            printing.say(caption)
            console.print(table)
            if hidden:
                printing.say(hidden)
        for line in terminal_lines(board):
            printing.say(line)
