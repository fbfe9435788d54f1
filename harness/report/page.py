"""The page: what is known of each board, in one HTML file that loads nothing and runs no script but its own."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from harness.errors import UserError
from harness.leaderboard import tables
from harness.leaderboard.build import Rules, Setting, boards, setting_of, shown_names
from harness.leaderboard.diagnostics import diagnostics
from harness.leaderboard.model import TRACKS, Board
from harness.leaderboard.tables import NONE, Table
from harness.leaderboard.verdicts import contrasts, mended, sentence, summary
from harness.records.schema import Record
from harness.records.store import Store
from harness.report import search
from harness.report.charts import charts
from harness.report.confusion import confusion
from harness.report.corpora import Card, card, open_corpus
from harness.report.figures import Chart, graph_objects, script
from harness.report.samples import Panel, chosen, panel
from harness.safe_text import printable
from harness.scenarios.input_views import AT

_MOST = 1000  # characters of one text


@dataclass(frozen=True)
class Part:
    """What the page shows of one board."""

    name: str
    board: Board
    title: str
    headline: Table
    charts: dict[str, Chart]
    details: Sequence[Table]
    trials: Table
    confusion: dict[str, Any]
    panel: Panel
    card: Card
    remarks: Sequence[tuple[str, list[str]]]

    @property
    def tracks(self) -> dict[str, str]:
        """What the methods of each track of this board are handed."""
        return {track: what for track, what in TRACKS.items() if self.board.of_track(track)}

    @property
    def verdicts(self) -> str:
        """Who stands under which verdict."""
        return summary(self.board.claims)

    @property
    def claims(self) -> list[str]:
        """What became of each claim, in a sentence."""
        return [sentence(claim) for claim in self.board.claims]

    @property
    def classes(self) -> Table:
        """The classes of the corpus."""
        lines = [[name, NONE if count is None else f"{count:,}"] for name, count in self.card.classes]
        return "Classes", ["class", "payloads"], lines


def make(store: Store, rules: Rules, say: Callable[[str], None] = lambda line: None) -> str:
    """Returns the page of a results folder.

    Args:
        store: the folder.
        rules: what records are judged by.
        say: takes a line on what takes long.

    Raises:
        UserError: the folder holds no record, a record is broken, or a library is missing.
    """
    graph_objects()
    _templates()
    records = list(store.records())
    if not records:
        raise UserError(f"--results {store.root}: there is no record in it; `harness run` writes some.")
    parts = [_part(f"board-{i}", board, records, store, rules, say) for i, board in enumerate(boards(records, rules))]
    return _render(parts, len(records))


def _part(
    name: str, board: Board, every: Iterable[Record], store: Store, rules: Rules, say: Callable[[str], None]
) -> Part:
    setting = Setting(*(getattr(board, field) for field in Setting._fields))
    records = [r for r in every if setting_of(r) == setting and AT not in r.cell.scenario and not rules.is_stale(r)]
    names, methods = shown_names(records), [row.method for row in board.rows]
    say(f"{tables.title(board)}: {len(records)} records")
    single = chosen(store, records)
    opened = open_corpus(board, [predictions.benchmark for _, predictions in single.found[:1]])
    drawn = [
        *charts(board, name),
        search.spent(board, name),
        *search.expected_best(board, name),
        *search.learning(records, names, methods, name),
    ]
    return Part(
        name=name,
        board=board,
        title=tables.title(board),
        headline=_headline(board),
        charts={chart.name.removeprefix(f"{name}-"): chart for chart in drawn},
        details=[
            *tables.spread(board),
            *contrasts(board),
            *mended(board),
            *tables.scenarios(board),
            *diagnostics(board),
        ],
        trials=search.trials(records),
        confusion=confusion(records, names, methods),
        panel=panel(store, single, opened, names, methods),
        card=card(board, records, opened),
        remarks=[(heading, lines) for heading, lines in tables.remarks(board) if lines],
    )


def _headline(board: Board) -> Table:
    """The main tables of all tracks as one, with the track in a column."""
    found = list(tables.headlines(board))
    header = found[0][1]
    tracks = [track for track in TRACKS if board.of_track(track)] or ["free"]
    lines = [[*line[:2], track, *line[2:]] for track, (_, _, part) in zip(tracks, found, strict=True) for line in part]
    return "Board", [*header[:2], "track", *header[2:]], lines


def _templates() -> Any:
    """The templating engine: every value is made printable, then escaped."""
    try:
        import jinja2
        import markupsafe
    except ImportError as error:
        raise UserError(
            f"harness report fills its page with jinja2, which is not installed ({error}); "
            "pip install -e '.[report]' in the checkout brings it."
        ) from error

    def safe(value: Any) -> Any:
        return printable(value, _MOST) if isinstance(value, str) and not isinstance(value, markupsafe.Markup) else value

    made = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.report"),
        autoescape=True,
        finalize=safe,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    made.filters["exact"] = markupsafe.escape  # of what `visible` spelled out: every space of it counts
    return made


def _render(parts: Sequence[Part], records: int) -> str:
    from markupsafe import Markup

    templates = _templates()
    code = {"plotly": script(), "page": _resource("report.js")}
    policy = " ".join(f"'sha256-{_digest(text)}'" for text in code.values())
    for text in code.values():
        assert "</script" not in text.lower()
    values = {part.name: _values(part) for part in parts}
    return str(
        templates.get_template("report.html.j2").render(
            parts=parts,
            records=records,
            policy=Markup(policy),
            style=Markup(_resource("report.css")),
            plotly=Markup(code["plotly"]),
            script=Markup(code["page"]),
            values=Markup(embedded(values)),
        )
    )


def _values(part: Part) -> dict[str, Any]:
    return {"charts": {chart.name: chart.figure for chart in part.charts.values()}, "confusion": part.confusion}


def embedded(values: Any) -> str:
    """Returns JSON that may stand in a script element: nothing in it can end the element or open a comment."""
    text = json.dumps(values, separators=(",", ":"), allow_nan=False, default=_listed)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _listed(value: Any) -> Any:
    return value.tolist()


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _resource(name: str) -> str:
    return (files("harness.report") / "templates" / name).read_text(encoding="utf-8")
