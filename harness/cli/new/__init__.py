"""``harness new``: verbs that write a plug-in file to start from."""

import typer

from harness.cli.new.method import method
from harness.cli.verbs import Verb, VerbGroup

new_app = typer.Typer(cls=VerbGroup, no_args_is_help=True)
new_app.command(cls=Verb)(method)


@new_app.callback()
def new() -> None:
    """Create a plug-in that works, as a file to start from."""
