"""Renders boards as Markdown and as tables in the terminal."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.boards import curve_tables, defaults, tables
from harness.boards.by_environment import scenarios
from harness.boards.diagnostics import diagnostics
from harness.boards.learning_curves import LearningCurves
from harness.boards.model import Board
from harness.boards.verdicts import contrasts, differences, sentence
from harness.protocol import FALLBACK
from harness.safe_text import in_markdown, printable

if TYPE_CHECKING:
    from rich.table import Table

_LEGEND = (
    "*Rank*: within the track, with its 95 % interval by the bootstrap. *Letters*: methods that share a letter do not "
    "differ significantly (paired t-tests over seeds, Holm's correction; with few seeds, few differences are "
    "significant).",
    "*Score*: macro-F1, mean over scenarios and then over their shifted environments (under protocol 2, over shift "
    "types first), ± its 95 % interval over folds of disjoint CVEs and their repeats; beside it the same for each "
    "shift type, with its rank. ‡: failed cells count with the scores of `majority`. *ID*: macro-F1 without a shift, "
    "with the weights of the score. *Gap*: ID minus score. *Worst tenth*: mean accuracy of the worst tenth of "
    "(shifted environment, class) pairs of a seed.",
    "*Starvation*: macro-F1 in `iid` minus that in `neutral`, what is not learned because cues suffice. *Reliance*: "
    "macro-F1 in `neutral` minus the mean over the environments that flip one cue.",
    "*Flip rate / cue-follow*: how often flipping one cue changes a prediction, and how much more often the cue's "
    "class is then predicted; both are 0 for a method that learns nothing. *Perturbed (worst)*: lowest macro-F1 over "
    "perturbation suites and scenarios, counting the worst draw of each payload.",
    "*Trials*: over all cells. *Train s*, *shared steps s*: compute seconds per cell. *µs per payload*: compute time "
    "of scoring.",
)
HEADER = f"""# Leaderboard

Generated from records by `harness leaderboard`; do not edit. What the columns mean
([more](docs/leaderboard.md), [statistics](docs/statistics.md)):

{"".join(f"- {line}{chr(10)}" for line in _LEGEND)}"""
_HIDDEN_FIRST = (
    "shared steps s",
    "µs per payload",
    "train s",
    "trials",
    "perturbed (worst)",
    "worst tenth",
    "letters",
    "flip rate / cue-follow",
    "gap",
    "ID",
)
_COLUMN_GAP = 3  # characters between two columns in a terminal
_DETAILS = (defaults.search, differences, tables.intervals, scenarios, diagnostics)


def markdown(boards: Sequence[Board], curves: Sequence[LearningCurves] = ()) -> str:
    """Returns the whole leaderboard as Markdown, with the learning curves below the boards.

    If any board ranks methods, those that do not show only their main table; ``leaderboard.json`` holds the rest.
    """
    any_ranks = any(board.ranked for board in boards)
    parts = [HEADER, *(_board(board, brief=any_ranks and not board.ranked) for board in boards)]
    parts += map(curves_markdown, curves)
    return "\n".join(parts if len(parts) > 1 else [HEADER, "No records yet.\n"])


def curves_markdown(curves: LearningCurves) -> str:
    """Returns learning curves as Markdown: a heading, the scores by number of training rows, the crossings, notes."""
    parts = [f"## {in_markdown(curve_tables.title(curves))}\n"]
    parts += [_table(*table) for table in curve_tables.tables(curves)]
    notes = curve_tables.notes(curves)
    return "\n".join([*parts, *([_bullets("Notes", notes)] if notes else [])])


def _board(board: Board, brief: bool) -> str:
    parts = [f"## {in_markdown(tables.title(board))}\n"]
    parts += [_table(*table) for table in tables.main_tables(board)]
    if board.claims:
        heading = "Verdicts (5 % over all claims by Holm's correction; equivalent: within the margin at 5 % per claim)"
        parts.append(_bullets(heading, [sentence(claim) for claim in board.claims]))
    parts += [_table(*table) for table in contrasts(board)]
    if brief:
        parts.append("The details of this board are in `leaderboard.json`.\n")
        return "\n".join(parts)
    parts += [_table(*table) for details in _DETAILS for table in details(board)]
    parts += [_bullets(heading, lines) for heading, lines in tables.remarks(board) if lines]
    provenance = [f"corpus {board.setting.corpus[:16]}", *(f"{k}: {v}" for k, v in board.provenance.items())]
    return "\n".join([*parts, _bullets("Provenance", provenance)])


def _bullets(heading: str, lines: Sequence[str]) -> str:
    return f"### {heading}\n\n" + "".join(f"- {in_markdown(line)}\n" for line in lines)


def _table(caption: str, header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    text = "".join("| " + " | ".join(in_markdown(cell) for cell in row) + " |\n" for row in rows)
    return f"### {in_markdown(caption)}\n\n{text}" if caption else text


def terminal_tables(board: Board, width: int) -> "Iterator[tuple[str, Table, str]]":
    """Yields the board's tables for a terminal: caption, table, and a line that names hidden columns.

    The caption is separate, since a table would wrap it to its own width.
    """
    first, *more = tables.main_tables(board)
    text_tables = [
        (f"{tables.title(board)}{': ' if first[0] else ''}{first[0]}", *first[1:]),
        *more,
        *contrasts(board),
        *(table for details in _DETAILS for table in details(board)),
    ]
    for caption, header, lines in text_tables:
        widths = [_column_width(name, [line[at] for line in lines]) for at, name in enumerate(header)]
        columns = _fitting_columns(header, widths, width)
        hidden = ", ".join(name for at, name in enumerate(header) if at not in columns)
        names = ["\n".join(textwrap.wrap(header[at], widths[at])) for at in columns]
        table = _terminal_table(names, [[line[at] for at in columns] for line in lines])
        yield printable(caption), table, f"columns hidden (terminal too narrow): {printable(hidden)}" if hidden else ""


def _fitting_columns(header: Sequence[str], widths: Sequence[int], width: int) -> list[int]:
    """Returns the indices of the columns that fit: the least important are hidden first, then the last; two stay."""
    hidden_first = [at for name in _HIDDEN_FIRST for at, other in enumerate(header) if other == name]
    hidden_first += [at for at in reversed(range(2, len(header))) if at not in hidden_first]
    columns = set(range(len(header)))
    for at in hidden_first:
        if sum(widths[i] + _COLUMN_GAP for i in columns) <= width:
            break
        columns.discard(at)
    return sorted(columns)


def _column_width(name: str, cells: Sequence[str]) -> int:
    """Returns the least width of a column in characters: its cells are never broken, its name between words only."""
    from rich.cells import cell_len

    return max(map(cell_len, [*name.split(), *map(printable, cells)]), default=1)


def terminal_lines(board: Board) -> list[str]:
    """Returns the lines below the tables in a terminal: verdicts, failures, missing cells, notes."""
    lines = [sentence(claim) for claim in board.claims]
    failures = [f"failed: {line}" for line in tables.failures(board)]
    if failures:
        lines += [*failures, f"{tables.FALLBACK_MARK}: failed cells count with the scores of {FALLBACK}"]
    lines += [f"missing: {line}" for line in tables.missing(board)]
    lines += [f"note: {line}" for line in (*board.perturbation_counts, *tables.notes(board))]
    return [printable(line) for line in lines]


def _terminal_table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in header:
        table.add_column(name, no_wrap=True, overflow="fold")
    for line in lines:
        table.add_row(*(Text(printable(cell)) for cell in line))
    return table
