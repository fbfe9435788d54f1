"""The audit's findings in sentences, its card in Markdown, and its JSON."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from typing import Any

from harness.audit.cues import Cue
from harness.audit.examine import Audit
from harness.audit.leakage import Leakage
from harness.audit.probing import FULL, MAJORITY, MOST_TESTED, MOST_TRAINED
from harness.audit.tables import tables
from harness.audit.text import markdown, shown
from harness.audit.verdicts import figures, probe_means
from harness.scenario import UNSEEN

FORMAT = 1  # of audit.json
_WORDS = {"row": "the row itself", "exact duplicate": "an exact duplicate", "attack core": "an attack core"}


def findings(audit: Audit) -> list[str]:
    """Returns what to know first, a sentence each."""
    repeats = audit.repetition
    return [
        *_leaks(audit.leakage),
        f"{repeats.copies} of {audit.corpus.rows} rows are copies of others, {repeats.alike} have a near-duplicate; "
        f"{repeats.clusters} clusters of near-duplicates ({repeats.disagreeing} rows) carry different labels.",
        *_reached(audit),
        *_strongest(audit),
    ]


def _leaks(leakage: Sequence[Leakage]) -> Iterator[str]:
    for found in leakage:
        leaking = [crossing for crossing in found.crossings if crossing.leak]
        for at, crossing in enumerate(leaking):
            if at and crossing.rows <= leaking[at - 1].rows:
                continue  # a copy is a near-duplicate too: said once
            row, trained = map(shown, crossing.example)
            yield (
                f"LEAK in {shown(found.scenario)}/{shown(found.environment)}, seed {found.seed}: {crossing.rows} of "
                f"{found.rows} rows share {_WORDS.get(crossing.what, f'a {crossing.what}')} with training, "
                f"for example {row} with {trained}."
            )
    if leakage and not any(found.leaking for found in leakage):
        yield (
            f"No leak in {', '.join(dict.fromkeys(shown(found.scenario) for found in leakage))}: of "
            f"{sum(found.rows for found in leakage)} tested rows none shares with training what its scenario promises "
            f"to keep apart."
        )


def _reached(audit: Audit) -> Iterator[str]:
    means = probe_means(audit)
    scores = {place: each for place, each in means.items() if FULL in each and not place.endswith(f"/{UNSEEN}")}
    if not scores:
        return
    worst, best = (pick(scores, key=lambda place: scores[place][FULL]) for pick in (min, max))
    and_of = f" and of {scores[worst][FULL]:.2f} on {shown(worst)}" if worst != best else ""
    yield f"The learner {audit.learner} reaches a macro-F1 of {scores[best][FULL]:.2f} on {shown(best)}{and_of}."
    if not any("carrier" in each for each in scores.values()):
        yield (
            f"What it reaches without the attack is not measured: {audit.uncut} of {audit.corpus.rows} payloads do not "
            "read as HTTP requests, and no attack can be cut out of them."
        )
        return
    most = max(scores, key=lambda place: scores[place]["carrier"])
    each = scores[most]
    yield (
        f"Without the attack it still reaches up to {each['carrier']:.2f} ({shown(most)}: {each[FULL]:.2f} with it, "
        f"{each[MAJORITY]:.2f} for the most frequent class alone)."
    )


def _strongest(audit: Audit) -> Iterator[str]:
    found = figures(audit)["cue"]
    if found.value:
        yield f"The strongest cue that is not known to lie in the attack: {found.where} (strength {found.value:.2f})."


def notes(audit: Audit) -> list[str]:
    """Returns what the figures rest on, and what was left out, a sentence each."""
    out = [*audit.notes]
    located = audit.cues[0].located
    if located < audit.corpus.rows:
        out.append(
            f"The place of the attack is known in {located} of {audit.corpus.rows} rows; elsewhere the values of all "
            f"parameters stand for it."
        )
    out.append(
        f"Probes train on up to {MOST_TRAINED} rows and are tested on up to {MOST_TESTED} per environment; means over "
        f"{len(audit.seeds)} seed{'s' if len(audit.seeds) > 1 else ''}."
    )
    return [shown(note, 400) for note in out]


def title(audit: Audit) -> str:
    """Returns what was audited, in one line."""
    corpus = audit.corpus
    return (
        f"{shown(audit.benchmark, 200)}: {corpus.rows} payloads, {len(corpus.classes)} classes; "
        f"scenarios {', '.join(shown(spec.name) for spec in audit.scenarios)}"
    )


def card(audit: Audit) -> str:
    """Returns the audit as a Markdown page."""
    parts = [f"# Audit of {markdown(title(audit))}\n", _bullets(findings(audit))]
    for caption, note, header, lines in tables(audit):
        cells = [header, ["---"] * len(header), *lines]
        rows = "".join("| " + " | ".join(markdown(cell) if cell else " " for cell in row) + " |\n" for row in cells)
        parts.append(f"## {markdown(caption)}\n\n{markdown(note.capitalize())}.\n\n{rows}")
    figured = [
        f"{name}: {'not measured' if f.value is None else f'{f.value:.4g}'}" for name, f in figures(audit).items()
    ]
    parts.append("## Figures for `--fail-on`\n\n" + _bullets(figured))
    parts.append("## Notes\n\n" + _bullets([*notes(audit), f"corpus {audit.corpus.hash}"]))
    return "\n".join(parts)


def _bullets(lines: Sequence[str]) -> str:
    return "".join(f"- {markdown(line)}\n" for line in lines)


def to_json(audit: Audit) -> str:
    """Returns the audit as JSON; bytes of payloads are spelled as `harness.audit.text.shown` does."""
    value = {
        "format": FORMAT,
        "benchmark": audit.benchmark,
        "corpus": {"name": audit.corpus.name, "hash": audit.corpus.hash, "classes": audit.corpus.classes},
        "scenarios": [spec.name for spec in audit.scenarios],
        "seeds": audit.seeds,
        "learner": audit.learner,
        "findings": findings(audit),
        "figures": {name: figure._asdict() for name, figure in figures(audit).items()},
        "leakage": [asdict(found) for found in audit.leakage],
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
        "overlap": None if audit.overlaps is None else _plain([asdict(found) for found in audit.overlaps]),
        "drift": [asdict(drift) for drift in audit.drifts],
        "notes": notes(audit),
    }
    return json.dumps(value, indent=1, ensure_ascii=True, allow_nan=False) + "\n"


def _cue(cue: Cue) -> dict[str, Any]:
    return {
        "kind": cue.attribute.kind,
        "value": shown(cue.attribute.value, 4 * len(cue.attribute.value)),
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
    """Spells bytes as text, however deep."""
    if isinstance(value, bytes):
        return shown(value, 4 * len(value))
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
