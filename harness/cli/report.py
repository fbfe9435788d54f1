"""``harness report``: the board and what stands behind it, as one page."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options
from harness.errors import UserError


def report(
    results: Annotated[Path, typer.Option(metavar="DIR", help="Folder of records.")] = Path("results/local"),
    output: Annotated[Path, typer.Option(metavar="FILE", help="The page, one self-contained file.")] = Path(
        "report.html"
    ),
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
    plugin: options.Plugin = None,
) -> None:
    """Write report.html: the board, charts, confusion matrices, sample payloads and a dataset card, in one file."""
    import os
    import webbrowser

    from harness import registry
    from harness.execution.local_executor import SINGLE_THREADED
    from harness.leaderboard.rules import RULES
    from harness.records.store import Store
    from harness.report.page import make
    from harness.storage.atomic_write import atomic_write

    if not results.is_dir():
        raise UserError(f"--results {results}: there is no such folder; `harness run` makes results/local.")
    os.environ |= SINGLE_THREADED  # kept predictors say the same as in their run
    registry.discover(plugin or [])
    console = options.terminal()
    _check(output)
    page = make(Store(results), RULES, lambda line: console.print(line, markup=False, soft_wrap=True))
    try:
        with atomic_write(output) as file:
            file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UserError(f"--output {output}: it cannot be written ({error.strerror}).") from error
    console.print(f"wrote {output} ({len(page.encode()) / 1e6:.1f} MB)", markup=False, soft_wrap=True)
    if show and not webbrowser.open(output.absolute().as_uri()):
        console.print("no browser was found; open the file yourself")


def _check(output: Path) -> None:
    """Refuses at once what would be refused after a long computation, or would overwrite what is no page."""
    if output.is_dir() or not output.absolute().parent.is_dir():
        raise UserError(f"--output {output}: a file in a folder that exists is needed.")
    if output.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"--output {output}: the page's name must end in .html.")
