"""Charts and a table of the hyperparameter search: compute, trials, scores during training."""

from collections.abc import Iterator, Sequence
from typing import get_args

from harness.boards.budget_use import budget_use
from harness.boards.model import Board
from harness.boards.tables import NO_VALUE, TextTable, format_number
from harness.records.schema import LimitedBy, Record, TrialState
from harness.report.figures import (
    Chart,
    axis,
    colour,
    dash,
    empty_figure,
    hover_text,
    label,
    marker_symbol,
    plotly_json,
)

_MAX_POINTS = 200  # of one training


def compute_cost(board: Board, prefix: str) -> Chart:
    """Returns the chart of compute seconds per cell by method."""
    rows = [row for row in board.rows if row.cost.training_seconds is not None][::-1]
    figure = empty_figure(
        height=140 + 26 * len(rows),
        barmode="stack",
        xaxis=axis(title="compute seconds per cell", rangemode="tozero"),
        yaxis=axis([row.method for row in rows]),
    )
    parts = (("tuning", "training_seconds"), ("shared steps, charged in full", "shared_seconds"))
    for position, (name, attribute) in enumerate(parts):
        values = [getattr(row.cost, attribute) or 0.0 for row in rows]
        figure.add_bar(
            x=values,
            y=list(range(len(rows))),
            orientation="h",
            name=name,
            marker={"color": colour(position)},
            hovertext=[hover_text(f"{r.method}, {name}: {v:.1f} s") for r, v in zip(rows, values, strict=True)],
            hoverinfo="text",
        )
    lines = [
        [row.method, f"{row.cost.training_seconds or 0:.1f}", f"{row.cost.shared_seconds or 0:.1f}"]
        for row in rows[::-1]
    ]
    setting = board.setting
    caption = (
        f"Mean over cells. The budget is {setting.trials} trials and {setting.seconds:g} s per cell for every method."
    )
    table: TextTable = ("Compute seconds per cell", ["method", "train s", "shared steps s"], lines)
    return Chart(f"{prefix}-compute", "Compute time", caption, plotly_json(figure), table)


def trial_table(records: Sequence[Record]) -> TextTable:
    """Returns the table of each method's trials by state, and of what ended its searches."""
    states, limits = get_args(TrialState), get_args(LimitedBy)
    header = ["method", "cells", "failed cells", "trials requested", *(f"trials {s}" for s in states)]
    header += [f"search ended by {limit}" for limit in limits]
    lines = [
        [line.method, str(line.cells), str(line.failed), str(line.trials_requested)]
        + [str(line.trials.get(state, 0)) for state in states]
        + [str(line.ended_by.get(limit, 0)) for limit in limits]
        for line in budget_use(records, by_scenario=False)
    ]
    return "Trials by state, and what ended the search", header, lines


def expected_best(board: Board, prefix: str) -> Iterator[Chart]:
    """Yields the chart of validation score against trials, if a method ran two random trials or more."""
    most = max((len(row.curve) for row in board.rows), default=0)
    if most < 2:
        return
    figure = empty_figure(
        xaxis=axis(title="random trials", dtick=max(1, most // 8)), yaxis=axis(title="expected best macro-F1")
    )
    lines = []
    for position, row in enumerate(board.rows):
        if row.curve:
            _add_line(figure, position, row.method, list(range(1, len(row.curve) + 1)), row.curve, "trials")
            lines.append(
                [row.method, *(format_number(row.curve[i]) if i < len(row.curve) else NO_VALUE for i in range(most))]
            )
    header = ["method", *(f"{i + 1}" for i in range(most))]
    caption = (
        "Expected best validation macro-F1 by number of random trials (unbiased estimator; the default configuration "
        "is not a random trial and does not count). A method whose line still rises would gain from a larger budget."
    )
    title = "Validation score by number of trials"
    yield Chart(f"{prefix}-expected-best", title, caption, plotly_json(figure), (title, header, lines))


def training_scores(
    records: Sequence[Record], names: dict[str, str], methods: Sequence[str], prefix: str
) -> Iterator[Chart]:
    """Yields the chart of what the best trials of one scenario and seed reported: the one with reports of most methods.

    Args:
        records: of the board.
        names: display name of each record's method, by key.
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
    by_method = cells[scenario, seed]
    figure = empty_figure(xaxis=axis(title="step (as counted by the method)"), yaxis=axis(title="reported score"))
    lines = []
    for position, method in enumerate(methods):
        if reports := by_method.get(method, []):
            steps, scores = [step for step, _ in reports], [score for _, score in reports]
            _add_line(figure, position, method, steps, scores, "step")
            best = max(reports, key=lambda report: report[1])
            lines.append(
                [
                    method,
                    str(len(reports)),
                    str(steps[-1]),
                    format_number(scores[-1]),
                    format_number(best[1]),
                    str(best[0]),
                ]
            )
    silent = [method for method in methods if method not in by_method]
    caption = f"Scores that the best trial reported during training, on {scenario}, seed {seed}."
    if silent:
        caption += f" No reports from {', '.join(silent)}."
    header = ["method", "reports", "last step", "last score", "best score", "at step"]
    yield Chart(
        f"{prefix}-learning",
        "Scores during training",
        caption,
        plotly_json(figure),
        ("Scores during training", header, lines),
    )


def _reports(record: Record) -> list[tuple[int, float]]:
    """Returns the reports of the best trial, thinned out if there are very many."""
    if record.result is None:
        return []
    reports = next((t.reports for t in record.result.trials if t.number == record.result.best_trial), [])
    return reports[:: 1 + len(reports) // _MAX_POINTS]


def _add_line(figure: "object", position: int, method: str, x: Sequence[int], y: Sequence[float], unit: str) -> None:
    figure.add_scatter(  # type: ignore[attr-defined]
        x=list(x),
        y=list(y),
        mode="lines+markers",
        name=label(method),
        line={"color": colour(position), "dash": dash(position)},
        marker={"symbol": marker_symbol(position), "size": 7},
        hovertext=[hover_text(f"{method}, {unit} {a}: {format_number(b)}") for a, b in zip(x, y, strict=True)],
        hoverinfo="text",
    )
