"""``harness report``: writes an HTML page with the board, charts and samples of a results folder."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options, printing
from harness.errors import UserError


def report(
    results: Annotated[Path, typer.Option(metavar="DIR", help="Results folder.")] = Path("results/local"),
    output: Annotated[Path, typer.Option(metavar="FILE", help="HTML file to write.")] = Path("report.html"),
    bench: Annotated[
        str,
        typer.Option("--bench", metavar="CORPUS", help="Corpus whose payloads to show.", rich_help_panel=options.DATA),
    ] = "",
    mapping: options.Map = None,
    where: options.Where = None,
    strict: options.Strict = False,
    target: options.Target = "",
    target_map: options.TargetMap = None,
    target_where: options.TargetWhere = None,
    text: options.Text = "",
    text_map: options.TextMap = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    plugin: options.Plugin = None,
) -> None:
    """Write a results folder as an HTML page.

    One self-contained file holds the board, charts, confusion matrices, sample payloads and a dataset card. Payloads
    of your own data are shown if you name them with --bench and the other options of their run.
    """
    import os
    import webbrowser

    from harness import registry
    from harness.api.results import read_records
    from harness.boards.rules import RULES
    from harness.execution.local_executor import SINGLE_THREADED
    from harness.records.store import Store
    from harness.report.page import make
    from harness.storage.atomic_write import atomic_write

    if not results.is_dir():
        raise UserError(f"--results {results}: there is no such folder; `harness run` writes results/local.")
    os.environ |= SINGLE_THREADED  # so that saved predictors give the same digits as in their run
    registry.discover(plugin or [])
    _check(output)
    data = options.data_options(mapping, where, strict, target, target_map, target_where, text, text_map)
    named = options.named_corpus(bench, data)
    contents = read_records(results)
    printing.say_unreadable(contents.unreadable)
    page = make(Store(results), contents.records, RULES, named, printing.say)
    try:
        with atomic_write(output) as file:
            file.write_text(page, encoding="utf-8")
    except OSError as error:
        raise UserError(f"--output {output}: the file cannot be written ({error.strerror}).") from error
    printing.say(f"wrote {output} ({len(page.encode()) / 1e6:.1f} MB)")
    if show and not webbrowser.open(output.absolute().as_uri()):
        printing.say("no browser found; open the file yourself")


def _check(output: Path) -> None:
    """Rejects a path before the long computation if it cannot be written or is not an HTML file."""
    if output.is_dir() or not output.absolute().parent.is_dir():
        raise UserError(f"--output {output}: the path must be a file in an existing folder.")
    if output.suffix.lower() not in (".html", ".htm"):
        raise UserError(f"--output {output}: the file name must end in .html.")
