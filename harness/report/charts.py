"""The charts of a board: scores, score against ID, environments, cues."""

from collections.abc import Iterator

from harness.boards.model import Board, Row
from harness.boards.tables import NO_VALUE, TextTable, effective, format_number, with_interval
from harness.report.figures import (
    Chart,
    axis,
    colour,
    empty_figure,
    graph_objects,
    hover_text,
    label,
    marker_symbol,
    pattern,
    plotly_json,
)

_LINE_POINTS = 60  # of the baselines' line


def charts(board: Board, prefix: str) -> Iterator[Chart]:
    """Yields the charts that the board has values for.

    Args:
        board: the board to draw.
        prefix: of the charts' names, unique to the board.
    """
    if any(row.score for row in board.rows):
        yield _scores(board, prefix)
    if any(row.score and row.id is not None for row in board.rows):
        yield _against_id(board, prefix)
    if board.columns:
        yield _environments(board, prefix)
    yield from _cues(board, prefix)


def _scores(board: Board, prefix: str) -> Chart:
    rows = [row for row in board.rows if row.score][::-1]  # plotly counts from below
    names = [row.method for row in rows]
    figure = empty_figure(
        height=110 + 26 * len(rows),
        xaxis=axis(title="score (macro-F1)", rangemode="tozero"),
        yaxis=axis(names),
        showlegend=False,
    )
    scores = [row.score for row in rows if row.score]
    figure.add_scatter(
        x=[score.mean for score in scores],
        y=list(range(len(rows))),
        mode="markers",
        marker={"size": 10, "color": colour(0)},
        error_x={"array": [score.half_width or 0 for score in scores], "thickness": 2, "width": 5},
        hovertext=[hover_text(f"{row.method}: {with_interval(row.score)}") for row in rows],
        hoverinfo="text",
    )
    caption = "There is only one seed, so the scores have no interval."
    if len(board.seeds) > 1:
        over = f"training draws and {board.shared_units} test units" if board.shared_units else "folds of disjoint CVEs"
        caption = f"Mean over seeds; the bar is its 95 % interval over {over}."
    if board.ranked:
        caption += " Methods that share a letter in the board do not differ significantly."
    lines = [[row.method, with_interval(row.score), row.letters or NO_VALUE] for row in rows[::-1]]
    table: TextTable = ("Scores with intervals", ["method", "score", "letters"], lines)
    return Chart(f"{prefix}-scores", "Scores with intervals", caption, plotly_json(figure), table)


def _against_id(board: Board, prefix: str) -> Chart:
    robustness = board.robustness
    figure = empty_figure(
        height=460,
        xaxis=axis(title="macro-F1 without a shift (ID)", rangemode="tozero"),
        yaxis=axis(title="score (macro-F1 under shift)", rangemode="tozero"),
    )
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"dash": "dot", "width": 1, "color": "#888"}, name="no loss under shift"
    )
    if robustness and robustness.line is not None:
        ids = [0.01 + 0.98 * i / (_LINE_POINTS - 1) for i in range(_LINE_POINTS)]
        expected = [robustness.line.expected(value) for value in ids]
        for name, values, width in (
            ("line of the baselines", [e.score for e in expected], 2),
            ("95 % prediction band, low", [e.low for e in expected], 1),
            ("95 % prediction band, high", [e.high for e in expected], 1),
        ):
            line = {"width": width, "color": "#888", "dash": "solid" if width > 1 else "dash"}
            figure.add_scatter(x=ids, y=values, mode="lines", line=line, name=name)
    for position, row in enumerate(board.rows):
        if row.score and row.id is not None:
            figure.add_scatter(
                x=[row.id],
                y=[row.score.mean],
                mode="markers",
                name=label(row.method),
                marker={"size": 11, "color": colour(position), "symbol": marker_symbol(position)},
                hovertext=hover_text(
                    f"{row.method}: ID {format_number(row.id)}, score {format_number(row.score.mean)}"
                ),
                hoverinfo="text",
            )
    lines = [[row.method, format_number(row.id), with_interval(row.score), effective(board, row)] for row in board.rows]
    header = ["method", "ID", "score", "effective robustness"]
    return Chart(
        f"{prefix}-against-id",
        "Score against ID: effective robustness",
        _fit(board),
        plotly_json(figure),
        ("Score against ID", header, lines),
    )


