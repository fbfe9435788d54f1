"""``harness audit``: which shortcuts a dataset offers, before anyone trains on it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from harness.audit.examine import Audit


def audit(
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help="A benchmark's name, or files:PATH.")],
    mapping: options.Map = None,
    where: options.Where = None,
    strict: options.Strict = False,
    scenario: Annotated[
        str, typer.Option(metavar="a,b|all", help="Scenarios by name; by default those of the preset quick.")
    ] = "",
    seeds: Annotated[
        str | None, typer.Option(metavar="N|A-B|A,B", help="How many draws of each, or which; 3 by default.")
    ] = None,
    learner: Annotated[str, typer.Option(metavar="METHOD", help="The method that probes.")] = "tfidf-logreg",
    top: Annotated[int, typer.Option(metavar="K", help="Most cues per class.")] = 8,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write audit.json and audit.md there; nothing by default.")
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option("--fail-on", metavar="NAME=VALUE,…", help="Exit 1 when a figure is above, as leaks=0,cue=0.5."),
    ] = None,
    plugin: options.Plugin = None,
) -> None:
    """Say which shortcuts a dataset offers: leaks, what tells the class without the attack, the strongest cues.

    Exit code 0: done, and no threshold of --fail-on was passed. 1: one was. 2: a mistake in the arguments or the data.
    """
    from rich.console import Console
    from rich.text import Text

    from harness.api import audits

    if out is not None and out.exists() and not out.is_dir():
        raise UserError(f"--out {out}: this is a file, and a folder is needed.")
    if fail_on is not None:
        audits.check_limits(fail_on)
    with Console(stderr=True).status(Text("auditing")) as status:  # shows nothing where it is no terminal
        result = audits.audit(
            corpus,
            mapping=options.mapping(mapping),
            where=options.where(where),
            strict=strict,
            scenarios=options.names(scenario),
            seeds=options.seeds(seeds) or audits.SEEDS,
            learner=learner,
            top=top,
            plugins=plugin or [],
            on_step=lambda what: status.update(Text(what)),
        )
    if out is not None:
        result.save(out)
    _print(options.terminal(), result.audit)
    if out is not None:
        print(f"wrote {out / 'audit.json'} and {out / 'audit.md'}")
    above = [] if fail_on is None else result.above(fail_on)
    for sentence in above:
        options.terminal().print(f"fail-on: {sentence}", markup=False, soft_wrap=True)
    raise typer.Exit(1 if above else 0)


def _print(console: "Console", found: "Audit") -> None:
    from harness.audit import report
    from harness.audit.tables import tables

    console.print(report.title(found), markup=False, soft_wrap=True)
    for line in report.findings(found):
        console.print(f"- {line}", markup=False, soft_wrap=True)
    for caption, note, header, lines in tables(found):
        console.print(f"\n{caption}: {note}.", markup=False, soft_wrap=True)
        options.print_table(header, lines)
    for line in report.notes(found):
        console.print(f"note: {line}", markup=False, soft_wrap=True)
