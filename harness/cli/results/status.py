"""``harness results status``: shows the progress of the runs that write to a results folder."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import printing
from harness.errors import UserError

if TYPE_CHECKING:
    from harness.execution.status import RunStatus


def status(
    results: Annotated[Path, typer.Option(metavar="DIR", help="Results folder.")] = Path("results/local"),
) -> None:
    """Show the progress of runs that write to a results folder.

    Also lists runs that have died, and counts the folder's records by method and state.
    """
    import time

    from harness.execution.status import runs, states

    if not results.is_dir():
        raise UserError(f"--results {results}: there is no such folder; name the folder that a run writes to.")
    statuses, broken = runs(results)
    for run in statuses:
        _print(run, time.time())
    if not statuses:
        printing.say(f"No run is writing to {results}.")
    for sentence in broken:
        printing.say(f"harness: {sentence}", error=True)
    records, unreadable = states(results)
    printing.say_unreadable(unreadable)
    if not records:
        printing.say(f"Records in {results}: none.")
        return
    printing.say(f"Records in {results}:")
    columns = sorted({state for counts in records.values() for state in counts})
    lines = [[name, *(str(counts[state]) for state in columns)] for name, counts in records.items()]
    printing.print_table(["method", *columns], lines)


def _print(run: "RunStatus", now: float) -> None:
    from harness.execution.progress import duration

    standing, state = run.standing, run.state(now)
    cells, done, failed = (
        sum(getattr(share, part) for share in standing.methods.values()) for part in ("cells", "done", "failed")
    )
    counts = f"{done} of {cells} cells done, {failed} failed, {standing.cached} cached"
    written = duration(now - run.written)
    if state == "dead":
        printing.say(
            f"pid {run.pid} is dead, last update {written} ago: {counts}. Finished cells are kept; the same command "
            f"continues from there: {run.command}"
        )
        return
    if state == "silent":
        counts += f"; on another host, last update {written} ago, possibly dead"
    if standing.remaining is not None:
        counts += f"; about {duration(max(0.0, standing.remaining - (now - run.written)))} left"
    printing.say(f"pid {run.pid}, running for {duration(now - run.born)}: {run.command}")
    printing.say(f"{counts}; {len(standing.running)} running:")
    printing.print_table(
        ["method", "cells", "failed", "running", "trial", "for"],
        [line for name in standing.methods for line in _lines(run, name, now)],
    )


def _lines(run: "RunStatus", method: str, now: float) -> list[list[str]]:
    """Returns one line for a method, and one more for each further cell of it that is running."""
    from harness.execution.progress import duration

    share = run.standing.methods[method]
    running = [
        [
            f"{cell.scenario}, seed {cell.seed}" + (f", shared step of {cell.part}" if cell.part else ""),
            f"{cell.trial} of {cell.trials}" if cell.trial else "–",
            duration(now - cell.began),
        ]
        for cell in run.standing.running
        if cell.method == method
    ]
    first, *others = running or [["–", "–", "–"]]
    head = [method, f"{share.done}/{share.cells}", str(share.failed)]
    return [[*head, *first], *(["", "", "", *other] for other in others)]
