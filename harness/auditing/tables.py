"""The tables of an audit report, as plain text, for both the terminal and the Markdown card."""

import math
from collections.abc import Callable
from typing import NamedTuple

from harness.auditing.cues import Cue
from harness.auditing.examine import Audit, CueTable
from harness.auditing.probing import DESCRIPTION, FULL, MAJORITY, NEAREST
from harness.auditing.text import one_line
from harness.auditing.verdicts import probe_means
from harness.data import payload_parts
from harness.scenarios.input_views import CUES

SPELLINGS = 2  # other spellings listed per cue
_PROBES = (MAJORITY, FULL, *payload_parts.PROBES, CUES, NEAREST, DESCRIPTION)


class ReportTable(NamedTuple):
    """A caption, a note on how to read the table, and its cells; every text is printable and on one line."""

    caption: str
    note: str
    header: list[str]
    lines: list[list[str]]


def tables(audit: Audit) -> list[ReportTable]:
    """Returns the non-empty tables, in the order of the report."""
    every = [_leakage(audit), _scores(audit), *map(_cues, audit.cues)]
    every += [_drift(audit), _overlap(audit), _disagreement(audit)]
    return [table for table in every if table.lines]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _leakage(audit: Audit) -> ReportTable:
    totals: dict[str, int] = {}
    shared: dict[tuple[str, str], list[int]] = {}
    examples: dict[tuple[str, str], list[str]] = {}
    for entry in audit.leakage:
        place = f"{entry.scenario}/{entry.environment}"
        totals[place] = totals.get(place, 0) + entry.rows
        for crossing in entry.crossings:
            key = (place, crossing.what)
            shared.setdefault(key, []).append(crossing.rows)
            example = f"{one_line(crossing.example[0])} = {one_line(crossing.example[1])} (seed {entry.seed})"
            examples.setdefault(key, ["LEAK" if crossing.leak else "allowed", example])
    return ReportTable(
        "What tests share with training",
        "rows over all seeds; a leak is something that the scenario guarantees not to be shared",
        ["scenario/environment", "shared", "rows", "status", "example"],
        [
            [one_line(place), what, f"{sum(rows)} of {totals[place]}", *examples[place, what]]
            for (place, what), rows in shared.items()
        ],
    )


def _scores(audit: Audit) -> ReportTable:
    means = probe_means(audit)
    probes = [probe for probe in _PROBES if any(probe in each for each in means.values())]
    return ReportTable(
        f"Macro-F1 of {audit.learner} on part of each payload (probes)",
        "the closer carrier, headers or length are to full, the more the class can be predicted without the attack",
        ["scenario/environment", *probes],
        [[one_line(place), *(_figure(each.get(probe)) for probe in probes)] for place, each in means.items()],
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _cues(table: CueTable) -> ReportTable:
    lines = [
        [one_line(name) if at == 0 else "", *_cue(cue)]
        for name, cues in table.classes.items()
        for at, cue in enumerate(cues)
    ]
    header = ["class", "cue", "strength", "in the class (95 %)", "elsewhere", table.counted, "in the attack", "also as"]
    if not table.located:
        header.remove("in the attack")
        lines = [[*line[:-2], line[-1]] for line in lines]
    return ReportTable(
        f"The strongest cues of each class in {table.where}",
        f"shares are of {table.counted} in a class; strength 1 determines the class; a cue may be the attack itself",
        header,
        lines,
    )


def _cue(cue: Cue) -> list[str]:
    low, high = cue.interval
    forms = [*(f"{form.name} ({_percent(form.share)})" for form in cue.forms), *(a.name for a in cue.also)]
    return [
        cue.name,
        f"{cue.strength:.2f}",
        f"{_percent(cue.share)} ({100 * low:.0f}–{100 * high:.0f})",
        _percent(cue.elsewhere),
        str(cue.support),
        "–" if cue.inside is None else _percent(cue.inside),
        " · ".join(forms[:SPELLINGS]),
    ]


def _drift(audit: Audit) -> ReportTable:
    def mean(place: tuple[str, str], value: Callable[..., float]) -> float:
        each = [value(drift) for drift in audit.drifts if (drift.scenario, drift.part) == place]
        return math.fsum(each) / len(each)

    places = dict.fromkeys((drift.scenario, drift.part) for drift in audit.drifts)
    return ReportTable(
        "Drift between training and test",
        "means over seeds; classes: total variation distance, lengths: Kolmogorov-Smirnov statistic, both from 0 to 1",
        ["scenario/part", "rows", "median bytes", "classes", "lengths"],
        [
            [
                one_line("/".join(place)),
                f"{mean(place, lambda drift: drift.rows):.0f}",
                f"{mean(place, lambda drift: drift.quantiles[1]):.0f}",
                f"{mean(place, lambda drift: drift.class_distance):.2f}",
                f"{mean(place, lambda drift: drift.length_distance):.2f}",
            ]
            for place in places
        ],
    )


def _overlap(audit: Audit) -> ReportTable:
    return ReportTable(
        "Text that payloads share with their own descriptions",
        "rows that share at least eight consecutive bytes with their description, and the most common shared runs",
        ["class", "rows", "share", "most common runs (rows)"],
        [
            [
                one_line(overlap.threat_class),
                f"{overlap.rows} of {overlap.described}",
                _percent(overlap.rows / overlap.described),
                " · ".join(f"{one_line(run)} ({rows})" for run, rows in overlap.runs),
            ]
            for overlap in audit.overlaps or ()
            if overlap.described
        ],
    )


def _disagreement(audit: Audit) -> ReportTable:
    return ReportTable(
        "Near-duplicates with different labels",
        f"examples from {audit.repetition.clusters} clusters of {audit.repetition.disagreeing} rows",
        ["rows", "labels", "payload of the first"],
        [
            [" = ".join(map(one_line, e.samples)), " / ".join(map(one_line, e.labels)), one_line(e.payload)]
            for e in audit.repetition.examples
        ],
    )
