"""Learning curves as tables of text, Markdown and JSON values."""

from collections.abc import Iterator, Sequence
from typing import Any

from harness.boards.learning_curves import SCORE, CurveCrossing, LearningCurves
from harness.boards.tables import FALLBACK_MARK, NO_VALUE, TextTable, with_interval
from harness.protocol import FALLBACK
from harness.statistics.intervals import Interval

METRICS = {
    SCORE: "score (mean macro-F1 in the shifted environments)",
    "id": "macro-F1 in `id` (the scenario has no shifted environment)",
}
CROSSINGS = "Crossings: the number of training rows from which a method is ahead, with its 95 % interval"


def title(curves: LearningCurves) -> str:
    """Returns the title of learning curves: corpus, scenario and budget."""
    setting = curves.setting
    tests = "all" if setting.sizes[0] is None else f"{setting.sizes[0]:,}"
    return (
        f"Learning curves on {curves.scenario}: {setting.benchmark}, corpus {setting.corpus[:8]} · protocol "
        f"{setting.protocol} · tests of {tests} rows · {setting.trials} trials, {setting.seconds:g} s per cell"
    )


def tables(curves: LearningCurves) -> Iterator[TextTable]:
    """Yields the table of scores by number of training rows, and that of crossings if two methods can be compared."""
    sizes = range(len(curves.sizes))
    header = ["method", *row_labels(curves), "seeds"]
    lines = [
        [
            curve.method,
            *(
                with_interval(curve.scores.get(place)) + (f" {FALLBACK_MARK}" if place in curve.failed else "")
                for place in sizes
            ),
            str(len(curve.seeds)),
        ]
        for curve in curves.curves
    ]
    yield f"By number of training rows: {METRICS[curves.metric]}, ± its 95 % interval over seeds", header, lines
    if curves.crossings:
        header = ["method", "compared with", "ahead from", "95 % interval", "difference at the largest size"]
        # Those that cross first: with eight methods, most of 28 pairs do not.
        ordered = sorted(curves.crossings, key=lambda pair: pair.crossing.rows is None)
        yield CROSSINGS, header, [_line(pair, curves) for pair in ordered]


def row_labels(curves: LearningCurves) -> list[str]:
    """Returns the number of training rows of each size, as text."""
    return [f"{round(size.rows):,}" for size in curves.sizes]


def notes(curves: LearningCurves) -> list[str]:
    """Returns the notes of learning curves, with those on marks and on intervals that cannot be given."""
    marked = any(curve.failed for curve in curves.curves)
    marks = [f"{FALLBACK_MARK}: failed cells count with the scores of {FALLBACK}"] if marked else []
    single = any(len(curve.seeds) == 1 for curve in curves.curves)
    return [*curves.notes, *marks, *(["one seed gives no interval"] if single else [])]


def _line(pair: CurveCrossing, curves: LearningCurves) -> list[str]:
    found, labels = pair.crossing, row_labels(curves)
    if found.rows is not None:
        ahead = f"{round(found.rows):,} rows" + (f" (last of {found.changes} crossings)" if found.changes > 1 else "")
    else:
        ahead = "all sizes: no crossing" if found.largest else "none: equal at all sizes"
    return [pair.method, pair.other, ahead, _interval(pair, labels), _signed(pair.difference)]


def _interval(pair: CurveCrossing, labels: Sequence[str]) -> str:
    interval, (smallest, largest) = pair.crossing.interval, pair.sizes
    if interval is None:
        return NO_VALUE
    low = f"< {labels[smallest]}" if interval.low is None else f"{round(interval.low):,}"
    high = f"> {labels[largest]}" if interval.high is None else f"{round(interval.high):,}"
    return f"{low} to {high}"


def _signed(value: Interval) -> str:
    return f"{value.mean:+.3f}" + ("" if value.half_width is None else f" ± {value.half_width:.3f}")


def to_json(curves: LearningCurves) -> dict[str, Any]:
    """Returns learning curves as JSON values; docs/curves.md describes the keys."""
    setting = curves.setting
    return {
        "protocol": setting.protocol,
        "benchmark": setting.benchmark,
        "corpus": setting.corpus,
        "scenario": curves.scenario,
        "metric": curves.metric,
        "trials": setting.trials,
        "seconds": setting.seconds,
        "sampler": setting.sampler,
        "pruner": setting.pruner,
        "precision": setting.precision,
        "test_rows": setting.sizes[0],
        "sizes": [
            {"requested": size.requested, "rows": size.rows, "fewest": size.range[0], "most": size.range[1]}
            for size in curves.sizes
        ],
        "methods": [
            {
                "method": curve.method,
                "seeds": list(curve.seeds),
                "scores": [
                    None if score is None else {**score._asdict(), "failed": place in curve.failed}
                    for place, score in ((place, curve.scores.get(place)) for place in range(len(curves.sizes)))
                ],
            }
            for curve in curves.curves
        ],
        "crossings": [
            {
                "method": pair.method,
                "other": pair.other,
                "rows": pair.crossing.rows,
                "interval": None if pair.crossing.interval is None else pair.crossing.interval._asdict(),
                "changes": pair.crossing.changes,
                "from": curves.sizes[pair.sizes[0]].rows,
                "to": curves.sizes[pair.sizes[1]].rows,
                "difference": pair.difference._asdict(),
            }
            for pair in curves.crossings
        ],
        "notes": list(curves.notes),
    }
