"""The figures of an audit that ``--fail-on`` can check, and their thresholds."""

import math
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from harness.auditing.cues import Cue
from harness.auditing.examine import Audit
from harness.auditing.probing import DESCRIPTION, FULL, NEAREST
from harness.auditing.text import one_line
from harness.data import payload_parts
from harness.errors import UserError, nearest
from harness.scenarios.input_views import CUES


class AuditFigure(NamedTuple):
    """A measured value and where it was measured; the value is None if the corpus lacks the data for it."""

    value: float | None
    where: str


_SHARES = ("leaks", "duplicates", "near-duplicates", "disagreement", "cue", "overlap", "class-drift", "length-drift")
_PROBES = {
    re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-"): name
    for name in (FULL, *payload_parts.PROBES, CUES, NEAREST, DESCRIPTION)
}
NAMES = (*_SHARES, *_PROBES)
_NOT_MEASURED = AuditFigure(None, "")


def audit_figures(audit: Audit) -> dict[str, AuditFigure]:
    """Returns every figure of `NAMES`; for one measured per environment, the highest mean over the seeds."""
    rows, repetition = audit.corpus.rows, audit.repetition
    out = {
        "leaks": _leaks(audit),
        "duplicates": AuditFigure(repetition.copies / rows, "share of rows whose payload also occurs in another row"),
        "near-duplicates": AuditFigure(repetition.alike / rows, "share of rows that have a near-duplicate"),
        "disagreement": AuditFigure(repetition.disagreeing / rows, "share of rows in clusters with different labels"),
        "cue": _strongest(audit),
        "overlap": _overlap(audit),
        "class-drift": _highest(_drift(audit, "class_distance")),
        "length-drift": _highest(_drift(audit, "length_distance")),
    }
    scores = probe_means(audit)
    for name, probe in _PROBES.items():
        out[name] = _highest({place: by_probe[probe] for place, by_probe in scores.items() if probe in by_probe})
    return out


def _highest(values: Mapping[str, float]) -> AuditFigure:
    if not values:
        return _NOT_MEASURED
    place = max(values, key=lambda name: values[name])
    return AuditFigure(values[place], one_line(place))


def _leaks(audit: Audit) -> AuditFigure:
    if not audit.leakage:
        return _NOT_MEASURED
    return AuditFigure(sum(entry.leaking for entry in audit.leakage), "test rows, over all seeds")


def _strongest(audit: Audit) -> AuditFigure:
    """Returns the strength of the strongest cue that is not known to be in the attack."""
    cues = [(cue, name, table.where) for table in audit.cues for name, cues in table.classes.items() for cue in cues]
    outside = [(cue, name, where) for cue, name, where in cues if not in_attack(cue)]
    if not outside:
        return AuditFigure(0.0, "no cue")
    cue, name, where = max(outside, key=lambda item: item[0].strength)
    return AuditFigure(cue.strength, f"{one_line(name)}, {cue.name} in {where}")


def in_attack(cue: Cue) -> bool:
    """Whether a cue is known to be in the attack, in at least half of the payloads that have it."""
    return cue.inside is not None and cue.inside >= 0.5


def _overlap(audit: Audit) -> AuditFigure:
    if audit.overlaps is None:
        return _NOT_MEASURED
    described = sum(overlap.described for overlap in audit.overlaps)
    share = sum(overlap.rows for overlap in audit.overlaps) / described
    return AuditFigure(share, "share of rows with a description")


def probe_means(audit: Audit) -> dict[str, dict[str, float]]:
    """Returns the mean macro-F1 over the seeds, by ``scenario/environment`` and probe."""
    values: dict[str, dict[str, list[float]]] = {}
    for score in audit.scores:
        place = values.setdefault(f"{score.scenario}/{score.environment}", {})
        place.setdefault(score.probe, []).append(score.macro_f1)
    return {place: {probe: math.fsum(v) / len(v) for probe, v in each.items()} for place, each in values.items()}


def _drift(audit: Audit, distance: str) -> dict[str, float]:
    """Returns the mean of a distance over the seeds, by ``scenario/environment``."""
    values: dict[str, list[float]] = {}
    for drift in audit.drifts:
        values.setdefault(f"{drift.scenario}/{drift.part}", []).append(getattr(drift, distance))
    return {place: math.fsum(each) / len(each) for place, each in values.items()}


def thresholds(text: str | None) -> dict[str, float]:
    """Parses the value of ``--fail-on``, such as ``leaks=0,carrier=0.4``; None if the option is absent.

    Raises:
        UserError: the text is empty, a part is not ``name=number``, there is no such figure, a figure is named twice,
            or the figure can never exceed the threshold.
    """
    out: dict[str, float] = {}
    if text is not None and not text.strip(" ,"):
        raise UserError("--fail-on: it names no figure; name at least one, as in leaks=0, or omit the option.")
    text = text or ""
    for part in (part.strip() for part in text.split(",") if part.strip()):
        name, equals, number = part.partition("=")
        if name not in NAMES:
            raise UserError(f"--fail-on {part}: the figure {name} is unknown; {nearest(name, list(NAMES))}")
        try:
            value = float(number)
        except ValueError:
            value = math.nan
        if not (equals and 0 <= value < math.inf):
            raise UserError(f"--fail-on {part}: it must be NAME=NUMBER, with a number of 0 or more.")
        if name in out:
            raise UserError(f"--fail-on {part}: {name} is named twice.")
        if value > 1 and name != "leaks":
            raise UserError(f"--fail-on {part}: {name} is never above 1; use a number from 0 to 1.")
        out[name] = value
    return out


def violations(figures: Mapping[str, AuditFigure], limits: Mapping[str, float]) -> Iterator[str]:
    """Yields a sentence for every figure that is above its threshold.

    Raises:
        UserError: a figure was not measured, since the corpus lacks the data for it.
    """
    for name, limit in limits.items():
        value, where = figures[name]
        if value is None:
            raise UserError(
                f"--fail-on {name}: it was not measured; this corpus or these scenarios lack the data for it."
            )
        if value > limit:
            yield f"{name} is {value:g}, above {limit:g} ({where})."
