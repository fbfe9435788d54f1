"""``harness leaderboard``: writes leaderboard.md and leaderboard.json from the official records."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import printing


def leaderboard(
    results: Annotated[Path, typer.Option(metavar="DIR", help="Results folder.")] = Path("results/official"),
    output: Annotated[Path, typer.Option(metavar="FILE", help="Board; JSON goes beside it.")] = Path("leaderboard.md"),
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 if a file is outdated.")] = False,
) -> None:
    """Write the leaderboard files, or check them.

    Writes leaderboard.md and leaderboard.json from results/official. With --check, prints what differs instead.
    """
    from harness.api import leaderboards

    board = leaderboards.leaderboard(results)
    if not check:
        printing.say_unreadable(board.unreadable)
    if check:
        differences, notes = board.check(output)
        for line in (*differences, *notes):
            printing.say(line)
        ending = f"not up to date with {results}: resolve the lines above, then run `harness leaderboard`"
        printing.say(ending if differences else "up to date")
        raise typer.Exit(1 if differences else 0)
    for file in board.save(output):
        printing.say(f"wrote {file}")
