"""``harness check``: verbs that test a plug-in."""

import typer

from harness.cli.check.method import method
from harness.cli.verbs import Verb, VerbGroup

check_app = typer.Typer(cls=VerbGroup, no_args_is_help=True)
check_app.command(cls=Verb)(method)


@check_app.callback()
def check() -> None:
    """Test whether a plug-in fulfils its contract."""
