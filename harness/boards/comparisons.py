"""Tables that set a method's figures against a reference: its default configuration, and training without cues."""

from collections.abc import Iterator
from statistics import fmean

from harness.boards.model import Board, Row
from harness.boards.tables import NO_VALUE, TextTable, format_number, with_interval

CONTROL = "iid"  # the scenario with the rows of the planted ones and uninformative cues
NEUTRAL, ALL_CUES = "neutral", "all"


def search(board: Board) -> Iterator[TextTable]:
    """Yields the table of default configurations, best first, and of what the selection among trials gains and loses.

    Records made under protocol 2 or before have no tests of their trials, so their boards have no such table.
    """
    rows = [row for row in board.rows if row.default is not None]
    if not rows:
        return
    header = ["method", "default only", "rank by default", "tuned", "tuned − default", "selection gap"]
    header += ["chosen trial is not the default"]
    ordered = sorted(rows, key=lambda row: -row.default.mean if row.default else 0.0)
    lines = [
        [
            row.method,
            with_interval(row.default),
            _default_rank(board, row),
            format_number(row.score.mean if row.score else None),
            _signed(row.score.mean - row.default.mean if row.score and row.default else None),
            format_number(row.selection_gap),
            NO_VALUE if row.not_default is None else f"{row.not_default:.0%}",
        ]
        for row in ordered
    ]
    caption = "Default configurations (trial 0), and the selection among trials by training-domain validation"
    yield caption, header, lines


def _default_rank(board: Board, row: Row) -> str:
    if row.rank is None or row.default is None:
        return NO_VALUE
    others = [other for other in board.of_track(row.track) if other.rank is not None and other.default is not None]
    return str(1 + sum(other.default.mean > row.default.mean for other in others if other.default))


def reliance(board: Board) -> Iterator[TextTable]:
    """Yields the table of the two ways in which planted cues do harm.

    Starvation is what is not learned because the cues suffice: macro-F1 after training with uninformative cues minus
    that after training with informative ones, both on rows with uninformative cues. Reliance is the decrease when one
    cue contradicts the class, also as a share.
    """
    planted = sorted({scenario for scenario, env in board.columns if env == NEUTRAL})
    flips = {name for name, env in board.environments.items() if env.kind == "flip" and env.subject != ALL_CUES}
    if not planted or not flips:
        return
    parts = ("starvation", "reliance", "of neutral", "all cues flipped")
    header = ["method", *(f"{scenario}: {part}" for scenario in planted for part in parts)]
    lines = [
        [row.method, *(text for scenario in planted for text in _of_scenario(row, scenario, flips))]
        for row in board.rows
    ]
    caption = (
        "Planted cues: starvation (iid − neutral), reliance (neutral − mean over one flipped cue), all cues flipped"
    )
    yield caption, header, lines


def _of_scenario(row: Row, scenario: str, flips: set[str]) -> list[str]:
    control, neutral = row.metric((CONTROL, "id")), row.metric((scenario, NEUTRAL))
    flipped = [value for env in sorted(flips) if (value := row.metric((scenario, env))) is not None]
    starvation = None if control is None or neutral is None else control - neutral
    reliance_ = None if neutral is None or not flipped else neutral - fmean(flipped)
    share = None if reliance_ is None or not neutral else reliance_ / neutral
    return [
        _signed(starvation),
        _signed(reliance_),
        NO_VALUE if share is None else f"{share:.0%}",
        format_number(row.metric((scenario, f"flip.{ALL_CUES}"))),
    ]


def _signed(value: float | None) -> str:
    return NO_VALUE if value is None else f"{value:+.3f}"
