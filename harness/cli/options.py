"""Options that several verbs share, and how their text becomes values."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from harness.api.benchmarks import DataOptions
    from harness.api.prepared_run import Rows
    from harness.records.schema import Record

PLAIN_WIDTH = 160  # columns where the output is no terminal

Plugin = Annotated[
    list[str] | None,
    typer.Option("--plugin", metavar="FILE", help="A Python file that registers methods or benchmarks."),
]
Bench = Annotated[
    str,
    typer.Option("--bench", metavar="CORPUS", help="A benchmark (see list benchmarks), or files:PATH for your data."),
]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map", metavar="FIELD=COLUMN,…", help="files: which of your columns is payload, label, group, date …"
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option("--where", metavar="COLUMN=A|B", help="files: keep only rows whose column has one of these values."),
]

Strict = Annotated[
    bool, typer.Option("--strict", help="files: refuse any row that cannot be used; else up to 1% is left out.")
]

Target = Annotated[
    str, typer.Option("--target", metavar="CORPUS", help="Train on --bench and test on this, on the classes of both.")
]
TargetMap = Annotated[
    list[str] | None, typer.Option("--target-map", metavar="FIELD=COLUMN,…", help="--map of the target.")
]
TargetWhere = Annotated[
    list[str] | None, typer.Option("--target-where", metavar="COLUMN=A|B", help="--where of the target.")
]
Text = Annotated[
    str, typer.Option("--text", metavar="CORPUS", help="Add its descriptions, as of cve-text:PATH, to the training.")
]
TextMap = Annotated[list[str] | None, typer.Option("--text-map", metavar="FIELD=COLUMN,…", help="--map of the texts.")]


def names(text: str) -> list[str]:
    """Splits a comma-separated list, without empty parts or repeats."""
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def mapping(texts: list[str] | None) -> dict[str, str]:
    """Reads ``--map`` values.

    Raises:
        UserError: a part is not ``field=column``, or a field is mapped twice.
    """
    found: dict[str, str] = {}
    for part in (part for text in texts or [] for part in names(text)):
        field, equals, column = part.partition("=")
        if not (equals and field and column):
            raise UserError(f"--map {part}: a part must read FIELD=COLUMN, as in label=family.")
        if field in found:
            raise UserError(f"--map: {field} is mapped twice, to {found[field]} and to {column}; join groups with '+'.")
        found[field] = column
    return found


def where(texts: list[str] | None) -> dict[str, tuple[str, ...]]:
    """Reads ``--where`` values.

    Raises:
        UserError: a value is not ``column=a|b``.
    """
    found: dict[str, tuple[str, ...]] = {}
    for text in texts or []:
        column, equals, values = text.partition("=")
        kept = tuple(value for value in values.split("|") if value)
        if not (equals and column and kept):
            raise UserError(f"--where {text}: it must read COLUMN=VALUE or COLUMN=VALUE|VALUE.")
        if column in found:
            raise UserError(f"--where: {column} is given twice; join its values as {column}=A|B.")
        found[column] = kept
    return found


def labels(text: str) -> dict[str, str]:
    """Reads ``--labels``: ``THEIRS=CLASS,…``, or the path of a JSON file that maps labels to classes.

    Raises:
        UserError: the text is neither, or a label is mapped twice.
    """
    if text.endswith(".json"):
        return _labels_of(text)
    found: dict[str, str] = {}
    for part in names(text):
        theirs, equals, ours = (word.strip() for word in part.rpartition("="))
        if not (equals and theirs and ours):
            raise UserError(f"--labels {part}: a part must read THEIRS=CLASS, as in sqli=sql-injection.")
        if theirs in found:
            raise UserError(f"--labels: {theirs} is mapped twice, to {found[theirs]} and to {ours}.")
        found[theirs] = ours
    return found


def _labels_of(path: str) -> dict[str, str]:
    import json
    from pathlib import Path

    try:
        table = json.loads(Path(path).read_bytes())
    except OSError as error:
        raise UserError(f"--labels {path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise UserError(f"--labels {path} is no JSON ({error}).") from error
    if not isinstance(table, dict) or not all(isinstance(ours, str) for ours in table.values()):
        raise UserError(f'--labels {path}: an object of texts is needed, as in {{"sqli": "sql-injection"}}.')
    return table


def rows(text: str | None) -> "Rows | None":
    """Reads ``--rows``: most rows of training, validation and each test, or ``all``.

    Raises:
        UserError: there are not three of them, or one is neither a number from 1 nor all.
    """
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3 or not all(part == "all" or (part.isdigit() and int(part) > 0) for part in parts):
        raise UserError(f"--rows {text}: three numbers from 1, or all, are needed, as in 440,110,220.")
    train, validation, test = (None if part == "all" else int(part) for part in parts)
    return train, validation, test


def seeds(text: str | None) -> list[int] | None:
    """Reads ``--seeds``: a count (``6`` is seeds 0 to 5), a range (``2-4``) or a list (``0,3``).

    Raises:
        UserError: the text is none of these.
    """
    if text is None:
        return None
    if re.fullmatch(r"[1-9]\d{0,4}", text):
        return list(range(int(text)))
    if match := re.fullmatch(r"(\d{1,5})-(\d{1,5})", text):
        first, last = int(match[1]), int(match[2])
        if first <= last:
            return list(range(first, last + 1))
    elif re.fullmatch(r"\d{1,5}(,\d{1,5})+,?|\d{1,5},", text):
        return sorted({int(part) for part in text.split(",") if part})
    raise UserError(f"--seeds {text}: a count above 0 (6), a range (2-4) or a list (0,3) is needed.")


def shard(text: str) -> tuple[int, int] | None:
    """Reads ``--shard``: which part, from 1, and of how many.

    Raises:
        UserError: the text is no such pair.
    """
    if not text:
        return None
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UserError(f"--shard {text}: it must read I/N with I from 1 to N, as in 2/8.")
    return int(match[1]), int(match[2])


def memory(text: str | None) -> float | None:
    """Reads ``--memory`` in gigabytes; ``none``, no limit, is infinity.

    Raises:
        UserError: the text is no positive number.
    """
    if text is None:
        return None
    if text == "none":
        return float("inf")
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = 0.0
    if not 0 < gigabytes < 1e6:
        raise UserError(f"--memory {text}: gigabytes per worker above 0 are needed, or none.")
    return gigabytes


def terminal() -> "Console":
    """Returns the console that verbs print to; where it is no terminal, ``COLUMNS`` or else room for a log."""
    import os
    import sys

    from rich.console import Console

    known = sys.stdout.isatty() or "COLUMNS" in os.environ
    return Console(highlight=False, width=None if known else PLAIN_WIDTH)


def data_options(
    maps: list[str] | None = None,
    wheres: list[str] | None = None,
    strict: bool = False,
    target: str = "",
    target_maps: list[str] | None = None,
    target_wheres: list[str] | None = None,
    text: str = "",
    text_maps: list[str] | None = None,
) -> "DataOptions":
    """Reads the options that say how a corpus is read, as ``--map`` and ``--where``.

    Raises:
        UserError: one of them is malformed.
    """
    from harness.api.benchmarks import DataOptions

    return DataOptions(
        mapping(maps),
        where(wheres),
        strict,
        target,
        mapping(target_maps),
        where(target_wheres),
        text,
        mapping(text_maps),
    )


def records_in(results: Path, option: str = "--results ") -> "list[Record]":
    """Returns all records of a folder.

    Raises:
        UserError: there is no such folder, no record in it, or one that cannot be read.
    """
    from harness.records.store import Store

    if not results.is_dir():
        raise UserError(f"{option}{results}: there is no such folder; run from the project's root, or name one.")
    records = list(Store(results).records())
    if not records:
        raise UserError(f"{option}{results}: there is no record in it; `harness run --results {results}` makes some.")
    return records


def print_table(header: list[str], lines: list[list[str]]) -> None:
    """Prints a plain table; nothing in its cells is obeyed by the terminal."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from harness.safe_text import printable

    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in header:
        table.add_column(name, overflow="fold")
    for line in lines:
        table.add_row(*(Text(printable(cell)) for cell in line))
    terminal().print(table)
