"""The command line: one module per verb, which imports what it needs when the verb runs."""

import errno
import sys
import termios
import traceback
from typing import Annotated

import typer

from harness.cli import printing
from harness.cli.audit import audit
from harness.cli.check import check_app
from harness.cli.curve import curve
from harness.cli.data import data_app
from harness.cli.leaderboard import leaderboard
from harness.cli.list_ import list_app
from harness.cli.new import new_app
from harness.cli.predict import predict
from harness.cli.report import report
from harness.cli.results import results_app
from harness.cli.run import run
from harness.cli.verbs import HELP_WIDTH, RootGroup, Verb
from harness.errors import UserError

app = typer.Typer(
    cls=RootGroup,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"max_content_width": HELP_WIDTH},
)
for verb in (run, curve, predict, leaderboard, report, audit):
    app.command(cls=Verb)(verb)
app.add_typer(list_app, name="list")
app.add_typer(data_app, name="data")
app.add_typer(results_app, name="results")
app.add_typer(new_app, name="new")
app.add_typer(check_app, name="check")


def _version(requested: bool) -> None:
    if requested:
        import harness

        printing.say(f"harness {harness.__version__}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Compare shortcut-robust classifiers of cyber-attack payloads under one protocol and one budget."""


def main() -> None:
    """Runs the command line; prints a `UserError` as one sentence on standard error and exits with code 2."""
    with printing.printable_output():
        try:
            try:
                app(prog_name="harness")
            finally:
                sys.stdout.flush()  # here, and not at the end of Python, so that an error is one sentence
        except UserError as error:
            printing.say(f"harness: {error}", error=True)
            sys.exit(2)
        except Exception as error:  # here, and not at the end of Python, so that its message is escaped
            if isinstance(error, OSError) and error.errno == errno.EIO and _terminal_is_closed():
                for stream in (sys.stdout, sys.stderr):
                    printing.discard_output(stream)
                sys.exit(130)
            traceback.print_exc()
            sys.exit(1)


def _terminal_is_closed() -> bool:
    try:
        termios.tcgetattr(sys.stdout.fileno())
    except termios.error as error:
        return bool(error.args[0] == errno.EIO)
    return False
