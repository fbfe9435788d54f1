"""The charts of a board: standing, score against ID, environments, cues."""

import math
from collections.abc import Iterator

from harness.leaderboard.model import Board, Row
from harness.leaderboard.tables import NONE, Table, with_interval
from harness.leaderboard.tables import figure as digits
from harness.report.figures import Chart, axis, colour, figure, graph_objects, label, mark, pattern, plain, whole
from harness.statistics.robustness import logit

_LINE = 60  # points of the baselines' line


def charts(board: Board, prefix: str) -> Iterator[Chart]:
    """Yields the charts that the board has figures for.

    Args:
        board: of which.
        prefix: of the charts' names, unique to the board.
    """
    if any(row.score for row in board.rows):
        yield _standing(board, prefix)
    if any(row.score and row.id is not None for row in board.rows):
        yield _against_id(board, prefix)
    if board.columns:
        yield _environments(board, prefix)
    yield from _cues(board, prefix)


def _standing(board: Board, prefix: str) -> Chart:
    rows = [row for row in board.rows if row.score][::-1]  # plotly counts from below
    names = [row.method for row in rows]
    drawn = figure(
        height=110 + 26 * len(rows),
        xaxis=axis(title="score (macro-F1)", rangemode="tozero"),
        yaxis=axis(names),
        showlegend=False,
    )
    scores = [row.score for row in rows if row.score]
    drawn.add_scatter(
        x=[score.mean for score in scores],
        y=list(range(len(rows))),
        mode="markers",
        marker={"size": 10, "color": colour(0)},
        error_x={"array": [score.half_width or 0 for score in scores], "thickness": 2, "width": 5},
        hovertext=[whole(f"{row.method}: {with_interval(row.score)}") for row in rows],
        hoverinfo="text",
    )
    says = "One seed: nothing says how far the next one would lie, so there is no interval."
    if len(board.seeds) > 1:
        says = "Mean over seeds; the bar is its 95 % interval over folds of disjoint CVEs."
    if board.ranked:
        says += " Methods that cannot be told apart share a letter in the board."
    lines = [[row.method, with_interval(row.score), row.letters or NONE] for row in rows[::-1]]
    table: Table = ("Score with its interval", ["method", "score", "alike"], lines)
    return Chart(f"{prefix}-standing", "Score, and how sure it is", says, plain(drawn), table)


def _against_id(board: Board, prefix: str) -> Chart:
    found = board.robustness
    drawn = figure(
        height=460,
        xaxis=axis(title="macro-F1 where nothing shifts (ID)", rangemode="tozero"),
        yaxis=axis(title="score (macro-F1 under shift)", rangemode="tozero"),
    )
    drawn.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"dash": "dot", "width": 1, "color": "#888"}, name="no loss under shift"
    )
    if found and found.slope is not None and found.intercept is not None:
        ids = [0.01 + 0.98 * i / (_LINE - 1) for i in range(_LINE)]
        expected = [1 / (1 + math.exp(-found.intercept - found.slope * logit(value))) for value in ids]
        drawn.add_scatter(
            x=ids, y=expected, mode="lines", line={"width": 2, "color": "#888"}, name="line of the baselines"
        )
    for place, row in enumerate(board.rows):
        if row.score and row.id is not None:
            drawn.add_scatter(
                x=[row.id],
                y=[row.score.mean],
                mode="markers",
                name=label(row.method),
                marker={"size": 11, "color": colour(place), "symbol": mark(place)},
                hovertext=whole(f"{row.method}: ID {digits(row.id)}, score {digits(row.score.mean)}"),
                hoverinfo="text",
            )
    effective = found.effective if found else {}
    lines = [
        [row.method, digits(row.id), with_interval(row.score), _signed(effective.get(row.method))] for row in board.rows
    ]
    header = ["method", "ID", "score", "effective robustness"]
    return Chart(
        f"{prefix}-against-id",
        "Score against ID: effective robustness",
        _fit(board),
        plain(drawn),
        ("Score against ID", header, lines),
    )


