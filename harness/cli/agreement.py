"""``harness agreement``: how far two boards order the methods alike."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.leaderboard.agreement import Agreement
    from harness.leaderboard.model import Board

_LEGEND = (
    "Kendall's tau: 1 where both order every pair of methods alike, 0 where the orders have nothing in common. Few "
    "folds make a noisy order: read tau between single seeds across the boards beside that within each."
)


def agreement(
    first: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of records of one board.")],
    second: Annotated[Path, typer.Argument(metavar="DIR", help="Folder of records of another.")],
    plugin: options.Plugin = None,
) -> None:
    """Say how far two folders of records, of two corpora say, order the methods alike (Kendall's tau)."""
    from harness import registry
    from harness.leaderboard.agreement import agreement as compared

    registry.discover(plugin or [])
    boards = (_board(first), _board(second))
    try:
        found = compared(*boards)
    except ValueError as error:
        raise UserError(f"{first} and {second}: {error}.") from error
    console = options.terminal()
    for which, board in zip(("first", "second"), boards, strict=True):
        line = f"{which}: {board.benchmark} (corpus {board.corpus[:12]}), preset {board.preset}, "
        line += f"{len(board.seeds)} seed{'s' * (len(board.seeds) > 1)}, scenarios {', '.join(board.scenarios)}"
        console.print(line, markup=False, soft_wrap=True)
    options.print_table(["method", "first: place", "score", "second: place", "score"], list(_lines(found)))
    for sentence in _sentences(found):
        console.print(sentence, markup=False, soft_wrap=True)


def _board(results: Path) -> "Board":
    from harness.leaderboard.build import boards
    from harness.leaderboard.rules import RULES

    found = [board for board in boards(options.records_in(results, option=""), RULES) if board.rows]
    if len(found) != 1:
        each = "; ".join(f"{b.benchmark} {b.corpus[:8]}, {b.preset}, {b.seconds:g} s" for b in found) or "none of today"
        raise UserError(f"{results}: a folder of one board is needed, and its records make {len(found)} ({each}).")
    return found[0]


def _lines(found: "Agreement") -> list[list[str]]:
    firsts, seconds = zip(*found.methods.values(), strict=True)
    return [
        [name, _place(a, firsts), f"{a:.3f}", _place(b, seconds), f"{b:.3f}"] for name, (a, b) in found.methods.items()
    ]


def _place(score: float, scores: "Sequence[float]") -> str:
    return str(1 + sum(other > score for other in scores))


def _sentences(found: "Agreement") -> list[str]:
    within = [
        f"{tau:+.2f} within the {which}" if tau is not None else f"the {which} has one seed"
        for which, tau in zip(("first", "second"), found.within, strict=True)
    ]
    return [
        f"Kendall's tau over {len(found.methods)} methods: {found.tau:+.2f} (p = {found.p:.2g} of no association).",
        f"Between single seeds: {found.between:+.2f} across the boards, {', '.join(within)}.",
        *(f"left out: {line}" for line in found.exclusions),
        _LEGEND,
    ]
