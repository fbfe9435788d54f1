"""``harness curve``: learning curves, the score of methods by number of training rows."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options, printing
from harness.cli.run import announce, exit_code

if TYPE_CHECKING:
    from harness.api.curve_results import CurveResults


def curve(
    method: Annotated[
        str, typer.Option(metavar="NAME,…", help="Methods to compare.", rich_help_panel=options.WHAT)
    ] = "",
    scenario: Annotated[
        str, typer.Option(metavar="NAME,…", help="Scenarios; each has its own curves.", rich_help_panel=options.WHAT)
    ] = "",
    plugin: options.RunPlugin = None,
    retry_failed: options.RetryFailed = False,
    rerun: options.Rerun = False,
    rows: Annotated[
        str,
        typer.Option(metavar="N,N,…", help="Numbers of training rows, ascending.", rich_help_panel=options.HOW_MUCH),
    ] = "",
    test_rows: Annotated[
        int | None,
        typer.Option("--test-rows", metavar="N", help="Maximum rows of each test.", rich_help_panel=options.HOW_MUCH),
    ] = None,
    preset: Annotated[
        str,
        typer.Option(metavar="NAME", help="Sets what is not given, as in run.", rich_help_panel=options.HOW_MUCH),
    ] = "standard",
    seeds: options.Seeds = None,
    trials: options.Trials = None,
    seconds: options.Seconds = None,
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
    json_: Annotated[
        bool, typer.Option("--json", help="Print the curves as JSON.", rich_help_panel=options.OUTPUT)
    ] = False,
    dry_run: options.DryRun = False,
) -> None:
    """Show how methods improve with more training rows.

    Runs the cells of each method, scenario and seed once for each number of training rows, and prints the scores and
    the number of rows at which one method overtakes another. Validation has as many rows in proportion as in the
    preset. Cells with a record are not run again. No board shows these records; `harness report` draws them.

    Exit code 0: every cell is done. 1: a cell failed, its record cannot be read, or its record was not written. 2: an
    argument or the data are invalid. 130: the run was interrupted.
    """
    from harness.api.curve_results import CurveResults
    from harness.api.curves import prepare_curve
    from harness.api.prepared_run import RunOptions, execute

    prepared = prepare_curve(
        RunOptions(
            methods=method,
            benchmark=bench,
            data=options.data_options(mapping, where, strict, target, target_map, target_where, text, text_map),
            scenarios=options.names(scenario),
            seeds=options.seeds(seeds),
            trials=trials,
            seconds=seconds,
            preset=preset,
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
            plugins=plugin or [],
            retry_failed=retry_failed,
            rerun=rerun,
        ),
        options.curve_rows(rows),
        test_rows,
    )
    if not prepared.plan.cells:
        printing.say(f"--shard {shard}: this part has no cells.", error=json_)
        return
    announce(prepared, f"training rows {rows}", error=json_)
    if dry_run:
        return
    outcome = execute(prepared, printing.terminal(error=json_))
    found = CurveResults(tuple(outcome.records), results)
    if json_:
        print(found.to_json())
    else:
        print_curves(found)
        printing.say(f"Records: {results}")
        printing.say(f"Charts: harness report{_option(results)} --open")
    raise typer.Exit(exit_code(outcome, error=json_))


def _option(results: Path) -> str:
    import shlex

    return f" --results {shlex.quote(str(results))}" if results != Path("results/local") else ""


def print_curves(found: "CurveResults") -> None:
    """Prints learning curves as tables, each with its notes."""
    from harness.boards.curve_tables import notes, tables, title

    for curves in found.curves:
        printing.say(title(curves))
        for caption, header, lines in tables(curves):
            printing.say(caption)
            printing.print_table(header, lines)
        for note in notes(curves):
            printing.say(f"note: {note}")