def _fit(board: Board) -> str:
    found = board.robustness
    if found is None:
        return "This board does not rank, so no line of baselines is fitted; the dotted line is no loss under shift."
    if found.why_not:
        return f"Effective robustness is not shown: {found.why_not}."
    return (
        f"Methods above the line of the baselines ({', '.join(found.baselines)}) lose less under shift than their ID "
        f"figure leads to expect. The line is fitted in logit space and explains {found.explained:.2f} of the variance."
    )


def _signed(value: float | None) -> str:
    return NONE if value is None else f"{value:+.3f}"


def _environments(board: Board, prefix: str) -> Chart:
    names = ["/".join(column) for column in board.columns]
    rows = board.rows[::-1]
    values = [[row.figure(column) for column in board.columns] for row in rows]
    drawn = figure(
        height=200 + 26 * len(rows),
        xaxis=axis(names, tickangle=-60),
        yaxis=axis([row.method for row in rows]),
    )
    drawn.add_trace(
        graph_objects().Heatmap(
            z=values,
            zmin=0,
            zmax=1,
            colorscale="Cividis",
            colorbar={"title": {"text": "macro-F1", "side": "right"}, "thickness": 12},
            hovertext=[
                [whole(f"{row.method} on {name}: {digits(value)}") for name, value in zip(names, found, strict=True)]
                for row, found in zip(rows, values, strict=True)
            ],
            hoverinfo="text",
            xgap=1,
            ygap=1,
        )
    )
    lines = [[row.method, *(digits(row.figure(column)) for column in board.columns)] for row in board.rows]
    says = "Macro-F1, mean over seeds, of every method in every environment of every scenario; brighter is better."
    table: Table = ("Macro-F1 by scenario/environment", ["method", *names], lines)
    return Chart(
        f"{prefix}-environments", "Environments", says, plain(drawn), table, width=max(320, 220 + 20 * len(names))
    )


def _cues(board: Board, prefix: str) -> Iterator[Chart]:
    environments = sorted({env for row in board.rows for (_, env), f in row.figures.items() if "cue_follow" in f})
    if not environments:
        return
    where = ", ".join(sorted({s for row in board.rows for (s, _), f in row.figures.items() if "cue_follow" in f}))
    for metric, title, says in (
        ("flip_rate", "Flip rate, cue by cue", "How often a prediction changes when this cue alone points elsewhere"),
        ("cue_follow", "Cue-follow, cue by cue", "How much more often the class that the cue points to is then named"),
    ):
        yield _bars(board, environments, metric, f"{prefix}-{metric.replace('_', '-')}", title, f"{says}; {where}.")


def _bars(board: Board, environments: list[str], metric: str, name: str, title: str, says: str) -> Chart:
    cues = [env.removeprefix("flip.") for env in environments]
    drawn = figure(
        height=420, xaxis=axis(cues, tickangle=-30), yaxis=axis(title=metric.replace("_", " ")), barmode="group"
    )
    lines = []
    for place, row in enumerate(board.rows):
        values = [cue_figure(row, env, metric) for env in environments]
        lines.append([row.method, *map(digits, values)])
        drawn.add_bar(
            x=list(range(len(cues))),
            y=values,
            name=label(row.method),
            marker={"color": colour(place), "pattern": {"shape": pattern(place), "fillmode": "replace"}},
            hovertext=[whole(f"{row.method}, {cue}: {digits(v)}") for cue, v in zip(cues, values, strict=True)],
            hoverinfo="text",
        )
    width = max(320, 60 + len(cues) * (24 + 7 * len(board.rows)))
    return Chart(
        name, title, f"{says} A robust method stays near 0.", plain(drawn), (title, ["method", *cues], lines), width
    )


def cue_figure(row: Row, environment: str, metric: str) -> float | None:
    """Returns the mean over scenarios of a rate in an environment."""
    found = [f[metric] for (_, env), f in sorted(row.figures.items()) if env == environment and metric in f]
    return sum(found) / len(found) if found else None
