"""``harness results agreement``: compares how two results folders rank the methods."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options, printing
from harness.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.boards.agreement import Agreement
    from harness.boards.model import Board

_LEGEND = (
    "Kendall's tau: 1 if both boards order every pair of methods the same way, 0 if the two orders are unrelated. With "
    "few folds the order is noisy: compare tau between single seeds across the boards with tau within each board."
)


def agreement(
    first: Annotated[Path, typer.Argument(metavar="FIRST", help="Results folder of the first board.")],
    second: Annotated[Path, typer.Argument(metavar="SECOND", help="Results folder of the second board.")],
    plugin: options.Plugin = None,
) -> None:
    """Compare how two results folders rank the methods.

    Prints Kendall's tau between the two rankings, for example of two corpora. Each folder must hold one board.
    """
    from harness import registry
    from harness.boards.agreement import agreement as compare

    registry.discover(plugin or [])
    boards = (_board(first), _board(second))
    try:
        comparison = compare(*boards)
    except ValueError as error:
        raise UserError(f"{first} and {second}: {error}.") from error
    for position, board in zip(("first", "second"), boards, strict=True):
        setting = board.setting
        line = f"{position}: {setting.benchmark} (corpus {setting.corpus[:12]}), preset {setting.preset}, "
        line += f"{len(board.seeds)} seed{'s' * (len(board.seeds) > 1)}, scenarios {', '.join(board.scenarios)}"
        printing.say(line)
    printing.print_table(["method", "first: rank", "score", "second: rank", "score"], list(_lines(comparison)))
    for sentence in _sentences(comparison):
        printing.say(sentence)


def _board(results: Path) -> "Board":
    from harness.api.results import read_records
    from harness.boards.build import boards
    from harness.boards.rules import RULES

    contents = read_records(results, option="")
    printing.say_unreadable(contents.unreadable)
    candidates = [board for board in boards(contents.records, RULES) if board.rows]
    if len(candidates) != 1:
        names = "; ".join(
            f"{b.setting.benchmark} {b.setting.corpus[:8]}, {b.setting.preset}, {b.setting.seconds:g} s"
            for b in candidates
        )
        raise UserError(
            f"{results}: the records form {len(candidates)} boards ({names or 'none of the current versions'}); a "
            "folder with one board is required."
        )
    return candidates[0]


def _lines(comparison: "Agreement") -> list[list[str]]:
    firsts, seconds = zip(*comparison.methods.values(), strict=True)
    return [
        [name, _rank(a, firsts), f"{a:.3f}", _rank(b, seconds), f"{b:.3f}"]
        for name, (a, b) in comparison.methods.items()
    ]


def _rank(score: float, scores: "Sequence[float]") -> str:
    return str(1 + sum(other > score for other in scores))


def _sentences(comparison: "Agreement") -> list[str]:
    within = [
        f"{tau:+.2f} within the {position}" if tau is not None else f"the {position} has one seed"
        for position, tau in zip(("first", "second"), comparison.within, strict=True)
    ]
    return [
        f"Kendall's tau over {len(comparison.methods)} methods: {comparison.tau:+.2f} "
        f"(p = {comparison.p:.2g} for no association).",
        f"Between single seeds: {comparison.between:+.2f} across the boards, {', '.join(within)}.",
        *(f"not compared: {line}" for line in comparison.exclusions),
        _LEGEND,
    ]
