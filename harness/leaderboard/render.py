"""A board as Markdown and as tables in the terminal."""

import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from harness.leaderboard import tables
from harness.leaderboard.diagnostics import diagnostics
from harness.leaderboard.model import Board
from harness.leaderboard.verdicts import contrasts, mended, sentence
from harness.protocol import FALLBACK
from harness.safe_text import in_markdown, printable

if TYPE_CHECKING:
    from rich.table import Table

HEADER = """# Leaderboard

Made from records by `harness leaderboard`; do not edit. Score: mean over shift types, scenarios and shifted
environments of macro-F1, ± its 95 % interval over folds of disjoint CVEs. Rank: within the track, with its 95 %
interval by the bootstrap. Alike: methods that share a letter were not told apart (paired t-tests over the seeds,
corrected by Holm; few seeds tell little apart). ID: macro-F1 where nothing shifts, weighed as the score is. Flip /
follow: how often one flipped cue changes a prediction, and how much more often the cue's class is then named; a
method that learns nothing has none. Worst suite: macro-F1 with the worst of each payload's perturbations. Trials:
over all cells. ‡: counts the floor's figures where it failed. Train s, shared s: compute time of a cell.
[What it all means](docs/leaderboard.md).
"""
_FIRST_TO_GO = ("shared s", "µs per payload", "train s", "trials", "worst suite", "alike", "flip / follow", "gap", "ID")
_BETWEEN = 3  # characters between two columns in a terminal
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
        parts.append(_bullets("Verdicts (each claim at 95 % for itself)", [sentence(claim) for claim in board.claims]))
    parts += [_table(*table) for table in contrasts(board)]
    if brief:
        parts.append("The details of this board are in `leaderboard.json`.\n")
        return "\n".join(parts)
    parts += [_table(*table) for make in _DETAILS for table in make(board)]
    parts += [_bullets(*remark) for remark in tables.remarks(board) if remark[1]]
    provenance = [f"corpus {board.corpus[:16]}", *(f"{k}: {v}" for k, v in board.provenance.items())]
    return "\n".join([*parts, _bullets("Provenance", provenance)])


def _bullets(heading: str, lines: Sequence[str]) -> str:
    return f"### {heading}\n\n" + "".join(f"- {in_markdown(line)}\n" for line in lines)


def _table(caption: str, header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    text = "".join("| " + " | ".join(in_markdown(cell) for cell in row) + " |\n" for row in rows)
    return f"### {in_markdown(caption)}\n\n{text}" if caption else text


def terminal_tables(board: Board, width: int) -> "Iterator[tuple[str, Table, str]]":
    """Yields the board's tables for a terminal: caption, table, and which columns were left out so that it fits.

    The caption stands apart, since a table would wrap it to its own width.
    """
    first, *more = tables.headlines(board)
    found = [
        (f"{tables.title(board)}{': ' if first[0] else ''}{first[0]}", *first[1:]),
        *more,
        *contrasts(board),
        *(table for make in _DETAILS for table in make(board)),
    ]
    for caption, header, lines in found:
        needed = [_needed(name, [line[at] for line in lines]) for at, name in enumerate(header)]
        kept = _fitting(header, needed, width)
        left_out = ", ".join(name for at, name in enumerate(header) if at not in kept)
        names = ["\n".join(textwrap.wrap(header[at], needed[at])) for at in kept]
        table = _terminal_table(names, [[line[at] for at in kept] for line in lines])
        yield printable(caption), table, f"for want of width without: {printable(left_out)}" if left_out else ""


def _fitting(header: Sequence[str], needed: Sequence[int], width: int) -> list[int]:
    """The places of the columns that fit: those of least weight go first, then the last ones; two always stay."""
    going = [at for name in _FIRST_TO_GO for at, there in enumerate(header) if there == name]
    going += [at for at in reversed(range(2, len(header))) if at not in going]
    kept = set(range(len(header)))
    for at in going:
        if sum(needed[i] + _BETWEEN for i in kept) <= width:
            break
        kept.discard(at)
    return sorted(kept)


def _needed(name: str, cells: Sequence[str]) -> int:
    """Characters that a column needs: its cells stay whole, its name breaks between words."""
    from rich.cells import cell_len

    return max(map(cell_len, [*name.split(), *map(printable, cells)]), default=1)


def terminal_lines(board: Board) -> list[str]:
    """Returns what stands below the tables in a terminal: verdicts, failures, notes."""
    lines = [sentence(claim) for claim in board.claims]
    failures = [f"failed: {line}" for line in tables.failures(board)]
    lines += [*failures, f"{tables.FLOORED}: failed cells count with the figures of {FALLBACK}"] if failures else []
    lines += [f"missing: {line}" for line in tables.missing(board)]
    lines += [f"note: {line}" for line in (*board.left_out, *tables.notes(board))]
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
