"""Helpers for plotly figures: layout, axes, colours and markers, and labels that are safe to show.

Plotly reads a subset of HTML in labels, so names are escaped. It merges categories of the same name, so axes use
positions as values and names as tick labels only.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.boards.tables import TextTable
from harness.safe_text import printable

if TYPE_CHECKING:
    import plotly.graph_objects as go

_MAX_LABEL = 28  # characters; the table below the figure has the whole name
# After Okabe and Ito, distinguishable with colour blindness; blue and yellow adjusted to be visible on white and black.
COLOURS = ("#1f83c9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8a8d00", "#7a5fd0")
MARKS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "pentagon")
PATTERNS = ("", "/", "x", ".")
DASHES = ("solid", "dash", "dot", "dashdot")


@dataclass(frozen=True)
class Chart:
    """A figure with its text alternative.

    Attributes:
        name: unique on the page, ``[a-z0-9-]``.
        title: heading of the chart.
        caption: how to read it, in a sentence or two.
        figure: plotly's JSON: data and layout.
        table: the values that it shows.
        width: minimum width in pixels at which it is legible.
    """

    name: str
    title: str
    caption: str
    figure: dict[str, Any]
    table: TextTable
    width: int = 280


def graph_objects() -> Any:
    """Returns the module ``plotly.graph_objects``, loaded when a report is drawn."""
    import plotly.graph_objects as go

    return go


def script() -> str:
    """Returns plotly's JavaScript, about 5 MB."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def label(text: str) -> str:
    """Returns text escaped for plotly's labels, cut if it is long."""
    safe = printable(text)
    return html.escape(safe if len(safe) <= _MAX_LABEL else f"{safe[: _MAX_LABEL - 1]}…", quote=False)


def hover_text(text: str) -> str:
    """Returns text escaped for plotly's hover labels, in full length."""
    return html.escape(printable(text), quote=False)


def empty_figure(**layout: Any) -> "go.Figure":
    """Returns a figure without traces; the page's script sets the colours of text and lines."""
    defaults: dict[str, Any] = {
        "template": "none",
        "margin": {"l": 56, "r": 16, "t": 16, "b": 48},
        "height": 380,
        "hovermode": "closest",
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "traceorder": "normal"},
    }
    return graph_objects().Figure(layout=defaults | layout)


def plotly_json(figure: "go.Figure") -> dict[str, Any]:
    """Returns plotly's JSON of a figure."""
    content: dict[str, Any] = figure.to_plotly_json()
    content["layout"].pop("template", None)
    return content


def axis(names: Sequence[str] = (), **options: Any) -> dict[str, Any]:
    """Returns a numeric axis, or one of positions with names as tick labels."""
    settings: dict[str, Any] = {"automargin": True, "zeroline": False}
    if names:
        settings |= {"tickvals": list(range(len(names))), "ticktext": [label(name) for name in names]}
        settings |= {"showgrid": False, "range": [-0.5, len(names) - 0.5]}
    return settings | options


def colour(position: int) -> str:
    """Returns the colour of the method at a position of the board; after eight they repeat with another marker."""
    return COLOURS[position % len(COLOURS)]


def marker_symbol(position: int) -> str:
    """Returns the marker of the method at a position of the board."""
    return MARKS[(position + position // len(COLOURS)) % len(MARKS)]


def dash(position: int) -> str:
    """Returns the line style of the method at a position of the board."""
    return DASHES[(position // len(COLOURS)) % len(DASHES)]


def pattern(position: int) -> str:
    """Returns the fill pattern of the method's bars at a position of the board."""
    return PATTERNS[(position // len(COLOURS)) % len(PATTERNS)]
