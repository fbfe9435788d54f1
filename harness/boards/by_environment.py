"""The board's tables of macro-F1 by environment, and what planted cues do."""

from collections.abc import Iterator, Sequence
from statistics import fmean

from harness.boards.model import Board, Column, Row
from harness.boards.tables import NO_VALUE, TextTable, format_number
from harness.evaluation.metrics import area_under_time
from harness.scenario import SEEN, UNSEEN

CONTROL = "iid"  # the scenario with the test rows of the planted ones, trained with uninformative cues
NEUTRAL = "neutral"  # the environment of planted scenarios with uninformative cues
_MAX_SHARED_COLUMNS = 3  # scenarios with more environments get a table of their own


def scenarios(board: Board) -> Iterator[TextTable]:
    """Yields macro-F1 by environment: one table for all scenarios with few environments, one for each other scenario.

    Zero-shot scenarios come first, with balanced accuracy. Methods without a result in a scenario are left out.
    """
    zero_shot = {scenario for scenario, env in board.columns if env == UNSEEN}
    for name in sorted(zero_shot):
        yield (
            f"{name} (not scored): balanced accuracy with all classes as candidates",
            *_zero_shot(board, name),
        )
    others = [name for name in board.scenarios if name not in zero_shot]
    wide = [name for name in others if sum(column[0] == name for column in board.columns) > _MAX_SHARED_COLUMNS]
    narrow = [name for name in others if name not in wide]
    if narrow:
        shifts = "; ".join(f"{name}: {board.scenarios[name]}" for name in narrow)
        yield f"Macro-F1 by environment ({shifts})", *_by_environment(board, narrow, prefix=True)
    for name in wide:
        yield f"{name} (shift: {board.scenarios[name]}), macro-F1 by environment", *_by_environment(board, [name])


def _zero_shot(board: Board, name: str) -> tuple[list[str], list[list[str]]]:
    columns = ((SEEN, "balanced_accuracy"), (UNSEEN, "balanced_accuracy"), (UNSEEN, "harmonic_mean"))
    lines = [
        [row.method, *(format_number(row.metric((name, env), metric)) for env, metric in columns)] for row in board.rows
    ]
    return ["method", SEEN, UNSEEN, "harmonic mean"], lines


def _by_environment(board: Board, names: Sequence[str], prefix: bool = False) -> tuple[list[str], list[list[str]]]:
    columns = [column for column in board.columns if column[0] in names]
    windows = [own for name in names if len(own := _windows(board, name)) > 1]
    header = ["method", *("/".join(column) if prefix else column[1] for column in columns)]
    header += [f"{own[0][0]}/area under time" if prefix else "area under time" for own in windows]
    planted = [name for name in names if (name, NEUTRAL) in board.columns and not prefix]
    header += [part for _ in planted for part in ("starvation", "reliance", "reliance / neutral")]
    lines = [
        [
            row.method,
            *(format_number(row.metric(c)) for c in columns),
            *(format_number(_area(row, w)) for w in windows),
            *(text for name in planted for text in _harm(board, row, name)),
        ]
        for row in board.rows
        if any(row.metric(c) is not None for c in columns)
    ]
    rows = [max((row.metric(c, "rows") or 0 for row in board.rows), default=0) for c in columns]
    empty = [""] * (len(header) - 1 - len(rows))
    return header, [*lines, ["rows per seed", *(f"{count:.0f}" for count in rows), *empty]]


def _harm(board: Board, row: Row, scenario: str) -> list[str]:
    """Returns the two ways in which planted cues do harm: starvation, and reliance, also as a share.

    Starvation is what is not learned because the cues suffice: macro-F1 after training with uninformative cues minus
    that after training with informative ones, both on the same rows with neutral cues. Reliance is the decrease when
    one cue contradicts the class.
    """
    flips = [name for name, env in board.environments.items() if env.kind == "flip" and env.subject != "all"]
    control, neutral = row.metric((CONTROL, NEUTRAL)), row.metric((scenario, NEUTRAL))
    flipped = [value for env in sorted(flips) if (value := row.metric((scenario, env))) is not None]
    starvation = None if control is None or neutral is None else control - neutral
    reliance = None if neutral is None or not flipped else neutral - fmean(flipped)
    share = None if reliance is None or not neutral else reliance / neutral
    return [format_number(starvation), format_number(reliance), NO_VALUE if share is None else f"{share:.0%}"]


def _windows(board: Board, name: str) -> list[Column]:
    """Returns the time windows that a scenario tests in, in their order."""
    return [c for c in board.columns if c[0] == name and board.scenarios[name] == "temporal" and c[1][:5] == "test."]


def _area(row: Row, windows: Sequence[Column]) -> float | None:
    over_time = [value for column in windows if (value := row.metric(column)) is not None]
    return area_under_time(over_time) if len(over_time) == len(windows) else None
