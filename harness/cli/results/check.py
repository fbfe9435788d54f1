"""``harness results check``: checks records before they are submitted."""

from collections import Counter
from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options, printing
from harness.errors import UserError


def check(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder of records, as results/local.")],
    official: Annotated[Path, typer.Option(metavar="DIR", help="Published records to compare.")] = Path(
        "results/official"
    ),
    allow_external: options.AllowExternal = False,
    plugin: options.Plugin = None,
) -> None:
    """Check that records are valid before you submit them.

    Checks schema, keys, protocol and budget, recomputes every metric from the stored counts, and compares the test
    rows with those of the published records. Nothing that a record names is opened; the key of a record whose search
    space is in a module of its own can only be checked with --allow-external, which imports the module if its file has
    the record's digest.

    Exit code 0: no problem found. 1: there are problems; each is printed with its record.
    """
    from harness import registry
    from harness.boards.submission import check as check_records
    from harness.records.schema import Record
    from harness.records.store import Store

    if not folder.is_dir():
        raise UserError(f"{folder}: there is no such folder; name the folder of your records, as results/local.")
    registry.discover(plugin or [])
    published = list[Record]()
    if official.is_dir() and official.resolve() != folder.resolve():
        contents = Store(official).contents()
        printing.say_unreadable(contents.unreadable)
        published = contents.records
    records, findings = check_records(
        folder, published, allow_external, lambda names: printing.say(f"note: --allow-external: opening {names}")
    )
    if not records and not findings:
        raise UserError(f"{folder}: the folder has no records; `harness run --results {folder}` writes some.")
    for finding in findings:
        printing.say(f"{finding.path}: {finding.text}")
    files = len({finding.path for finding in findings})
    failed = sum(record.status == "failed" for record in records)
    printing.say(
        f"{len(records)} records, {f'{files} with problems' if files else 'no problems'}"
        + (f"; the cells of {failed} of them failed" if failed else "")
    )
    for method, count in sorted(Counter(record.cell.method for record in records).items()):
        printing.say(f"  {method}: {count}")
    raise typer.Exit(1 if findings else 0)