def _fit(board: Board) -> str:
    robustness = board.robustness
    if robustness is None:
        return "This board does not rank, so no line of baselines is fitted. The dotted line means no loss under shift."
    if robustness.unavailable_reason or robustness.line is None:
        return f"Effective robustness is not shown: {robustness.unavailable_reason}."
    return (
        f"Methods above the line of the baselines ({', '.join(robustness.baselines)}) lose less under shift than their "
        f"ID macro-F1 predicts. The line is fitted in logit space and explains {robustness.line.explained:.2f} of the "
        "variance. Methods between the dashed lines, the 95 % prediction band (≈), cannot be distinguished from the "
        "baselines."
    )


def _environments(board: Board, prefix: str) -> Chart:
    names = ["/".join(column) for column in board.columns]
    rows = board.rows[::-1]
    values = [[row.metric(column) for column in board.columns] for row in rows]
    figure = empty_figure(
        height=200 + 26 * len(rows),
        xaxis=axis(names, tickangle=-60),
        yaxis=axis([row.method for row in rows]),
    )
    figure.add_trace(
        graph_objects().Heatmap(
            z=values,
            zmin=0,
            zmax=1,
            colorscale="Cividis",
            colorbar={"title": {"text": "macro-F1", "side": "right"}, "thickness": 12},
            hovertext=[
                [
                    hover_text(f"{row.method} on {name}: {format_number(value)}")
                    for name, value in zip(names, scores, strict=True)
                ]
                for row, scores in zip(rows, values, strict=True)
            ],
            hoverinfo="text",
            xgap=1,
            ygap=1,
        )
    )
    lines = [[row.method, *(format_number(row.metric(column)) for column in board.columns)] for row in board.rows]
    caption = "Macro-F1, mean over seeds, of every method in every environment of every scenario; brighter is better."
    table: TextTable = ("Macro-F1 by scenario/environment", ["method", *names], lines)
    return Chart(
        f"{prefix}-environments",
        "Environments",
        caption,
        plotly_json(figure),
        table,
        width=max(320, 220 + 20 * len(names)),
    )


def _cues(board: Board, prefix: str) -> Iterator[Chart]:
    columns = {column for row in board.rows for column, metrics in row.metrics.items() if "cue_follow" in metrics}
    if not columns:
        return
    environments = sorted({env for _, env in columns})
    scenarios = ", ".join(sorted({scenario for scenario, _ in columns}))
    for metric, title, caption in (
        ("flip_rate", "Flip rate by cue", "How often a prediction changes when only this cue points to another class"),
        ("cue_follow", "Cue-follow by cue", "How much more often the class that the cue points to is then predicted"),
    ):
        yield _bars(
            board, environments, metric, f"{prefix}-{metric.replace('_', '-')}", title, f"{caption}; {scenarios}."
        )


def _bars(board: Board, environments: list[str], metric: str, name: str, title: str, caption: str) -> Chart:
    cues = [board.environments[env].subject for env in environments]
    figure = empty_figure(
        height=420, xaxis=axis(cues, tickangle=-30), yaxis=axis(title=metric.replace("_", " ")), barmode="group"
    )
    lines = []
    for position, row in enumerate(board.rows):
        values = [_cue_mean(row, env, metric) for env in environments]
        lines.append([row.method, *map(format_number, values)])
        figure.add_bar(
            x=list(range(len(cues))),
            y=values,
            name=label(row.method),
            marker={"color": colour(position), "pattern": {"shape": pattern(position), "fillmode": "replace"}},
            hovertext=[
                hover_text(f"{row.method}, {cue}: {format_number(v)}") for cue, v in zip(cues, values, strict=True)
            ],
            hoverinfo="text",
        )
    width = max(320, 60 + len(cues) * (24 + 7 * len(board.rows)))
    return Chart(
        name,
        title,
        f"{caption} A robust method stays near 0.",
        plotly_json(figure),
        (title, ["method", *cues], lines),
        width,
    )


def _cue_mean(row: Row, environment: str, metric: str) -> float | None:
    """Returns the mean over scenarios of a rate in an environment."""
    rates = [m[metric] for (_, env), m in sorted(row.metrics.items()) if env == environment and metric in m]
    return sum(rates) / len(rates) if rates else None
