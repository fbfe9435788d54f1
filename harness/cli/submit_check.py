"""``harness submit-check``: whether records can be handed in."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.errors import UserError


def submit_check(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Records, laid out as in results/.")],
    official: Annotated[
        Path, typer.Option(metavar="DIR", help="Records that stand already: their test rows must be the same.")
    ] = Path("results/official"),
    plugin: options.Plugin = None,
) -> None:
    """Check records before they are handed in: schema, keys, protocol, budgets, and figures against their counts.

    Exit code 0: nothing is wrong. 1: something is; a line per record says what.
    """
    from harness import registry
    from harness.leaderboard.submission import check
    from harness.records.store import Store
    from harness.safe_text import printable

    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; name the one with your records, as results/local.")
    registry.discover(plugin or [])
    standing = Store(official).records() if official.is_dir() and official.resolve() != folder.resolve() else iter(())
    records, findings = check(folder, standing)
    if not records and not findings:
        raise UserError(f"{folder}: there is no record in it; `harness run --results {folder}` makes some.")
    for finding in findings:
        print(printable(f"{finding.path}: {finding.text}"))
    files = len({finding.path for finding in findings})
    failed = sum(record.status == "failed" for record in records)
    print(
        f"{len(records)} records, {f'{files} to look at' if files else 'all in order'}"
        + (f"; {failed} of them say that their cell failed" if failed else "")
    )
    for method, count in sorted(Counter(record.cell.method for record in records).items()):
        print(f"  {printable(method)}: {count}")
    raise typer.Exit(1 if findings else 0)
