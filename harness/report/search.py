"""What the search for a configuration spent and bought: charts and a table."""

from collections.abc import Iterator, Sequence
from typing import get_args

from harness.leaderboard.budget_use import spendings
from harness.leaderboard.model import Board
from harness.leaderboard.tables import NONE, Table
from harness.leaderboard.tables import figure as digits
from harness.records.schema import LimitedBy, Record, TrialState
from harness.report.figures import Chart, axis, colour, dash, figure, label, mark, plain, whole

_MOST_POINTS = 200  # of one learning curve


def spent(board: Board, prefix: str) -> Chart:
    """Returns the compute seconds of a cell by method."""
    rows = [row for row in board.rows if row.spent.training_seconds is not None][::-1]
    drawn = figure(
        height=140 + 26 * len(rows),
        barmode="stack",
        xaxis=axis(title="compute seconds per cell", rangemode="tozero"),
        yaxis=axis([row.method for row in rows]),
    )
    parts = (("tuning", "training_seconds"), ("shared steps, charged in full", "shared_seconds"))
    for place, (name, attribute) in enumerate(parts):
        values = [getattr(row.spent, attribute) or 0.0 for row in rows]
        drawn.add_bar(
            x=values,
            y=list(range(len(rows))),
            orientation="h",
            name=name,
            marker={"color": colour(place)},
            hovertext=[whole(f"{r.method}, {name}: {v:.1f} s") for r, v in zip(rows, values, strict=True)],
            hoverinfo="text",
        )
    lines = [
        [row.method, f"{row.spent.training_seconds or 0:.1f}", f"{row.spent.shared_seconds or 0:.1f}"]
        for row in rows[::-1]
    ]
    says = f"Mean over cells; every method was given {board.trials} trials and {board.seconds:g} s per cell."
    table: Table = ("Compute seconds per cell", ["method", "tuning s", "shared s"], lines)
    return Chart(f"{prefix}-spent", "Compute spent", says, plain(drawn), table)


def trials(records: Sequence[Record]) -> Table:
    """Returns what became of each method's trials and what ended its searches."""
    states, limits = get_args(TrialState), get_args(LimitedBy)
    header = ["method", "cells", "failed cells", "trials asked", *(f"trials {s}" for s in states)]
    header += [f"search ended by {limit}" for limit in limits]
    lines = [
        [line.method, str(line.cells), str(line.failed), str(line.asked)]
        + [str(line.trials.get(state, 0)) for state in states]
        + [str(line.ended_by.get(limit, 0)) for limit in limits]
        for line in spendings(records, by_scenario=False)
    ]
    return "Trials by state, and what ended the search", header, lines


def expected_best(board: Board, prefix: str) -> Iterator[Chart]:
    """Yields the chart of what more trials would have bought, where methods ran two random trials or more."""
    most = max((len(row.curve) for row in board.rows), default=0)
    if most < 2:
        return
    drawn = figure(
        xaxis=axis(title="random trials", dtick=max(1, most // 8)), yaxis=axis(title="expected best macro-F1")
    )
    lines = []
    for place, row in enumerate(board.rows):
        if row.curve:
            _line(drawn, place, row.method, list(range(1, len(row.curve) + 1)), row.curve, "trials")
            lines.append([row.method, *(digits(row.curve[i]) if i < len(row.curve) else NONE for i in range(most))])
    header = ["method", *(f"{i + 1}" for i in range(most))]
    says = (
        "Expected best validation macro-F1 of so many random trials (unbiased estimator; the default configuration is "
        "no random draw and left out). A line that still climbs would have gained from a larger budget."
    )
    title = "Validation against trials"
    yield Chart(f"{prefix}-expected-best", title, says, plain(drawn), (title, header, lines))


def learning(records: Sequence[Record], names: dict[str, str], methods: Sequence[str], prefix: str) -> Iterator[Chart]:
    """Yields the learning curves of the chosen trials in one cell: the one most methods reported from.

    Args:
        records: of the board.
        names: what the board calls the method of each record, by key.
        methods: in the board's order.
        prefix: of the chart's name.
    """
    cells: dict[tuple[str, int], dict[str, list[tuple[int, float]]]] = {}
    for record in records:
        reports = _reports(record)
        if len(reports) > 1:
            cells.setdefault((record.cell.scenario, record.cell.seed), {})[names[record.key]] = reports
    if not cells:
        return
    scenario, seed = min(cells, key=lambda cell: (-len(cells[cell]), cell))
    found = cells[scenario, seed]
    drawn = figure(xaxis=axis(title="step, as the method counts them"), yaxis=axis(title="reported score"))
    lines = []
    for place, method in enumerate(methods):
        if reports := found.get(method, []):
            steps, scores = [step for step, _ in reports], [score for _, score in reports]
            _line(drawn, place, method, steps, scores, "step")
            best = max(reports, key=lambda report: report[1])
            lines.append([method, str(len(reports)), str(steps[-1]), digits(scores[-1]), digits(best[1]), str(best[0])])
    silent = [method for method in methods if method not in found]
    says = f"Scores that the chosen trial reported while it trained, on {scenario}, seed {seed}."
    if silent:
        says += f" No reports from {', '.join(silent)}."
    header = ["method", "reports", "last step", "last score", "best score", "at step"]
    yield Chart(f"{prefix}-learning", "Learning curves", says, plain(drawn), ("Learning curves", header, lines))


def _reports(record: Record) -> list[tuple[int, float]]:
    """The reports of the chosen trial, thinned where there are very many."""
    if record.result is None:
        return []
    reports = next((t.reports for t in record.result.trials if t.number == record.result.best_trial), [])
    return reports[:: 1 + len(reports) // _MOST_POINTS]


def _line(drawn: "object", place: int, method: str, x: Sequence[int], y: Sequence[float], unit: str) -> None:
    drawn.add_scatter(  # type: ignore[attr-defined]
        x=list(x),
        y=list(y),
        mode="lines+markers",
        name=label(method),
        line={"color": colour(place), "dash": dash(place)},
        marker={"symbol": mark(place), "size": 7},
        hovertext=[whole(f"{method}, {unit} {a}: {digits(b)}") for a, b in zip(x, y, strict=True)],
        hoverinfo="text",
    )
