"""``harness audit``: finds shortcuts in a dataset before a classifier is trained on it."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options, printing
from harness.errors import UserError

if TYPE_CHECKING:
    from harness.auditing.examine import Audit


def audit(
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help="Benchmark, or files:PATH.")],
    mapping: options.Map = None,
    where: options.Where = None,
    strict: options.Strict = False,
    scenario: Annotated[str, typer.Option(metavar="NAME,…", help="Scenarios, or all (default: as in quick).")] = "",
    seeds: Annotated[
        str | None, typer.Option(metavar="N|A-B|A,B", help="Count, range or list of seeds (default: 3).")
    ] = None,
    learner: Annotated[str, typer.Option(metavar="METHOD", help="Method for the probes.")] = "tfidf-logreg",
    top: Annotated[int, typer.Option(metavar="K", help="Maximum cues per class.")] = 8,
    out: Annotated[Path | None, typer.Option(metavar="FOLDER", help="Write audit.json and audit.md there.")] = None,
    fail_on: Annotated[
        str | None,
        typer.Option("--fail-on", metavar="NAME=MAX,…", help="Exit 1 above a value, as leaks=0,cue=0.5."),
    ] = None,
    plugin: options.Plugin = None,
) -> None:
    """Find the shortcuts that a dataset offers a classifier.

    Reports leaks between training and test data, how well the class is predicted without the attack, and the cues
    that predict it best.

    Exit code 0: no value is above its --fail-on threshold. 1: one is. 2: an argument or the data are invalid.
    """
    from rich.spinner import Spinner
    from rich.text import Text

    from harness.api import audits
    from harness.auditing import verdicts

    if out is not None and out.exists() and not out.is_dir():
        raise UserError(f"--out {out}: this is a file; name a folder.")
    if fail_on is not None:
        verdicts.thresholds(fail_on)
    spinner = Spinner("dots", Text("auditing"))
    with printing.terminal(error=True).live(renderable=spinner):  # shows nothing unless this is a terminal
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
            on_step=lambda step: spinner.update(text=Text(step)),
        )
    if out is not None:
        result.save(out)
    _print(result.audit)
    if out is not None:
        printing.say(f"wrote {out / 'audit.json'} and {out / 'audit.md'}")
    above = [] if fail_on is None else result.above(fail_on)
    for sentence in above:
        printing.say(f"fail-on: {sentence}")
    raise typer.Exit(1 if above else 0)


def _print(findings: "Audit") -> None:
    from harness.auditing import report
    from harness.auditing.tables import tables

    printing.say(report.title(findings))
    for line in report.findings(findings):
        printing.say(f"- {line}")
    for caption, note, header, lines in tables(findings):
        printing.say("")
        printing.say(f"{caption}: {note}.")
        printing.print_table(header, lines)
    for line in report.notes(findings):
        printing.say(f"note: {line}")
