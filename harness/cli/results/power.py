"""``harness results power``: the difference between two methods that more repeats of each fold would detect."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options, printing
from harness.errors import UserError, nearest

if TYPE_CHECKING:
    from harness.boards.model import Board, Row

_LEGEND = (
    "Detectable: the true difference of the score that a test at 5 % finds with 80 % power. Hours: compute time of "
    "both methods, shared steps included in full, on a processor like that of the records."
)


def power(
    method: Annotated[str, typer.Argument(metavar="METHOD", help="A method of the folder.")],
    other: Annotated[str, typer.Argument(metavar="OTHER", help="The method to compare it with.")],
    results: Annotated[Path, typer.Option(metavar="DIR", help="Results folder.")] = Path("results/local"),
    scenario: Annotated[str, typer.Option(metavar="NAME,…", help="Scenarios (default: all of the board).")] = "",
    repeats: Annotated[str, typer.Option(metavar="N,…", help="Repeats of each fold to plan for.")] = "1,2,4,8",
    plugin: options.Plugin = None,
) -> None:
    """Plan how many seeds show a difference between two methods.

    Needs records of both methods with at least two repeats of a fold: seeds 0 and 6 are two repeats of fold 0.
    """
    from harness import registry
    from harness.api.results import load_results

    plans = options.positive_numbers("--repeats", repeats)
    registry.discover(plugin or [])
    stored = load_results(results)
    printing.say_unreadable(stored.unreadable)
    only = set(options.names(scenario))
    chosen = [record for record in stored.records if not only or record.cell.scenario in only]
    known = sorted({record.cell.scenario for record in stored.records})
    for name in sorted(only - set(known)):
        raise UserError(f"--scenario {name}: {results} has no record of it; {nearest(name, known)}")
    methods = sorted({record.cell.method for record in chosen})
    for name in {method, other} - set(methods):
        raise UserError(f"{results}: there is no record of {name}; {nearest(name, methods)}")
    # Of these two alone: a board counts only seeds that most of its methods have.
    boards = replace(stored, records=tuple(r for r in chosen if r.cell.method in (method, other))).boards()
    by_method = [(board, {row.method: row for row in board.rows if row.sample}) for board in boards]
    pairs = [(board, rows[method], rows[other]) for board, rows in by_method if {method, other} <= set(rows)]
    if not pairs:
        raise UserError(f"{results}: {method} and {other} have a score on no board together.")
    for board, first, second in pairs:
        _print(board, first, second, plans)
    printing.say(_LEGEND)


def _print(board: "Board", first: "Row", second: "Row", plans: list[int]) -> None:
    from harness.statistics.components import components
    from harness.statistics.intervals import detectable, detectable_with, t_interval

    assert first.sample is not None
    assert second.sample is not None
    seeds = sorted(set(first.by_seed) & set(second.by_seed))
    at = [[list(row.by_seed).index(seed) for seed in seeds] for row in (first, second)]
    if len(seeds) < 2:
        raise UserError(f"{first.method} and {second.method} share {len(seeds)} seeds; a plan needs at least two.")
    difference = first.sample.at(at[0]).minus(second.sample.at(at[1]))
    interval, parts = t_interval(difference), components(difference.values, difference.folds, difference.influence)
    folds = len(set(difference.folds))
    lines = []
    for count in plans:
        found = detectable_with(difference, count)
        if found is None:
            raise UserError(
                "a plan needs at least two folds and two repeats of one of them, such as seeds 0 and 6: without "
                "them, the records do not tell how much repeats vary."
            )
        lines.append(
            [str(count), str(folds * count), f"{found:.3f}", f"{_hours((first, second), board, folds * count):.2f}"]
        )
    printing.say(
        f"{board.setting.benchmark}, preset {board.setting.preset}, {', '.join(board.scenarios)}: {first.method} minus "
        f"{second.method} is {interval.mean:+.3f} ± {interval.half_width:.3f} over {len(seeds)} seeds of {folds} "
        f"folds; the test detects {detectable(difference):.3f}."
    )
    spread = {"test units": parts.sampling, "folds": parts.folds, "repeats of a fold": parts.draws}
    known = ", ".join(f"{name} {value:.3f}" for name, value in spread.items() if value is not None)
    printing.say(f"Standard deviation of the difference of one seed by its source: {known}.")
    printing.print_table(["repeats", "seeds", "detectable", "hours"], lines)


def _hours(rows: "tuple[Row, Row]", board: "Board", seeds: int) -> float:
    """Returns the compute hours of all cells of both methods with this many seeds."""
    costs = [row.cost for row in rows]
    seconds = sum((cost.training_seconds or 0.0) + (cost.shared_seconds or 0.0) for cost in costs)
    return seconds * seeds * len(board.scenarios) / 3600
