"""The board's tables that compare methods: standing, spread, scenarios, curves; and the lists below them."""

from collections.abc import Iterable, Iterator, Sequence

from harness.evaluation.metrics import area_under_time
from harness.leaderboard.model import TRACKS, Board, Column, Place, Row, Track
from harness.scenario import SEEN, UNSEEN
from harness.statistics.intervals import Interval

Table = tuple[str, list[str], list[list[str]]]  # caption, header, lines
NONE = "–"
FLOORED = "‡"  # beside a score that holds the floor's figures
_FEW = 3  # environments of a scenario that stands in a table with others


def figure(value: float | None) -> str:
    """Returns a macro-F1 or a share to three digits, a dash where there is none."""
    return NONE if value is None else f"{value:.3f}"


def with_interval(value: Interval | None) -> str:
    """Returns a mean with the half-width of its interval."""
    if value is None:
        return NONE
    return figure(value.mean) + ("" if value.half_width is None else f" ± {value.half_width:.3f}")


def _bounds(bounds: tuple[float, float] | None) -> str:
    """Bounds of a share, cut where no share can be: a mean of few folds has an interval that knows no bounds."""
    return NONE if bounds is None else f"{max(bounds[0], 0):.3f} to {min(bounds[1], 1):.3f}"


def headlines(board: Board) -> Iterator[Table]:
    """Yields the main table of each track that has a method; the caption is empty where there is one track only."""
    tracks: list[Track] = [track for track in TRACKS if board.of_track(track)] or ["free"]
    for track in tracks:
        caption = f"Track {track}: methods that {TRACKS[track]}" if len(tracks) > 1 else ""
        yield caption, *_headline(board, track)


def _headline(board: Board, track: Track) -> tuple[list[str], list[list[str]]]:
    header = ["rank", "method", "score", "alike", "worst environment", "ID", "gap", "flip / follow", "worst suite"]
    header += ["trials", "train s", "shared s", "µs per payload", "cells"]
    return header, [
        [
            _rank(row),
            row.method,
            with_interval(row.score) + _qualified(row),
            row.letters or NONE,
            _named(row.worst),
            figure(row.id),
            figure(row.gap),
            " / ".join(figure(cue_mean(row, metric)) for metric in ("flip_rate", "cue_follow")),
            _named(worst_suite(row)),
            f"{row.spent.trials}" + (f" of {row.spent.asked}" if row.spent.trials != row.spent.asked else ""),
            _number(row.spent.training_seconds, 1),
            _number(row.spent.shared_seconds, 1),
            _number(row.spent.micros_per_payload, 0),
            _cells(row),
        ]
        for row in board.of_track(track)
    ]


def _qualified(row: Row) -> str:
    """What a score must not be read without: whose it is in part, and of which cells."""
    if row.score is None:
        return ""
    return (f" {FLOORED}" if row.failed else "") + ("" if row.complete else " of its cells")


def _rank(row: Row) -> str:
    if row.rank is None or row.ranks is None:
        return NONE
    return f"{row.rank} ({row.ranks[0]}–{row.ranks[1]})"


def _named(found: tuple[float, str] | None) -> str:
    return NONE if found is None else f"{figure(found[0])} ({found[1]})"


def _number(value: float | None, digits: int) -> str:
    return NONE if value is None else f"{value:.{digits}f}"


def cue_mean(row: Row, metric: str) -> float | None:
    """Returns the mean of a rate over the environments that flip one cue."""
    found = [
        figures[metric] for (_, env), figures in sorted(row.figures.items()) if metric in figures and _one_cue(env)
    ]
    return sum(found) / len(found) if found else None


def _one_cue(environment: str) -> bool:
    return environment.startswith("flip.") and environment != "flip.all"


def worst_suite(row: Row) -> tuple[float, str] | None:
    """Returns the lowest worst case under perturbation, and its suite and scenario."""
    found = [
        (figures["worst_case"], f"{env.partition('.')[2]}, {scenario}")
        for (scenario, env), figures in row.figures.items()
        if "worst_case" in figures and "." in env
    ]
    return min(found, default=None)


def _cells(row: Row) -> str:
    counts = (
        (row.done, "done"),
        (len(row.failed), "failed"),
        (len(row.lacking), "missing"),
        (row.not_applicable, "not applicable"),
        (row.stale, "stale"),
    )
    text = ", ".join(f"{count} {word}" for count, word in counts if count)
    return f"{text}; {row.why_unranked}" if row.kind not in ("ranked", "fixed") else text


def spread(board: Board) -> Iterator[Table]:
    """Yields the table of what else the statistics say, on a board that ranks and where a scenario is scored."""
    if not board.ranked or not any(row.score for row in board.rows):
        return
    effective = board.robustness.effective if board.robustness else {}
    header = ["method", "score, 95 % over folds", "score, 95 % by bootstrap", "worst group", "its 95 %"]
    header += ["calibration error, ID / shifted", "effective robustness"]
    lines = [
        [
            row.method,
            NONE if row.score is None or row.score.half_width is None else _bounds((row.score.low, row.score.high)),
            _bounds(row.bootstrap),
            NONE if row.worst_group is None else f"{figure(row.worst_group.accuracy)} ({row.worst_group.name})",
            NONE if row.worst_group is None else _bounds((row.worst_group.low, row.worst_group.high)),
            " / ".join(map(figure, row.calibration)),
            f"{effective[row.method]:+.3f}" if row.method in effective else NONE,
        ]
        for row in board.rows
    ]
    yield "Intervals, worst group, calibration, effective robustness", header, lines


