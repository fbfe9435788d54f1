"""The board's tables that compare methods: ranking and intervals; and the lists below them."""

from collections.abc import Iterable, Iterator

from harness.boards.model import TRACKS, Board, Cost, Row, ScenarioSeed, Track
from harness.boards.notes import merge_subjects
from harness.protocol import FALLBACK
from harness.statistics.intervals import Interval

TextTable = tuple[str, list[str], list[list[str]]]  # caption, header, rows
NO_VALUE = "–"
FALLBACK_MARK = "‡"  # beside a score in which failed cells count with the fallback's figures


def format_number(value: float | None, digits: int = 3) -> str:
    """Returns a number with so many decimals, or a dash for None."""
    return NO_VALUE if value is None else f"{value:.{digits}f}"


def with_interval(value: Interval | None) -> str:
    """Returns a mean with the half-width of its interval."""
    if value is None:
        return NO_VALUE
    return format_number(value.mean) + ("" if value.half_width is None else f" ± {value.half_width:.3f}")


def _bounds(bounds: tuple[float, float] | None) -> str:
    """Returns bounds clipped to 0 and 1, which a t interval over few folds can exceed."""
    return NO_VALUE if bounds is None else f"{max(bounds[0], 0):.3f} to {min(bounds[1], 1):.3f}"


def main_tables(board: Board) -> Iterator[TextTable]:
    """Yields the main table of each track that has a method; the caption is empty if there is only one track."""
    tracks: list[Track] = [track for track in TRACKS if board.of_track(track)] or ["free"]
    for track in tracks:
        caption = f"Track {track}: methods that {TRACKS[track]}" if len(tracks) > 1 else ""
        yield caption, *_main_table(board, track)


def _main_table(board: Board, track: Track) -> tuple[list[str], list[list[str]]]:
    shifts = sorted({shift for row in board.rows for shift in row.by_shift})
    shifts = shifts if len(shifts) > 1 else []  # one type has the score's figures
    header = ["rank", "method", "score", "letters", *shifts, "worst environment", "worst tenth", "ID", "gap"]
    header += ["flip rate / cue-follow", "perturbed (worst)", "trials", "train s", "shared steps s"]
    header += ["µs per payload", "cells"]
    return header, [
        [
            _rank(row),
            row.method,
            with_interval(row.score) + _qualifier(row),
            row.letters or NO_VALUE,
            *(_of_shift(row, shift) for shift in shifts),
            _with_name(row.worst),
            with_interval(row.worst_tenth),
            format_number(row.id),
            format_number(row.gap),
            " / ".join(format_number(cue_mean(board, row, metric)) for metric in ("flip_rate", "cue_follow")),
            _with_name(worst_perturbation(board, row)),
            _trials(row.cost),
            format_number(row.cost.training_seconds, 1),
            format_number(row.cost.shared_seconds, 1),
            format_number(row.cost.micros_per_payload, 0),
            _cells(row),
        ]
        for row in board.of_track(track)
    ]


def _qualifier(row: Row) -> str:
    """Returns the marks of a score that includes the fallback's figures or lacks cells."""
    if row.score is None:
        return ""
    return (f" {FALLBACK_MARK}" if row.failed else "") + ("" if row.complete else " of its cells")


def _of_shift(row: Row, shift: str) -> str:
    """Returns the score over the scenarios of a shift type, and the rank by it."""
    rank = f" ({row.shift_ranks[shift]})" if shift in row.shift_ranks else ""
    return with_interval(row.by_shift.get(shift)) + rank


def _rank(row: Row) -> str:
    if row.rank is None or row.ranks is None:
        return NO_VALUE
    return f"{row.rank} ({row.ranks[0]}–{row.ranks[1]})"


def _with_name(value: tuple[float, str] | None) -> str:
    return NO_VALUE if value is None else f"{format_number(value[0])} ({value[1]})"


def _trials(cost: Cost) -> str:
    return f"{cost.trials}" + (f" of {cost.trials_requested}" if cost.trials != cost.trials_requested else "")


def cue_mean(board: Board, row: Row, metric: str) -> float | None:
    """Returns the mean of a rate over the environments that flip one cue."""
    one_cue = {name for name, env in board.environments.items() if env.kind == "flip" and env.subject != "all"}
    rates = [
        metrics[metric] for (_, env), metrics in sorted(row.metrics.items()) if env in one_cue and metric in metrics
    ]
    return sum(rates) / len(rates) if rates else None


def worst_perturbation(board: Board, row: Row) -> tuple[float, str] | None:
    """Returns the lowest worst-case macro-F1 under perturbation, and its suite and scenario."""
    candidates = [
        (metrics["worst_case"], f"{board.environments[env].subject}, {scenario}")
        for (scenario, env), metrics in row.metrics.items()
        if "worst_case" in metrics and board.environments[env].kind == "perturbed"
    ]
    return min(candidates, default=None)


