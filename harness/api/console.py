"""The console that everything made with rich is printed to: tables, progress, status lines."""

import sys
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment

from harness.safe_text import escaped


class PrintableConsole(Console):
    """A rich console on which text of others does nothing: no markup, no emoji codes, no escape sequences.

    Control characters are escaped where rich has turned everything into text, so nothing printed here can avoid it; the
    styles and cursor movements of rich itself remain.

    Args:
        stderr: print to standard error.
        width: columns; None for those of the terminal.
    """

    def __init__(self, stderr: bool = False, width: int | None = None) -> None:
        stream = sys.stderr if stderr else sys.stdout
        file = getattr(stream, "unescaped", None)  # `harness.cli.printing` would escape the styles of rich as well
        super().__init__(file=file, stderr=stderr, width=width, highlight=False, markup=False, emoji=False)

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Renders as rich does, and escapes the text of every segment."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(escaped(segment.text), segment.style)

    def live(self, **arguments: Any) -> Any:
        """Returns a `rich.live.Live` display that vanishes at its end and leaves standard output and error alone.

        By default rich would interpret the escape sequences of everything that is printed meanwhile.
        """
        from rich.live import Live

        return Live(console=self, transient=True, redirect_stdout=False, redirect_stderr=False, **arguments)
