"""``harness results``: verbs that read stored records."""

import typer

from harness.cli.results.agreement import agreement
from harness.cli.results.board import board
from harness.cli.results.budget import budget
from harness.cli.results.check import check
from harness.cli.results.compare import compare
from harness.cli.results.power import power
from harness.cli.results.status import status
from harness.cli.results.verify import verify
from harness.cli.verbs import Verb, VerbGroup

results_app = typer.Typer(cls=VerbGroup, no_args_is_help=True)
for verb in (board, compare, agreement, power, budget, verify, status, check):
    results_app.command(cls=Verb)(verb)


@results_app.callback()
def results() -> None:
    """Inspect, compare, rerun and check stored results."""
