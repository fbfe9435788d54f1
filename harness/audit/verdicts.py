"""The figures that a data pipeline can be guarded by, and thresholds on them."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from harness.audit.cues import Cue
from harness.audit.examine import Audit
from harness.audit.probing import DESCRIPTION, FULL, NEAREST
from harness.audit.text import shown
from harness.data import payload_parts
from harness.errors import UserError, nearest
from harness.scenarios.input_views import CUES


class Figure(NamedTuple):
    """A measured value and where it was found; None where the corpus lacks what it is measured on."""

    value: float | None
    where: str


_SHARES = ("leaks", "duplicates", "near-duplicates", "disagreement", "cue", "overlap", "class-drift", "length-drift")
_PROBES = {
    re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-"): name
    for name in (FULL, *payload_parts.PROBES, CUES, NEAREST, DESCRIPTION)
}
NAMES = (*_SHARES, *_PROBES)
_ABSENT = Figure(None, "")


def figures(audit: Audit) -> dict[str, Figure]:
    """Returns every figure of `NAMES`; of those that occur in several places, the highest mean over the seeds."""
    rows, repetition = audit.corpus.rows, audit.repetition
    out = {
        "leaks": _leaks(audit),
        "duplicates": Figure(repetition.copies / rows, "share of the rows whose payload stands in another row too"),
        "near-duplicates": Figure(repetition.alike / rows, "share of the rows that have a near-duplicate"),
        "disagreement": Figure(repetition.disagreeing / rows, "share of the rows in clusters of different labels"),
        "cue": _strongest(audit),
        "overlap": _overlap(audit),
        "class-drift": _highest(_drift(audit, "class_distance")),
        "length-drift": _highest(_drift(audit, "length_distance")),
    }
    scores = probe_means(audit)
    for name, probe in _PROBES.items():
        out[name] = _highest({place: found[probe] for place, found in scores.items() if probe in found})
    return out


def _highest(values: Mapping[str, float]) -> Figure:
    if not values:
        return _ABSENT
    place = max(values, key=lambda name: values[name])
    return Figure(values[place], shown(place))


def _leaks(audit: Audit) -> Figure:
    if not audit.leakage:
        return _ABSENT
    return Figure(sum(found.leaking for found in audit.leakage), "tested rows, over all seeds")


def _strongest(audit: Audit) -> Figure:
    """The strongest cue but for those that lie in the attack, as far as that is known."""
    found = [(cue, name, table.where) for table in audit.cues for name, cues in table.classes.items() for cue in cues]
    outside = [(cue, name, where) for cue, name, where in found if not in_attack(cue)]
    if not outside:
        return Figure(0.0, "no cue")
    cue, name, where = max(outside, key=lambda item: item[0].strength)
    return Figure(cue.strength, f"{shown(name)}, {cue.name} in {where}")


def in_attack(cue: Cue) -> bool:
    """Whether a cue is known to lie in the attack in at least half of the payloads that have it."""
    return cue.inside is not None and cue.inside >= 0.5


def _overlap(audit: Audit) -> Figure:
    if audit.overlaps is None:
        return _ABSENT
    described = sum(overlap.described for overlap in audit.overlaps)
    return Figure(sum(overlap.rows for overlap in audit.overlaps) / described, "share of the rows with a description")


def probe_means(audit: Audit) -> dict[str, dict[str, float]]:
    """Returns the mean macro-F1 over the seeds, by ``scenario/environment`` and probe."""
    values: dict[str, dict[str, list[float]]] = {}
    for score in audit.scores:
        place = values.setdefault(f"{score.scenario}/{score.environment}", {})
        place.setdefault(score.probe, []).append(score.macro_f1)
    return {place: {probe: math.fsum(v) / len(v) for probe, v in each.items()} for place, each in values.items()}


def _drift(audit: Audit, distance: str) -> dict[str, float]:
    """The mean of a distance over the seeds, by ``scenario/environment``."""
    values: dict[str, list[float]] = {}
    for drift in audit.drifts:
        values.setdefault(f"{drift.scenario}/{drift.part}", []).append(getattr(drift, distance))
    return {place: math.fsum(each) / len(each) for place, each in values.items()}


def thresholds(text: str | None) -> dict[str, float]:
    """Reads ``--fail-on``: ``leaks=0,carrier=0.4``; None where it is not given.

    Raises:
        UserError: there is nothing in it, a part is not ``name=number``, there is no such figure, it is named twice, or
            cannot be above its limit.
    """
    out: dict[str, float] = {}
    if text is not None and not text.strip(" ,"):
        raise UserError("--fail-on: it names no figure; give one, as in leaks=0, or leave the option out.")
    text = text or ""
    for part in (part.strip() for part in text.split(",") if part.strip()):
        name, equals, number = part.partition("=")
        if name not in NAMES:
            raise UserError(f"--fail-on {part}: there is no figure {name}; {nearest(name, list(NAMES))}")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not (equals and 0 <= value < math.inf):
            raise UserError(f"--fail-on {part}: it must read NAME=NUMBER with a number of 0 or above.")
        if name in out:
            raise UserError(f"--fail-on {part}: {name} is named twice.")
        if value > 1 and name != "leaks":
            raise UserError(f"--fail-on {part}: {name} is never above 1; a number from 0 to 1 is needed.")
        out[name] = value
    return out


def broken(found: Mapping[str, Figure], limits: Mapping[str, float]) -> Iterator[str]:
    """Yields a sentence for every threshold that a figure is above.

    Raises:
        UserError: a figure was not measured, since the corpus lacks what it is measured on.
    """
    for name, limit in limits.items():
        value, where = found[name]
        if value is None:
            raise UserError(
                f"--fail-on {name}: it was not measured; this corpus or these scenarios have nothing for it."
            )
        if value > limit:
            yield f"{name} is {value:g}, above {limit:g} ({where})."
