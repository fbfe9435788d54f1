"""``harness leaderboard``: the root file, from committed records."""

from pathlib import Path
from typing import Annotated

import typer


def leaderboard(
    results: Annotated[Path, typer.Option(metavar="DIR", help="Folder of records.")] = Path("results/official"),
    output: Annotated[Path, typer.Option(metavar="FILE", help="Markdown file; the JSON lies beside it.")] = Path(
        "leaderboard.md"
    ),
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; say what differs, and exit 1 when something does.")
    ] = False,
) -> None:
    """Write leaderboard.md and leaderboard.json from results/official, or check that they are up to date."""
    from harness.api import leaderboards

    found = leaderboards.leaderboard(results)
    if check:
        differences, notes = found.check(output)
        for line in (*differences, *notes):
            print(line)
        ending = f"not up to date with {results}: run `harness leaderboard`, once what is named above is in order"
        print(ending if differences else "up to date")
        raise typer.Exit(1 if differences else 0)
    for file in found.save(output):
        print(f"wrote {file}")
