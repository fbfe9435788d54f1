"""The board's table of default configurations, and of what the selection among trials gains and loses."""

from collections.abc import Iterator

from harness.boards.model import Board, Row
from harness.boards.tables import NO_VALUE, TextTable, format_number, with_interval


def search(board: Board) -> Iterator[TextTable]:
    """Yields the table of default configurations, best first, and of what the selection among trials gains and loses.

    Records made under protocol 2 or before have no tests of their trials, so their boards have no such table.
    """
    rows = [row for row in board.rows if row.default is not None]
    if not rows:
        return
    header = ["method", "default only", "rank by default", "tuned", "tuned − default", "selection gap"]
    header += ["chosen trial is not the default", "input of the chosen trial", "attack bytes not read"]
    ordered = sorted(rows, key=lambda row: -row.default.mean if row.default else 0.0)
    lines = [
        [
            row.method,
            with_interval(row.default),
            _default_rank(board, row),
            format_number(row.score.mean if row.score else None),
            _signed(row.score.mean - row.default.mean if row.score and row.default else None),
            format_number(row.selection_gap),
            NO_VALUE if row.not_default is None else f"{row.not_default:.0%}",
            _inputs(row),
            NO_VALUE if row.unread is None else f"{row.unread:.2%}",
        ]
        for row in ordered
    ]
    caption = "Default configurations (trial 0), and the selection among trials by training-domain validation"
    yield caption, header, lines


def _default_rank(board: Board, row: Row) -> str:
    if row.rank is None or row.default is None:
        return NO_VALUE
    others = [other for other in board.of_track(row.track) if other.rank is not None and other.default is not None]
    return str(1 + sum(other.default.mean > row.default.mean for other in others if other.default))


def _inputs(row: Row) -> str:
    """Returns the input forms of the selected configurations, the most frequent first, with their numbers of cells."""
    ordered = sorted(row.inputs.items(), key=lambda item: (-item[1], item[0]))
    return ", ".join(f"{name} {count}" for name, count in ordered) or NO_VALUE


def _signed(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:+.3f}"
