"""The command line. Verbs live in modules of their own and import what they need when they run."""

import os
import sys
from typing import Annotated

import typer

from harness.cli.agreement import agreement
from harness.cli.audit import audit
from harness.cli.budget import budget
from harness.cli.check_method import check_method
from harness.cli.data import data_app
from harness.cli.leaderboard import leaderboard
from harness.cli.listing import list_app
from harness.cli.new_method import new_method
from harness.cli.predict import predict
from harness.cli.report import report
from harness.cli.run import run
from harness.cli.status import status
from harness.cli.submit_check import submit_check
from harness.cli.verify import verify
from harness.errors import UserError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
app.command()(run)
app.command()(predict)
app.command()(leaderboard)
app.command()(report)
app.command()(agreement)
app.command()(audit)
app.command()(budget)
app.command()(verify)
app.command()(status)
app.command()(check_method)
app.command()(new_method)
app.command()(submit_check)
app.add_typer(list_app, name="list")
app.add_typer(data_app, name="data")


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        print(f"harness {version('shortcut-harness')}")
        raise typer.Exit


@app.callback()
def about(
    version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print it.")] = False,
) -> None:
    """Compare shortcut-robust classifiers of cyber-attack payloads under one protocol and one budget."""


def main() -> None:
    """Runs the command line; a user's mistake is one sentence on standard error and exit code 2."""
    try:
        app()
    except UserError as error:
        print(f"harness: {error}", file=sys.stderr)
        sys.exit(2)
    except BrokenPipeError:  # the reader of our output went away, as `head` does
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
