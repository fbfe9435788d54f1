"""All output of the command line: sentences, tables, and the streams that escape whatever is printed."""

import contextlib
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TextIO

from harness.safe_text import escaped, printable

if TYPE_CHECKING:
    from harness.api.console import PrintableConsole

PLAIN_WIDTH = 160  # columns if the output is not a terminal
_MOST_CHARACTERS = 10_000  # of one sentence
_MOST_LISTED = 10  # unreadable files that a verb names


class PrintableStream:
    """A text stream that escapes control and formatting characters, and passes everything else on to another.

    Names and messages in records, corpora and plug-ins come from other people. This stands in place of standard output
    and standard error while a verb runs, so that no line of it can contain an escape sequence.

    Attributes:
        unescaped: the other stream.
    """

    def __init__(self, stream: TextIO) -> None:
        self.unescaped = stream

    def write(self, text: str) -> int:
        """Writes a text with its control characters escaped; line breaks are kept."""
        self.unescaped.write(escaped(text))
        return len(text)

    def writelines(self, lines: Iterable[str]) -> None:
        """Writes several texts; see `write`."""
        for line in lines:
            self.write(line)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.unescaped, name)


@contextlib.contextmanager
def printable_output() -> Iterator[None]:
    """Escapes what is written to standard output and standard error until the block ends."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = PrintableStream(sys.stdout), PrintableStream(sys.stderr)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before


def say(text: str, error: bool = False) -> None:
    """Prints a sentence on one line, whatever it contains; to standard error if ``error`` is set."""
    line = " ".join(text.splitlines())
    cut = f"… ({len(line) - _MOST_CHARACTERS} more characters)" if len(line) > _MOST_CHARACTERS else ""
    print(escaped(line[:_MOST_CHARACTERS]) + cut, file=sys.stderr if error else sys.stdout)


def say_unreadable(unreadable: Mapping[str, str]) -> None:
    """Prints on standard error which files of a results folder are not counted, and why."""
    if not unreadable:
        return
    say(f"harness: {len(unreadable)} unreadable record{'s' * (len(unreadable) > 1)}, not counted:", error=True)
    for sentence in list(unreadable.values())[:_MOST_LISTED]:
        say(f"  {sentence}", error=True)
    if len(unreadable) > _MOST_LISTED:
        say(f"  … and {len(unreadable) - _MOST_LISTED} more", error=True)


def terminal(error: bool = False) -> "PrintableConsole":
    """Returns the console for tables and progress; off a terminal its width is ``COLUMNS``, or else `PLAIN_WIDTH`."""
    from harness.api.console import PrintableConsole

    has_width = (sys.stderr if error else sys.stdout).isatty() or "COLUMNS" in os.environ
    return PrintableConsole(error, None if has_width else PLAIN_WIDTH)


def print_table(header: list[str], lines: list[list[str]]) -> None:
    """Prints a plain table, with every cell on one line before it is wrapped."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in header:
        table.add_column(Text(printable(name)), overflow="fold")
    for line in lines:
        table.add_row(*(Text(printable(cell)) for cell in line))
    terminal().print(table)
