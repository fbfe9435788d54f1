"""The part of the report on learning curves: a chart and the tables of each scenario."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from harness.boards import curve_tables
from harness.boards.learning_curves import LearningCurves
from harness.boards.tables import TextTable, with_interval
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

_SPREAD = 0.03  # of the axis, over which the points of all methods at one size are spread: bars would hide each other


@dataclass(frozen=True)
class CurveSection:
    """Contents of the page for the learning curves of one scenario.

    Attributes:
        name: unique on the page.
        tables: the scores by number of training rows are in the chart, so these are the others.
    """

    name: str
    title: str
    chart: Chart
    tables: Sequence[TextTable]
    notes: Sequence[str]


def curve_sections(every: Sequence[LearningCurves]) -> list[CurveSection]:
    """Returns the section of each scenario whose curves have a score."""
    return [_section(f"curve-{at}", curves) for at, curves in enumerate(every)]


def _section(name: str, curves: LearningCurves) -> CurveSection:
    scores, *others = curve_tables.tables(curves)
    chart = _chart(name, curves, scores)
    return CurveSection(name, curve_tables.title(curves), chart, others, curve_tables.notes(curves))


def _chart(name: str, curves: LearningCurves, table: TextTable) -> Chart:
    rows = [size.rows for size in curves.sizes]
    figure = empty_figure(
        height=460,
        xaxis=axis(
            title="training rows",
            type="log",
            tickvals=rows,
            ticktext=curve_tables.row_labels(curves),
        ),
        yaxis=axis(title="macro-F1", rangemode="tozero"),
    )
    middle = (len(curves.curves) - 1) / 2
    for position, curve in enumerate(curves.curves):
        places = sorted(curve.scores)
        scores = [curve.scores[place] for place in places]
        factor = (rows[-1] / rows[0]) ** (_SPREAD / 2 * (position - middle) / max(middle, 1))
        figure.add_scatter(
            x=[rows[place] * factor for place in places],
            y=[score.mean for score in scores],
            mode="lines+markers",
            name=label(curve.method),
            line={"color": colour(position), "dash": dash(position)},
            marker={"symbol": marker_symbol(position), "size": 8},
            error_y={"array": [score.half_width or 0 for score in scores], "thickness": 1.5, "width": 4},
            hovertext=[
                hover_text(f"{curve.method}, {rows[place]:,.0f} training rows: {with_interval(score)}")
                for place, score in zip(places, scores, strict=True)
            ],
            hoverinfo="text",
        )
    caption = (
        f"By number of training rows (logarithmic): {curve_tables.METRICS[curves.metric]}, mean over seeds with its "
        "95 % interval. The points of one size are drawn beside each other."
    )
    width = max(280, 80 + round(60 * math.log2(rows[-1] / rows[0]))) if rows else 280
    return Chart(f"{name}-chart", f"Learning curves on {curves.scenario}", caption, plotly_json(figure), table, width)
