"""All output of the command line: sentences, tables, and the streams that escape whatever is printed."""

import codecs
import contextlib
import errno
import io
import os
import sys
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, TextIO

from harness.errors import UserError
from harness.safe_text import escaped, printable

if TYPE_CHECKING:
    from harness.api.console import PrintableConsole

PLAIN_WIDTH = 160  # columns if the output is not a terminal
_MOST_CHARACTERS = 10_000  # of one sentence
_MOST_LISTED = 10  # unreadable files that a verb names


# What is printed for a character that the encoding of a terminal or a log lacks, such as Latin-1; "?" for all others.
_SUBSTITUTES = {
    **dict.fromkeys(
        "\N{HYPHEN}\N{NON-BREAKING HYPHEN}\N{EN DASH}\N{EM DASH}\N{MINUS SIGN}\N{BOX DRAWINGS LIGHT HORIZONTAL}", "-"
    ),
    **dict.fromkeys("\N{LEFT SINGLE QUOTATION MARK}\N{RIGHT SINGLE QUOTATION MARK}", "'"),
    **dict.fromkeys("\N{LEFT DOUBLE QUOTATION MARK}\N{RIGHT DOUBLE QUOTATION MARK}", '"'),
    "\N{HORIZONTAL ELLIPSIS}": "...",
    "\N{MULTIPLICATION SIGN}": "x",
    "\N{PLUS-MINUS SIGN}": "+/-",
    "\N{LESS-THAN OR EQUAL TO}": "<=",
    "\N{GREATER-THAN OR EQUAL TO}": ">=",
    "\N{RIGHTWARDS ARROW}": "->",
    "\N{MIDDLE DOT}": ".",
    "\N{BULLET}": "*",
    "\N{CHECK MARK}": "ok",
    "\N{NO-BREAK SPACE}": " ",
    "\N{MICRO SIGN}": "u",
}
_SUBSTITUTE = "harness.substitute"  # name of the error handler of an encoding


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return "".join(_SUBSTITUTES.get(character, "?") for character in error.object[error.start : error.end]), error.end


codecs.register_error(_SUBSTITUTE, _substitute)


class OutputError(UserError):
    """Standard output cannot be written to, for example because the disk is full."""


class OutputStream:
    """A text stream of the process that prints a substitute for a character that its encoding lacks.

    Args:
        stream: standard output or standard error.
        essential: whether the verb ends where it cannot be written to; if not, as notes and progress, it is discarded.

    Raises:
        OutputError: it cannot be written to; raised again by each later call, since a library may have caught it. What
            is buffered is discarded, so that Python does not fail when it ends. A closed terminal is passed on as the
            `OSError` that it is.
        SystemExit: with the code 141, that of a tool that SIGPIPE ends: the reader has ended, as ``head`` does.
    """

    def __init__(self, stream: TextIO, essential: bool) -> None:
        self._stream, self._essential = stream, essential
        self._error: OutputError | None = None
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors=_SUBSTITUTE)

    def write(self, text: str) -> int:
        """Writes a text."""
        if text:
            with self._checked():
                self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Writes what is buffered."""
        with self._checked():
            self._stream.flush()

    @contextlib.contextmanager
    def _checked(self) -> Iterator[None]:
        if self._error:
            raise self._error
        try:
            yield
        except BrokenPipeError:
            discard_output(self._stream)
            sys.exit(141)
        except OSError as error:
            if error.errno == errno.EIO:
                raise
            discard_output(self._stream)
            if self._essential:
                self._error = OutputError(f"standard output cannot be written to ({error.strerror or error}).")
                raise self._error from error

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


def discard_output(stream: TextIO) -> None:
    """Lets a stream of the process write to nowhere from now on, whatever it still has buffered."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


class PrintableStream:
    """A text stream that escapes control and formatting characters, and passes everything else on to another.

    Names and messages in records, corpora and plug-ins come from other people. This stands in place of standard output
    and standard error while a verb runs, so that no line of it can contain an escape sequence.

    Attributes:
        unescaped: the other stream.
        encoding: UTF-8, since it accepts every character; the encoding of the other stream may lack some.
    """

    encoding = "utf-8"

    def __init__(self, stream: TextIO | OutputStream) -> None:
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
    sys.stdout = PrintableStream(OutputStream(sys.stdout, essential=True))
    sys.stderr = PrintableStream(OutputStream(sys.stderr, essential=False))
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
