"""Options that several verbs share, and the parsers of their values."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.data import column_names
from harness.errors import UserError

if TYPE_CHECKING:
    from harness.api.benchmarks import DataOptions
    from harness.api.prepared_run import Rows
    from harness.benchmark import Benchmark

# The sections of --help.
WHAT = "What to run"
HOW_MUCH = "How much"
DATA = "Data"
MACHINE = "Where it runs"
OUTPUT = "Output"
PLUGIN_HELP = "Python file with methods or benchmarks."

Plugin = Annotated[list[str] | None, typer.Option("--plugin", metavar="FILE", help=PLUGIN_HELP)]
Bench = Annotated[
    str,
    typer.Option("--bench", metavar="CORPUS", help="Benchmark, or files:PATH.", rich_help_panel=DATA),
]
Map = Annotated[
    list[str] | None,
    typer.Option(
        "--map", metavar="FIELD=COL,…", help="Your columns, as payload=raw,label=class.", rich_help_panel=DATA
    ),
]
Where = Annotated[
    list[str] | None,
    typer.Option(
        "--where", metavar="COL=A|B", help="Use only rows with one of these values; ?: any.", rich_help_panel=DATA
    ),
]
Strict = Annotated[
    bool,
    typer.Option("--strict", help="Fail on any unusable row (default: skip up to 1%).", rich_help_panel=DATA),
]
Target = Annotated[
    str,
    typer.Option(
        "--target", metavar="CORPUS", help="Train on --bench, test on this (shared classes).", rich_help_panel=DATA
    ),
]
TargetMap = Annotated[
    list[str] | None,
    typer.Option("--target-map", metavar="FIELD=COL,…", help="--map for --target.", rich_help_panel=DATA),
]
TargetWhere = Annotated[
    list[str] | None,
    typer.Option("--target-where", metavar="COL=A|B", help="--where for --target.", rich_help_panel=DATA),
]
Text = Annotated[
    str,
    typer.Option("--text", metavar="CORPUS", help="Add this corpus's descriptions to training.", rich_help_panel=DATA),
]
TextMap = Annotated[
    list[str] | None,
    typer.Option("--text-map", metavar="FIELD=COL,…", help="--map for --text.", rich_help_panel=DATA),
]


# Options of `harness run` and `harness curve`.
Seeds = Annotated[
    str | None,
    typer.Option(metavar="N|A-B|A,B", help="Count (6), range (2-4) or list (0,3 or 3,).", rich_help_panel=HOW_MUCH),
]
Trials = Annotated[
    int | None, typer.Option(metavar="N", help="Configurations to try per cell.", rich_help_panel=HOW_MUCH)
]
Seconds = Annotated[
    float | None,
    typer.Option(metavar="S", help="CPU seconds for tuning per cell.", rich_help_panel=HOW_MUCH),
]
Sampler = Annotated[str, typer.Option(metavar="NAME", help="Trial sampler: random or tpe.", rich_help_panel=HOW_MUCH)]
Pruner = Annotated[str, typer.Option(metavar="NAME", help="Pruner: none, median, hyperband.", rich_help_panel=HOW_MUCH)]
Workers = Annotated[
    int | None,
    typer.Option(metavar="N", help="Cells to run in parallel (default: all cores).", rich_help_panel=MACHINE),
]
Memory = Annotated[
    str | None,
    typer.Option(metavar="GB|none", help="Memory limit per worker (default: fair share).", rich_help_panel=MACHINE),
]
Precision = Annotated[
    str, typer.Option(metavar="NAME", help="Torch: auto, float32 or bfloat16.", rich_help_panel=MACHINE)
]
Device = Annotated[
    str, typer.Option(metavar="NAME", help="Torch: auto, cpu, cuda, cuda:N or mps.", rich_help_panel=MACHINE)
]
Executor = Annotated[
    str, typer.Option(metavar="NAME", help="local, or ray for a Ray cluster.", rich_help_panel=MACHINE)
]
RayAddress = Annotated[
    str,
    typer.Option(metavar="HOST:PORT", help="Ray cluster, or auto (default: start one here).", rich_help_panel=MACHINE),
]
Shard = Annotated[
    str,
    typer.Option(metavar="I/N", help="Run part I of N parts, for job arrays.", rich_help_panel=MACHINE),
]
RunPlugin = Annotated[
    list[str] | None,
    typer.Option("--plugin", metavar="FILE", help=PLUGIN_HELP, rich_help_panel=WHAT),
]
RetryFailed = Annotated[bool, typer.Option("--retry-failed", help="Run failed cells again.", rich_help_panel=WHAT)]
Rerun = Annotated[bool, typer.Option("--rerun", help="Run cells again that have a record.", rich_help_panel=WHAT)]
Results = Annotated[Path, typer.Option(metavar="DIR", help="Results folder.", rich_help_panel=OUTPUT)]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Show what would run, and stop.", rich_help_panel=OUTPUT)]

AllowExternal = Annotated[
    bool,
    typer.Option("--allow-external", help="Open what records name: programs, URLs."),
]


def names(text: str) -> list[str]:
    """Splits a comma-separated list, without empty parts or repeats."""
    return list(dict.fromkeys(part.strip() for part in text.split(",") if part.strip()))


def mapping(texts: list[str] | None) -> dict[str, str]:
    r"""Reads ``--map`` values; a comma in a column's name is written ``\,``.

    The column of ``group`` stays as it is written, since it may name several, joined by ``+``.

    Raises:
        UserError: a part is not ``field=column``, or a field is mapped twice.
    """
    columns: dict[str, str] = {}
    parts = [part.strip() for text in texts or [] for part in column_names.split(text, ",")]
    for part in filter(None, dict.fromkeys(parts)):
        field, equals, column = part.partition("=")
        if not (equals and field and column):
            raise UserError(f"--map {part}: each part must have the form FIELD=COLUMN, as in label=family.")
        if field in columns:
            raise UserError(
                f"--map: {field} is mapped twice, to {columns[field]} and to {column}; join groups with '+'."
            )
        columns[field] = column if field == "group" else column_names.unescaped(column)
    return columns


def where(texts: list[str] | None) -> dict[str, tuple[str, ...]]:
    r"""Reads ``--where`` values; ``=`` in a column's name and ``|`` in a value are written ``\=`` and ``\|``.

    Raises:
        UserError: a value is not ``column=a|b``.
    """
    filters: dict[str, tuple[str, ...]] = {}
    for text in texts or []:
        name, *rest = column_names.split(text, "=")
        column = column_names.unescaped(name)
        alternatives = column_names.split("=".join(rest), "|")
        values = tuple(column_names.unescaped(value) for value in alternatives if value)
        if not (rest and column and values):
            raise UserError(
                f"--where {text}: the value must have the form COLUMN=VALUE, COLUMN=VALUE|VALUE or, for any value, "
                "COLUMN=?."
            )
        if column in filters:
            raise UserError(f"--where: {column} is given twice; join its values as {column}=A|B.")
        filters[column] = values
    return filters


def labels(text: str) -> dict[str, str]:
    """Reads ``--labels``: ``THEIRS=CLASS,…``, or the path of a JSON file that maps labels to classes.

    Raises:
        UserError: the text is neither, or a label is mapped twice.
    """
    if text.endswith(".json"):
        return _labels_from_json(text)
    classes: dict[str, str] = {}
    for part in names(text):
        theirs, equals, ours = (word.strip() for word in part.rpartition("="))
        if not (equals and theirs and ours):
            raise UserError(f"--labels {part}: each part must have the form THEIRS=CLASS, as in sqli=sql-injection.")
        if theirs in classes:
            raise UserError(f"--labels: {theirs} is mapped twice, to {classes[theirs]} and to {ours}.")
        classes[theirs] = ours
    return classes


_MAX_LABELS_BYTES = 16 * 2**20  # of the file that --labels names


def _labels_from_json(path: str) -> dict[str, str]:
    from harness.storage import bounded, safe_json

    try:
        table = safe_json.loads(bounded.read(Path(path), _MAX_LABELS_BYTES))
    except OSError as error:
        raise UserError(f"--labels {path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise UserError(f"--labels {path} is not a JSON file ({error}).") from error
    if not isinstance(table, dict) or not all(isinstance(ours, str) for ours in table.values()):
        raise UserError(f'--labels {path}: the file must map labels to classes, as in {{"sqli": "sql-injection"}}.')
    return table


def rows(text: str | None) -> "Rows | None":
    """Reads ``--rows``: the maximum rows of training, validation and each test, or ``all``.

    Raises:
        UserError: there are not three values, or one is neither a number above 0 nor ``all``.
    """
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 3 or not all(part == "all" or (part.isdigit() and int(part) > 0) for part in parts):
        raise UserError(f"--rows {text}: the value must be three numbers above 0, or all, as in 440,110,220.")
    train, validation, test = (None if part == "all" else int(part) for part in parts)
    return train, validation, test


def curve_rows(text: str) -> list[int]:
    """Reads ``--rows`` of a learning curve: numbers of training rows; whether they ascend is checked later.

    Raises:
        UserError: a part is not a number above 0.
    """
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isascii() and part.isdigit() and 0 < int(part) < 1e9 for part in parts):
        raise UserError(f"--rows {text}: the value must be two or more numbers above 0, as in 55,110,330.")
    return [int(part) for part in parts]


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
    raise UserError(f"--seeds {text}: the value must be a count above 0 (6), a range (2-4) or a list (0,3).")


def positive_numbers(option: str, text: str) -> list[int]:
    """Reads a comma-separated list of whole numbers above 0.

    Raises:
        UserError: the text is none.
    """
    parts = names(text)
    if not parts or not all(re.fullmatch(r"[1-9]\d{0,5}", part) for part in parts):
        raise UserError(f"{option} {text}: the value must be whole numbers above 0, as in 1,2,4.")
    return [int(part) for part in parts]


def shard(text: str) -> tuple[int, int] | None:
    """Reads ``--shard``: the number of the part, from 1, and the number of parts.

    Raises:
        UserError: the text is not such a pair.
    """
    if not text:
        return None
    match = re.fullmatch(r"(\d{1,6})/(\d{1,6})", text)
    if match is None or not 1 <= int(match[1]) <= int(match[2]):
        raise UserError(f"--shard {text}: the value must have the form I/N with I from 1 to N, as in 2/8.")
    return int(match[1]), int(match[2])


def memory(text: str | None) -> float | None:
    """Reads ``--memory`` in gigabytes; ``none`` (no limit) is infinity.

    Raises:
        UserError: the text is neither a positive number nor ``none``.
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
        raise UserError(f"--memory {text}: the value must be gigabytes per worker above 0, or none.")
    return gigabytes


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


def named_corpus(bench: str, data: "DataOptions") -> "Benchmark | None":
    """Opens the corpus of ``--bench``, for verbs that can do without one; returns None if it is not given.

    Raises:
        UserError: the corpus cannot be opened, or other options of the data are given without ``--bench``.
    """
    from harness.api.benchmarks import open_benchmark

    if bench:
        return open_benchmark(bench, data)
    if data.mapping or data.where or data.target or data.text:
        raise UserError("--map, --where, --target and --text belong to --bench CORPUS; give that option too.")
    return None
