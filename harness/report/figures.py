"""Figures in plotly's terms: plain values for the page's script, with every name in them safe to show.

Plotly reads a subset of HTML in labels, so names are escaped for it; and categories of one name would fall together,
so axes count places and names stand at the ticks only.
"""

import html
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.errors import UserError
from harness.leaderboard.tables import Table
from harness.safe_text import printable

if TYPE_CHECKING:
    import plotly.graph_objects as go

_LONGEST = 28  # characters of a label; the table below the figure has the whole name
# After Okabe and Ito: told apart by the colour-blind too; blue and yellow moved to be seen on white and on black.
COLOURS = ("#1f83c9", "#e69f00", "#009e73", "#cc79a7", "#d55e00", "#56b4e9", "#8a8d00", "#7a5fd0")
MARKS = ("circle", "square", "diamond", "triangle-up", "cross", "x", "star", "pentagon")
PATTERNS = ("", "/", "x", ".")
DASHES = ("solid", "dash", "dot", "dashdot")


@dataclass(frozen=True)
class Chart:
    """A figure with its text alternative.

    Attributes:
        name: unique on the page, ``[a-z0-9-]``.
        title: what it is of.
        says: how to read it, in a sentence or two.
        figure: plotly's JSON: data and layout.
        table: the figures that it shows.
        width: least width in pixels at which it can be read.
    """

    name: str
    title: str
    says: str
    figure: dict[str, Any]
    table: Table
    width: int = 280


def graph_objects() -> Any:
    """Returns plotly's module of figures.

    Raises:
        UserError: it is not installed.
    """
    try:
        import plotly.graph_objects as go
    except ImportError as error:
        raise UserError(
            f"harness report draws with plotly, which is not installed ({error}); "
            "pip install -e '.[report]' in the checkout brings it."
        ) from error
    return go


def script() -> str:
    """Returns plotly's own script, about 5 MB."""
    from plotly.offline import get_plotlyjs

    return str(get_plotlyjs())


def label(text: str) -> str:
    """Returns text that plotly shows as it is, cut where it is long."""
    shown = printable(text)
    return html.escape(shown if len(shown) <= _LONGEST else f"{shown[: _LONGEST - 1]}…", quote=False)


def whole(text: str) -> str:
    """Returns text that plotly shows as it is, for what appears on hovering."""
    return html.escape(printable(text), quote=False)


def figure(**layout: Any) -> "go.Figure":
    """Returns an empty figure; colours of text and lines are the page's."""
    plain: dict[str, Any] = {
        "template": "none",
        "margin": {"l": 56, "r": 16, "t": 16, "b": 48},
        "height": 380,
        "hovermode": "closest",
        "legend": {"orientation": "h", "yanchor": "bottom", "y": 1.02, "x": 0, "traceorder": "normal"},
    }
    return graph_objects().Figure(layout=plain | layout)


def plain(drawn: "go.Figure") -> dict[str, Any]:
    """Returns plotly's JSON of a figure."""
    found: dict[str, Any] = drawn.to_plotly_json()
    found["layout"].pop("template", None)
    return found


def axis(names: Sequence[str] = (), **more: Any) -> dict[str, Any]:
    """Returns an axis: of numbers, or of places that have names."""
    found: dict[str, Any] = {"automargin": True, "zeroline": False}
    if names:
        found |= {"tickvals": list(range(len(names))), "ticktext": [label(name) for name in names], "showgrid": False}
        found["range"] = [-0.5, len(names) - 0.5]
    return found | more


def colour(place: int) -> str:
    """Returns the colour of the method at a place of the board; eight, then again with another mark or dash."""
    return COLOURS[place % len(COLOURS)]


def mark(place: int) -> str:
    """Returns the mark of the method at a place of the board."""
    return MARKS[(place + place // len(COLOURS)) % len(MARKS)]


def dash(place: int) -> str:
    """Returns the dash of the method at a place of the board."""
    return DASHES[(place // len(COLOURS)) % len(DASHES)]


def pattern(place: int) -> str:
    """Returns the filling of a bar of the method at a place of the board."""
    return PATTERNS[(place // len(COLOURS)) % len(PATTERNS)]
