"""The rows of a corpus of nuclei-templates: the requests that attack, each with the facts of its template."""

import datetime
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from harness import sources, taxonomy

from .requests import steps
from .roles import ATTACK, NO_ATTACK, roles
from .signs import percent_decoded
from .template import Template, Unusable, parse

_MAX_FILE_BYTES = 2 * 2**20  # bytes of a template


def rows(tree: sources.Tree, root: Path, tally: sources.SourceTally) -> Iterator[sources.Row]:
    """Yields a row for each request that attacks; counts in the tally what is left out."""
    kept: list[dict[str, Any]] = []
    classes: dict[bytes, set[str]] = {}  # of each payload
    for path, template, added in _templates(tree, root, tally):
        facts = _facts(template, added)
        for number, payload, label in _attacks(template, tally, path):
            kept.append({**facts, "sample": f"{template.id}#{number}", "payload": payload, "label": label})
            classes.setdefault(payload, set()).add(label)
    for row in kept:
        specific = taxonomy.most_specific(classes[row["payload"]])
        if specific is None:
            tally.skip("request: equal to one of another threat class", row["sample"])
            continue
        if specific != row["label"]:
            tally.skip("label: an equal request has a class that is a kind of it", row["sample"])
        yield {**row, "label": specific}


def _templates(
    tree: sources.Tree, root: Path, tally: sources.SourceTally
) -> Iterator[tuple[str, Template, datetime.date | None]]:
    """Yields path, template and date of the first commit of each usable file."""
    added = sources.origin.first_commits(root, tally.notes.append)
    ids: set[str] = set()
    for file in tree.files((".yaml", ".yml"), _MAX_FILE_BYTES, tally):
        try:
            template = parse(sources.safe_yaml.load(file.data))
            if template.id in ids:
                raise Unusable("template: an earlier file has the same id")
        except (Unusable, ValueError) as error:
            tally.skip(str(error) if isinstance(error, Unusable) else f"file: {error}", file.path)
            continue
        ids.add(template.id)
        yield file.path, template, added.get(file.path)


def _attacks(template: Template, tally: sources.SourceTally, path: str) -> Iterator[tuple[int, bytes, str]]:
    """Yields number, bytes and class of each request that attacks; counts the other requests."""
    requests = steps(template, tally.skip)
    several = False
    for step, role in zip(requests, roles(requests), strict=True):
        where = f"{path}, request {step.number}"
        if role != ATTACK:
            tally.skip(f"request: {role}" if role == NO_ATTACK else f"helper step: {role}", where)
            continue
        label = taxonomy.class_of_payload(percent_decoded(step.payload), template.classes)
        if label is None:
            several = True
            continue
        if label != (template.label or label):
            tally.skip("label: the technique of the payload has another class than its template", where)
        yield step.number, step.payload, label
    if several:
        tally.skip("template: several threat classes", path)


def _facts(template: Template, added: datetime.date | None) -> dict[str, Any]:
    """Returns the columns that all requests of a template share; the date is the first day of the CVE's year."""
    return {
        "cve": template.cve,
        "cwe": template.cwe,
        "description": template.description,
        "date": datetime.date(int(template.cve[4:8]), 1, 1) if template.cve else None,
        "vendor": template.vendor,
        "product": template.product,
        "source": template.author,
        "severity": template.severity,
        "added": added.isoformat() if added else None,
        "group.cve": template.cve,
        "group.template": template.id,
    }
