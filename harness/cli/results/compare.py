"""``harness results compare``: the paired difference of two methods."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options, printing


def compare(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="A method with records in the folder.")],
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The method it is compared with.")],
    results: Annotated[Path, typer.Option(metavar="DIR", help="Results folder.")] = Path("results/local"),
    plugin: options.Plugin = None,
) -> None:
    """Show how far one method is ahead of another.

    Prints the difference of macro-F1 in the scored environments, paired over seeds, with its 95 % interval and the p
    of the paired t-test: by scenario, and for the score.
    """
    from harness import registry
    from harness.api.results import load_results

    registry.discover(plugin or [])
    stored = load_results(results)
    printing.say_unreadable(stored.unreadable)
    table = stored.contrast(method, other)
    printing.print_table(table.columns, [list(cells) for cells in table.text_rows()])
