"""Builds the report: one self-contained HTML file that loads nothing and runs no scripts but its own."""

import base64
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from typing import Any

from harness.benchmark import Benchmark
from harness.boards import defaults, tables
from harness.boards.build import Rules, boards, display_names, setting_of
from harness.boards.by_environment import scenarios
from harness.boards.diagnostics import diagnostics
from harness.boards.learning_curves import learning_curves
from harness.boards.model import TRACKS, Board
from harness.boards.tables import NO_VALUE, TextTable
from harness.boards.verdicts import contrasts, differences, sentence, summary
from harness.records.schema import Record
from harness.records.store import Store
from harness.report import search
from harness.report.charts import charts
from harness.report.confusion import confusion_matrices
from harness.report.corpora import DatasetCard, by_hash, dataset_card, open_corpus
from harness.report.figures import Chart, script
from harness.report.learning_curves import CurveSection, curve_sections
from harness.report.samples import SamplePanel, sample_panel, select_predictions
from harness.safe_text import printable

_MAX_TEXT = 1000  # characters of one text


@dataclass(frozen=True)
class BoardSection:
    """Contents of the page for one board."""

    name: str
    board: Board
    title: str
    main_table: TextTable
    charts: dict[str, Chart]
    details: Sequence[TextTable]
    trials: TextTable
    confusion: dict[str, Any]
    panel: SamplePanel
    card: DatasetCard
    remarks: Sequence[tuple[str, list[str]]]

    @property
    def tracks(self) -> dict[str, str]:
        """Description of each track of this board."""
        return {track: what for track, what in TRACKS.items() if self.board.of_track(track)}

    @property
    def verdicts(self) -> str:
        """The methods under each verdict, in one line."""
        return summary(self.board.claims)

    @property
    def claims(self) -> list[str]:
        """The verdict on each claim, in a sentence."""
        return [sentence(claim) for claim in self.board.claims]

    @property
    def classes(self) -> TextTable:
        """The table of the classes of the corpus."""
        lines = [[name, NO_VALUE if count is None else f"{count:,}"] for name, count in self.card.classes]
        return "Classes", ["class", "payloads"], lines


def make(
    store: Store,
    records: Sequence[Record],
    rules: Rules,
    named: Benchmark | None = None,
    say: Callable[[str], None] = lambda line: None,
) -> str:
    """Returns the report of a results folder as HTML.

    Args:
        store: the folder.
        records: its records, at least one.
        rules: see `Rules`.
        named: the benchmark whose payloads are shown on its boards; None for registered ones only.
        say: called with a line of progress per board.

    Raises:
        UserError: no record is of the named benchmark.
    """
    every, curves = boards(records, rules), learning_curves(records, rules)
    corpora = by_hash(named, [*(board.setting for board in every), *(each.setting for each in curves)])
    sections = [_section(f"board-{i}", board, records, store, rules, corpora, say) for i, board in enumerate(every)]
    return _render(sections, curve_sections(curves), len(records))


def _section(
    name: str,
    board: Board,
    every: Iterable[Record],
    store: Store,
    rules: Rules,
    corpora: Mapping[str, Benchmark],
    say: Callable[[str], None],
) -> BoardSection:
    setting = board.setting
    records = [r for r in every if setting_of(r) == setting and not r.cell.view and not rules.is_stale(r)]
    names, methods = display_names(records), [row.method for row in board.rows]
    say(f"{tables.title(board)}: {len(records)} records")
    single = select_predictions(store, records)
    opened = open_corpus(board, corpora, next((p.benchmark for _, p in single.available), None))
    all_charts = [
        *charts(board, name),
        search.compute_cost(board, name),
        *search.expected_best(board, name),
        *search.training_scores(records, names, methods, name),
    ]
    return BoardSection(
        name=name,
        board=board,
        title=tables.title(board),
        main_table=_main_table(board),
        charts={chart.name.removeprefix(f"{name}-"): chart for chart in all_charts},
        details=[
            *tables.intervals(board),
            *contrasts(board),
            *defaults.search(board),
            *differences(board),
            *scenarios(board),
            *diagnostics(board),
        ],
        trials=search.trial_table(records),
        confusion=confusion_matrices(records, names, methods),
        panel=sample_panel(store, single, opened, names, methods),
        card=dataset_card(board, records, opened),
        remarks=[(heading, lines) for heading, lines in tables.remarks(board) if lines],
    )


def _main_table(board: Board) -> TextTable:
    """Returns the main tables of all tracks as one, with the track in a column."""
    by_track = list(tables.main_tables(board))
    header = by_track[0][1]
    tracks = [track for track in TRACKS if board.of_track(track)] or ["free"]
    lines = [
        [*line[:2], track, *line[2:]] for track, (_, _, rows) in zip(tracks, by_track, strict=True) for line in rows
    ]
    return "Board", [*header[:2], "track", *header[2:]], lines


def _templates() -> Any:
    """Returns the template engine, which makes every value printable and then escapes it."""
    import jinja2
    import markupsafe

    def safe(value: Any) -> Any:
        return (
            printable(value, _MAX_TEXT)
            if isinstance(value, str) and not isinstance(value, markupsafe.Markup)
            else value
        )

    engine = jinja2.Environment(
        loader=jinja2.PackageLoader("harness.report"),
        autoescape=True,
        finalize=safe,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    # For text from `visible`, which is printable already: `safe` would collapse its spaces.
    engine.filters["exact"] = markupsafe.escape
    return engine


def _render(sections: Sequence[BoardSection], curves: Sequence[CurveSection], records: int) -> str:
    from markupsafe import Markup

    templates = _templates()
    code = {"plotly": script(), "page": _resource("report.js")}
    policy = " ".join(f"'sha256-{_digest(text)}'" for text in code.values())
    for text in code.values():
        assert "</script" not in text.lower()
    values = {section.name: _values(section) for section in sections}
    values |= {section.name: {"charts": {section.chart.name: section.chart.figure}} for section in curves}
    return str(
        templates.get_template("report.html.j2").render(
            sections=sections,
            curves=curves,
            records=records,
            policy=Markup(policy),
            style=Markup(_resource("report.css")),
            plotly=Markup(code["plotly"]),
            script=Markup(code["page"]),
            values=Markup(embedded(values)),
        )
    )


def _values(section: BoardSection) -> dict[str, Any]:
    return {"charts": {chart.name: chart.figure for chart in section.charts.values()}, "confusion": section.confusion}


def embedded(values: Any) -> str:
    """Returns JSON that is safe inside a script element: nothing in it can end the element or open a comment."""
    text = json.dumps(values, separators=(",", ":"), allow_nan=False, default=_as_list)
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _as_list(value: Any) -> Any:
    return value.tolist()


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _resource(name: str) -> str:
    return (files("harness.report") / "templates" / name).read_text(encoding="utf-8")
