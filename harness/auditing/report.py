"""The audit report: findings as sentences, the Markdown card, and the JSON file."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from harness.auditing.cues import Cue
from harness.auditing.examine import Audit
from harness.auditing.leakage import Leakage
from harness.auditing.probing import FULL, MAJORITY, MAX_TEST, MAX_TRAIN
from harness.auditing.tables import tables
from harness.auditing.text import markdown, one_line
from harness.auditing.verdicts import audit_figures, probe_means
from harness.scenario import UNSEEN

FORMAT = 1  # version of audit.json
_WORDS = {"row": "the row itself", "exact duplicate": "an exact duplicate", "attack core": "an attack core"}


def findings(audit: Audit) -> list[str]:
    """Returns the main findings, one sentence each."""
    repeats = audit.repetition
    return [
        *_leaks(audit.leakage),
        f"{repeats.copies} of {audit.corpus.rows} rows are copies of others, {repeats.alike} have a near-duplicate; "
        f"{repeats.clusters} clusters of near-duplicates ({repeats.disagreeing} rows) have different labels.",
        *_probe_findings(audit),
        *_strongest(audit),
    ]


def _leaks(leakage: Sequence[Leakage]) -> Iterator[str]:
    for entry in leakage:
        leaks = [crossing for crossing in entry.crossings if crossing.leak]
        for i, crossing in enumerate(leaks):
            if i and crossing.rows <= leaks[i - 1].rows:
                continue  # a copy is also a near-duplicate: reported once
            test_row, train_row = map(one_line, crossing.example)
            yield (
                f"LEAK in {one_line(entry.scenario)}/{one_line(entry.environment)}, seed {entry.seed}: {crossing.rows} "
                f"of {entry.rows} rows share {_WORDS.get(crossing.what, f'a {crossing.what}')} with training, "
                f"for example {test_row} with {train_row}."
            )
    if leakage and not any(entry.leaking for entry in leakage):
        yield (
            f"No leak in {', '.join(dict.fromkeys(one_line(entry.scenario) for entry in leakage))}: none of "
            f"{sum(entry.rows for entry in leakage)} test rows shares with training what its scenario guarantees not "
            f"to be shared."
        )


def _probe_findings(audit: Audit) -> Iterator[str]:
    means = probe_means(audit)
    scores = {place: probes for place, probes in means.items() if FULL in probes and not place.endswith(f"/{UNSEEN}")}
    if not scores:
        return
    worst, best = (pick(scores, key=lambda place: scores[place][FULL]) for pick in (min, max))
    lowest = f" and {scores[worst][FULL]:.2f} on {one_line(worst)}" if worst != best else ""
    yield f"The learner {audit.learner} has a macro-F1 of {scores[best][FULL]:.2f} on {one_line(best)}{lowest}."
    if not any("carrier" in probes for probes in scores.values()):
        yield (
            f"Its macro-F1 without the attack was not measured: {audit.uncut} of {audit.corpus.rows} payloads are not "
            "HTTP requests, and no attack can be cut out of them."
        )
        return
    place = max(scores, key=lambda place: scores[place]["carrier"])
    probes = scores[place]
    yield (
        f"Without the attack, its macro-F1 is still up to {probes['carrier']:.2f} ({one_line(place)}: "
        f"{probes[FULL]:.2f} with the attack, {probes[MAJORITY]:.2f} for always predicting the most frequent class)."
    )


def _strongest(audit: Audit) -> Iterator[str]:
    cue = audit_figures(audit)["cue"]
    if cue.value:
        yield f"The strongest cue that is not known to be in the attack: {cue.where} (strength {cue.value:.2f})."


def notes(audit: Audit) -> list[str]:
    """Returns the assumptions behind the figures and what was left out, one sentence each."""
    out = [*audit.notes]
    located = audit.cues[0].located
    if located < audit.corpus.rows:
        out.append(
            f"The attack span is known in {located} of {audit.corpus.rows} rows; in the others, the values of all "
            f"parameters stand in for it."
        )
    out.append(
        f"Probes are trained on up to {MAX_TRAIN} rows and tested on up to {MAX_TEST} per environment; means over "
        f"{len(audit.seeds)} seed{'s' if len(audit.seeds) > 1 else ''}."
    )
    return [one_line(note, 400) for note in out]


def title(audit: Audit) -> str:
    """Returns a title line: the benchmark, its size and the audited scenarios."""
    corpus = audit.corpus
    return (
        f"{one_line(audit.benchmark, 200)}: {corpus.rows} payloads, {len(corpus.classes)} classes; "
        f"scenarios {', '.join(one_line(spec.name) for spec in audit.scenarios)}"
    )


def card(audit: Audit) -> str:
    """Returns the audit as a Markdown page."""
    parts = [f"# Audit of {markdown(title(audit))}\n", _bullets(findings(audit))]
    for caption, note, header, lines in tables(audit):
        cells = [header, ["---"] * len(header), *lines]
        rows = "".join("| " + " | ".join(markdown(cell) if cell else " " for cell in row) + " |\n" for row in cells)
        parts.append(f"## {markdown(caption)}\n\n{markdown(note.capitalize())}.\n\n{rows}")
    figures = [
        f"{name}: {'not measured' if f.value is None else f'{f.value:.4g}'}" for name, f in audit_figures(audit).items()
    ]
    parts.append("## Figures for `--fail-on`\n\n" + _bullets(figures))
    parts.append("## Notes\n\n" + _bullets([*notes(audit), f"corpus {audit.corpus.hash}"]))
    return "\n".join(parts)


def _bullets(lines: Sequence[str]) -> str:
    return "".join(f"- {markdown(line)}\n" for line in lines)


def to_json(audit: Audit) -> str:
    """Returns the audit as JSON; payload bytes are escaped by `harness.auditing.text.one_line`."""
    value = {
        "format": FORMAT,
        "benchmark": audit.benchmark,
        "corpus": {"name": audit.corpus.name, "hash": audit.corpus.hash, "classes": audit.corpus.classes},
        "scenarios": [spec.name for spec in audit.scenarios],
        "seeds": audit.seeds,
        "learner": audit.learner,
        "findings": findings(audit),
        "figures": {name: figure._asdict() for name, figure in audit_figures(audit).items()},
        "leakage": [asdict(entry) for entry in audit.leakage],
        "probes": [asdict(score) for score in audit.scores],
        "cues": [
            {
                "where": table.where,
                "counted": table.counted,
                "located": table.located,
                "classes": {name: [_cue(cue) for cue in cues] for name, cues in table.classes.items()},
            }
            for table in audit.cues
        ],
        "repetition": _plain(asdict(audit.repetition)),
        "overlap": None if audit.overlaps is None else _plain([asdict(overlap) for overlap in audit.overlaps]),
        "drift": [asdict(drift) for drift in audit.drifts],
        "notes": notes(audit),
    }
    return json.dumps(value, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def _cue(cue: Cue) -> dict[str, Any]:
    return {
        "kind": cue.attribute.kind,
        "value": one_line(cue.attribute.value, 4 * len(cue.attribute.value)),
        "strength": round(cue.strength, 6),
        "bits": round(cue.bits, 6),
        "support": cue.support,
        "size": cue.size,
        "share": round(cue.share, 6),
        "share_interval": [round(edge, 6) for edge in cue.interval],
        "elsewhere": round(cue.elsewhere, 6),
        "difference_interval": [round(edge, 6) for edge in cue.difference],
        "lift": None if cue.lift is None else round(cue.lift, 3),
        "corrected_p": cue.corrected_p,
        "in_attack": None if cue.inside is None else round(cue.inside, 6),
        "also": [attribute.name for attribute in cue.also],
        "forms": [_cue(form) for form in cue.forms],
    }


def _plain(value: Any) -> Any:
    """Returns a nested value with all bytes escaped as text."""
    if isinstance(value, bytes):
        return one_line(value, 4 * len(value))
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
