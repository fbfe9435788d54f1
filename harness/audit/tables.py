"""The audit as tables of plain text, for the terminal and for the card alike."""

import math
from collections.abc import Callable
from typing import NamedTuple

from harness.audit.cues import Cue
from harness.audit.examine import Audit, CueTable
from harness.audit.probing import DESCRIPTION, FULL, MAJORITY, NEAREST
from harness.audit.text import shown
from harness.audit.verdicts import probe_means
from harness.data import payload_parts
from harness.scenarios.input_views import CUES

SPELLINGS = 2  # other spellings of a cue that are shown beside it
_PROBES = (MAJORITY, FULL, *payload_parts.PROBES, CUES, NEAREST, DESCRIPTION)


class Table(NamedTuple):
    """A caption, a few words on how to read it, and cells; every text is printable and on one line."""

    caption: str
    note: str
    header: list[str]
    lines: list[list[str]]


def tables(audit: Audit) -> list[Table]:
    """Returns every table that has a line."""
    found = [_leakage(audit), _scores(audit), *map(_cues, audit.cues)]
    found += [_drift(audit), _overlap(audit), _disagreement(audit)]
    return [table for table in found if table.lines]


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %"


def _leakage(audit: Audit) -> Table:
    tested: dict[str, int] = {}
    shared: dict[tuple[str, str], list[int]] = {}
    first: dict[tuple[str, str], list[str]] = {}
    for found in audit.leakage:
        place = f"{found.scenario}/{found.environment}"
        tested[place] = tested.get(place, 0) + found.rows
        for crossing in found.crossings:
            key = (place, crossing.what)
            shared.setdefault(key, []).append(crossing.rows)
            example = f"{shown(crossing.example[0])} = {shown(crossing.example[1])} (seed {found.seed})"
            first.setdefault(key, ["LEAK" if crossing.leak else "allowed", example])
    return Table(
        "What tests share with training",
        "rows over all seeds; a leak is what the scenario promises not to share",
        ["scenario/environment", "shared", "rows", "", "for example"],
        [
            [shown(place), what, f"{sum(rows)} of {tested[place]}", *first[place, what]]
            for (place, what), rows in shared.items()
        ],
    )


def _scores(audit: Audit) -> Table:
    means = probe_means(audit)
    there = [probe for probe in _PROBES if any(probe in each for each in means.values())]
    return Table(
        f"What a learner reaches that sees a part of each payload only ({audit.learner}, macro-F1)",
        "the closer carrier, headers or length come to full, the more the data tells without the attack",
        ["scenario/environment", *there],
        [[shown(place), *(_figure(each.get(probe)) for probe in there)] for place, each in means.items()],
    )


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _cues(table: CueTable) -> Table:
    lines = [
        [shown(name) if at == 0 else "", *_cue(cue)]
        for name, cues in table.classes.items()
        for at, cue in enumerate(cues)
    ]
    header = ["class", "cue", "strength", "in the class (95 %)", "elsewhere", table.counted, "in the attack", "also as"]
    if not table.located:
        header.remove("in the attack")
        lines = [[*line[:-2], line[-1]] for line in lines]
    return Table(
        f"The strongest cues of each class in {table.where}",
        f"shares are of {table.counted} within a class; strength 1 gives the class away; cues may be the attack itself",
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


def _drift(audit: Audit) -> Table:
    def mean(place: tuple[str, str], value: Callable[..., float]) -> float:
        each = [value(drift) for drift in audit.drifts if (drift.scenario, drift.part) == place]
        return math.fsum(each) / len(each)

    places = dict.fromkeys((drift.scenario, drift.part) for drift in audit.drifts)
    return Table(
        "How far tests lie from training",
        "means over seeds; classes: total variation distance, lengths: Kolmogorov-Smirnov distance, 0 to 1",
        ["scenario/part", "rows", "median bytes", "classes", "lengths"],
        [
            [
                shown("/".join(place)),
                f"{mean(place, lambda drift: drift.rows):.0f}",
                f"{mean(place, lambda drift: drift.quantiles[1]):.0f}",
                f"{mean(place, lambda drift: drift.class_distance):.2f}",
                f"{mean(place, lambda drift: drift.length_distance):.2f}",
            ]
            for place in places
        ],
    )


def _overlap(audit: Audit) -> Table:
    return Table(
        "What payloads share with their own descriptions",
        "rows that share eight bytes in a row with it, and the commonest such runs",
        ["class", "rows", "share", "commonest runs (rows)"],
        [
            [
                shown(found.threat_class),
                f"{found.rows} of {found.described}",
                _percent(found.rows / found.described),
                " · ".join(f"{shown(run)} ({rows})" for run, rows in found.runs),
            ]
            for found in audit.overlaps or ()
            if found.described
        ],
    )


def _disagreement(audit: Audit) -> Table:
    return Table(
        "Near-duplicates with different labels",
        f"examples from {audit.repetition.clusters} clusters of {audit.repetition.disagreeing} rows",
        ["rows", "labels", "payload of the first"],
        [
            [" = ".join(map(shown, e.samples)), " / ".join(map(shown, e.labels)), shown(e.payload)]
            for e in audit.repetition.examples
        ],
    )
