"""``harness results board``: prints the board of a results folder without running anything."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options, printing
from harness.errors import UserError, nearest
from harness.protocol import CURVE

FORMATS = ("table", "csv", "latex", "json", "markdown")


def board(
    results: Annotated[Path, typer.Option(metavar="DIR", help="Results folder.")] = Path("results/local"),
    format_: Annotated[
        str, typer.Option("--format", metavar="NAME", help="table, csv, latex, json or markdown.")
    ] = "table",
    plugin: options.Plugin = None,
) -> None:
    """Print the board of a results folder.

    `csv` and `latex` are the table of `harness.load_results(DIR).table()`; `json` and `markdown` are what `harness
    leaderboard` writes.
    """
    from harness import registry
    from harness.api.leaderboards import leaderboard
    from harness.api.results import load_results
    from harness.cli.curve import print_curves
    from harness.cli.run import print_boards

    if format_ not in FORMATS:
        raise UserError(f"--format {format_} is unknown; {nearest(format_, list(FORMATS))}")
    registry.discover(plugin or [])
    stored = load_results(results)
    printing.say_unreadable(stored.unreadable)
    if format_ == "table":
        print_boards(printing.terminal(), stored.boards())
        print_curves(stored.curves())
    elif format_ in ("json", "markdown"):
        page = leaderboard(results)
        print((page.json if format_ == "json" else page.markdown).rstrip("\n"))
    else:
        table = stored.table()
        if curves := sum(record.cell.preset == CURVE for record in stored.records):
            printing.say(f"harness: {curves} records of learning curves are not in this table", error=True)
        text = table.to_csv() if format_ == "csv" else table.to_latex()
        print((text or "").rstrip("\n"))