def _cells(row: Row) -> str:
    counts = (
        (row.done, "done"),
        (len(row.failed), "failed"),
        (len(row.unrecorded), "missing"),
        (row.not_applicable, "not applicable"),
        (row.stale, "stale"),
    )
    text = ", ".join(f"{count} {word}" for count, word in counts if count)
    return f"{text}; {row.unranked_reason}" if row.kind == "control" else text


def intervals(board: Board) -> Iterator[TextTable]:
    """Yields the tables of intervals, worst group, calibration and effective robustness, on a board that ranks."""
    if not board.ranked or not any(row.score for row in board.rows):
        return
    over = "over draws and units" if board.shared_units else "over folds"
    header = ["method", f"score: 95 % {over}", "score: 95 % by bootstrap", "spread of a seed: tests / folds / draws"]
    header += ["worst group", "worst group: 95 %", "calibration error, ID / shifted", "effective robustness"]
    lines = [
        [
            row.method,
            NO_VALUE if row.score is None or row.score.half_width is None else _bounds((row.score.low, row.score.high)),
            _bounds(row.bootstrap),
            " / ".join(map(format_number, row.components or (None, None, None))),
            _with_name(row.worst_group and (row.worst_group.accuracy, " and ".join(row.worst_group.names))),
            NO_VALUE if row.worst_group is None else _bounds((row.worst_group.low, row.worst_group.high)),
            " / ".join(map(format_number, row.calibration)),
            effective(board, row),
        ]
        for row in board.rows
    ]
    marks = "the worst group is chosen on half of the folds and measured on the others; "
    marks += "≈: within the 95 % prediction band of the baselines' line, so not distinguishable from them"
    yield f"Intervals, worst group, calibration, effective robustness ({marks})", header, lines


def effective(board: Board, row: Row) -> str:
    """Returns the effective robustness of a row, marked if it is within the prediction band of the baselines."""
    robustness = board.robustness
    if robustness is None or row.method not in robustness.effective:
        return NO_VALUE
    return f"{robustness.effective[row.method]:+.3f}" + (" ≈" if robustness.is_within_band(row.method) else "")


def remarks(board: Board) -> Iterator[tuple[str, list[str]]]:
    """Yields the lists below the tables, each with its heading: failures, missing cells, perturbation counts, notes."""
    yield f"Failed cells ({FALLBACK_MARK}: they count with the scores of `{FALLBACK}`)", list(failures(board))
    yield "Missing cells", list(missing(board))
    yield "Perturbed and excised rows", list(board.perturbation_counts)
    yield "Notes", list(notes(board))


def missing(board: Board) -> Iterator[str]:
    """Yields one line per set of missing cells, with the methods that lack them."""
    methods: dict[str, list[str]] = {}
    for row in board.rows:
        if row.unrecorded:
            methods.setdefault(join_cells(row.unrecorded), []).append(row.method)
    for cells, names in methods.items():
        yield f"{', '.join(names)}: {cells}"


def notes(board: Board) -> Iterator[str]:
    """Yields the board's notes, one per text, and why effective robustness is not shown."""
    yield from merge_subjects(board.notes)
    if board.robustness and board.robustness.unavailable_reason:
        yield f"effective robustness is not shown: {board.robustness.unavailable_reason}"


def failures(board: Board) -> Iterator[str]:
    """Yields one line per method and reason of failure, with the cells."""
    for row in board.rows:
        cells: dict[str, list[ScenarioSeed]] = {}
        for cell, reason in sorted(row.failed.items()):
            cells.setdefault(reason, []).append(cell)
        for reason, members in cells.items():
            yield f"{row.method} on {join_cells(members)}: {reason}"


def join_cells(cells: Iterable[ScenarioSeed]) -> str:
    """Returns cells as text, grouped by scenario: "iid, seeds 0, 1; cve-disjoint, seed 2"."""
    seeds: dict[str, list[str]] = {}
    for scenario, seed in cells:
        seeds.setdefault(scenario, []).append(str(seed))
    return "; ".join(f"{name}, seed{'s' if len(s) > 1 else ''} {', '.join(s)}" for name, s in seeds.items())


def title(board: Board) -> str:
    """Returns the board's title: benchmark, corpus, preset, rows, seeds and budget."""
    rows = "/".join("all" if size is None else str(size) for size in board.setting.sizes)
    seeds = f"{len(board.seeds)} seed{'s' if len(board.seeds) != 1 else ''}"
    setting = board.setting
    smoke = "" if board.ranked else " · smoke test, not ranked"
    return (
        f"{setting.benchmark}, corpus {setting.corpus[:8]} · protocol {setting.protocol} · preset {setting.preset} · "
        f"{rows} rows · {seeds} · {setting.trials} trials, {setting.seconds:g} s per cell{smoke}"
    )