def scenarios(board: Board) -> Iterator[Table]:
    """Yields zero-shot, then macro-F1 by environment: a table for all scenarios of few environments, one per other."""
    zero_shot = {scenario for scenario, env in board.columns if env == UNSEEN}
    for name in sorted(zero_shot):
        yield (
            f"{name} (not scored): balanced accuracy, all classes being candidates",
            *_zero_shot(board, name),
        )
    others = [name for name in board.scenarios if name not in zero_shot]
    wide = [name for name in others if sum(column[0] == name for column in board.columns) > _FEW]
    narrow = [name for name in others if name not in wide]
    if narrow:
        shifts = "; ".join(f"{name}: {board.scenarios[name]}" for name in narrow)
        yield f"Macro-F1 by environment ({shifts})", *_by_environment(board, narrow, prefix=True)
    for name in wide:
        yield f"{name} (shift: {board.scenarios[name]}), macro-F1 by environment", *_by_environment(board, [name])


def _zero_shot(board: Board, name: str) -> tuple[list[str], list[list[str]]]:
    figures = ((SEEN, "balanced_accuracy"), (UNSEEN, "balanced_accuracy"), (UNSEEN, "harmonic_mean"))
    lines = [[row.method, *(figure(row.figure((name, env), metric)) for env, metric in figures)] for row in board.rows]
    return ["method", SEEN, UNSEEN, "harmonic mean"], lines


def _by_environment(board: Board, names: Sequence[str], prefix: bool = False) -> tuple[list[str], list[list[str]]]:
    columns = [column for column in board.columns if column[0] in names]
    windows = [found for name in names if len(found := _windows(board, name)) > 1]
    header = ["method", *("/".join(column) if prefix else column[1] for column in columns)]
    header += [f"{found[0][0]}/area under time" if prefix else "area under time" for found in windows]
    lines = [
        [row.method, *(figure(row.figure(c)) for c in columns), *(figure(_area(row, found)) for found in windows)]
        for row in board.rows
    ]
    tested = [max((row.figure(c, "rows") or 0 for row in board.rows), default=0) for c in columns]
    return header, [*lines, ["rows per seed", *(f"{count:.0f}" for count in tested), *("" for _ in windows)]]


def _windows(board: Board, name: str) -> list[Column]:
    """The windows of time that a scenario tests in, in their order."""
    return [c for c in board.columns if c[0] == name and board.scenarios[name] == "temporal" and c[1][:5] == "test."]


def _area(row: Row, windows: Sequence[Column]) -> float | None:
    over_time = [value for column in windows if (value := row.figure(column)) is not None]
    return area_under_time(over_time) if len(over_time) == len(windows) else None


def curves(board: Board) -> Iterator[Table]:
    """Yields what more trials would have bought on validation, where methods ran two random trials or more."""
    most = max((len(row.curve) for row in board.rows), default=0)
    if most < 2:
        return
    header = ["method", *(f"{i} trials" if i > 1 else "1 trial" for i in range(1, most + 1))]
    lines = [
        [row.method, *(figure(row.curve[i] if i < len(row.curve) else None) for i in range(most))]
        for row in board.rows
        if row.curve
    ]
    yield "Expected best macro-F1 on validation of so many random trials", header, lines


def remarks(board: Board) -> Iterator[tuple[str, list[str]]]:
    """Yields the lists below the tables, each with its heading: failures, missing cells, what was left out."""
    yield f"Failed cells ({FLOORED}: they count with the figures of `majority`)", list(failures(board))
    yield "Missing cells", list(missing(board))
    yield "Perturbed and excised rows", list(board.left_out)
    yield "Notes", list(notes(board))


def missing(board: Board) -> Iterator[str]:
    """Yields one line per method with cells that the board has of others and not of it."""
    for row in board.rows:
        if row.lacking:
            yield f"{row.method}: {joined(row.lacking)}"


def notes(board: Board) -> Iterator[str]:
    """Yields what scenarios left out, stale records, and why effective robustness is not shown."""
    yield from board.notes
    if board.robustness and board.robustness.why_not:
        yield f"effective robustness is not shown: {board.robustness.why_not}"


def failures(board: Board) -> Iterator[str]:
    """Yields one line per method and reason of failure, with the cells."""
    for row in board.rows:
        places: dict[str, list[Place]] = {}
        for place, reason in sorted(row.failed.items()):
            places.setdefault(reason, []).append(place)
        for reason, where in places.items():
            yield f"{row.method} on {joined(where)}: {reason}"


def joined(places: Iterable[Place]) -> str:
    """Returns seeds of one scenario after each other: "iid, seeds 0, 1; cve-disjoint, seed 2"."""
    seeds: dict[str, list[str]] = {}
    for scenario, seed in places:
        seeds.setdefault(scenario, []).append(str(seed))
    return "; ".join(f"{name}, seed{'s' if len(s) > 1 else ''} {', '.join(s)}" for name, s in seeds.items())


def title(board: Board) -> str:
    """Returns what the board is of, in one line."""
    rows = "/".join("all" if size is None else str(size) for size in board.sizes)
    seeds = f"{len(board.seeds)} seed{'s' if len(board.seeds) != 1 else ''}"
    smoke = "" if board.ranked else " · a smoke test, not a ranking"
    return (
        f"{board.benchmark}, corpus {board.corpus[:8]} · preset {board.preset} · {rows} rows · {seeds} · "
        f"{board.trials} trials, {board.seconds:g} s per cell{smoke}"
    )
