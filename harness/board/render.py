"""A board as Markdown and as tables in the terminal."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from harness.board import tables
from harness.board.claims import contrasts, mended, sentence
from harness.board.diagnostics import diagnostics
from harness.board.model import Board
from harness.escape import in_markdown, printable

if TYPE_CHECKING:
    from rich.table import Table

HEADER = """# Leaderboard

Made from records by `harness leaderboard`; do not edit. Score: mean over shift types, scenarios and shifted
environments of macro-F1, ± its 95 % interval over folds of disjoint CVEs. Rank: within the track, with its 95 %
interval by the bootstrap. Alike: methods that share a letter were not told apart (paired t-tests over the seeds,
corrected by Holm; few seeds tell little apart). ID: macro-F1 where nothing shifts, weighed as the score is. Flip /
follow: how often one flipped cue changes a prediction, and how much more often the cue's class is then named; a
method that learns nothing has none. Worst suite: macro-F1 with the worst of each payload's perturbations. Trials:
over all cells. Train s, shared s: compute time of a cell. [What it all means](docs/leaderboard.md).
"""
_DETAILS = (mended, tables.spread, tables.scenarios, diagnostics, tables.curves)


def markdown(boards: Sequence[Board]) -> str:
    """Returns the whole leaderboard as Markdown.

    Boards that do not rank show their main table only where another ranks; ``leaderboard.json`` holds the rest.
    """
    any_ranks = any(board.ranked for board in boards)
    parts = [HEADER, *(_board(board, brief=any_ranks and not board.ranked) for board in boards)]
    return "\n".join(parts if boards else [HEADER, "No records yet.\n"])


def _board(board: Board, brief: bool) -> str:
    parts = [f"## {in_markdown(tables.title(board))}\n"]
    parts += [_table(*table) for table in tables.headlines(board)]
    if board.claims:
        parts.append(_bullets("Verdicts", [sentence(claim) for claim in board.claims]))
    parts += [_table(*table) for table in contrasts(board)]
    if brief:
        parts.append("The details of this board are in `leaderboard.json`.\n")
        return "\n".join(parts)
    found = [
        *mended(board),
        *tables.spread(board),
        *tables.scenarios(board),
        *diagnostics(board),
        *tables.curves(board),
    ]
    parts += [_table(*table) for table in found]
    parts += [_bullets(*remark) for remark in tables.remarks(board) if remark[1]]
    provenance = [f"corpus {board.corpus[:16]}", *(f"{k}: {v}" for k, v in board.provenance.items())]
    return "\n".join([*parts, _bullets("Provenance", provenance)])


def _bullets(heading: str, lines: Sequence[str]) -> str:
    return f"### {heading}\n\n" + "".join(f"- {in_markdown(line)}\n" for line in lines)


def _table(caption: str, header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    text = "".join("| " + " | ".join(in_markdown(cell) for cell in row) + " |\n" for row in rows)
    return f"### {in_markdown(caption)}\n\n{text}" if caption else text


def terminal_tables(board: Board) -> "list[tuple[str, Table]]":
    """Returns the board's tables for a terminal, each with its caption: a table would wrap it to its own width."""
    first, *more = tables.headlines(board)
    found = [
        (f"{tables.title(board)}{': ' if first[0] else ''}{first[0]}", *first[1:]),
        *more,
        *contrasts(board),
        *(table for make in _DETAILS for table in make(board)),
    ]
    return [(printable(caption), _terminal_table(header, lines)) for caption, header, lines in found]


def terminal_lines(board: Board) -> list[str]:
    """Returns what stands below the tables in a terminal: verdicts, failures, notes."""
    lines = [sentence(claim) for claim in board.claims]
    lines += [f"failed: {line}" for line in tables.failures(board)]
    lines += [f"missing: {line}" for line in tables.missing(board)]
    lines += [f"note: {line}" for line in (*board.left_out, *tables.notes(board))]
    return [printable(line) for line in lines]


def _terminal_table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in header:
        table.add_column(name, no_wrap=name in ("method", "score"), overflow="fold")
    for line in lines:
        table.add_row(*(Text(printable(cell)) for cell in line))
    return table
