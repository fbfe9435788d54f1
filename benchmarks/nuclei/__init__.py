"""``nuclei:PATH``: HTTP requests of nuclei-templates, from a checkout or an archive."""

import datetime
from collections.abc import Iterator
from typing import Any

from harness import register_benchmark, sources

from .requests import steps
from .roles import ATTACK, roles
from .template import Template, Unusable, parse

_MAX_FILE_BYTES = 2 * 2**20  # bytes of a template


@register_benchmark("nuclei", summary="requests of nuclei-templates: a checkout or an archive of them", argument="PATH")
class Nuclei(sources.SourceBenchmark):
    """A row for each request that attacks; ``source`` is the template's first author."""

    version = 1
    columns = (
        "sample",
        "payload",
        "label",
        "cve",
        "cwe",
        "description",
        "date",
        "vendor",
        "product",
        "source",
        "severity",
        "added",
        "group.cve",
        "group.template",
    )

    def read(self, tree: sources.Tree, tally: sources.SourceTally) -> Iterator[sources.Row]:
        """See `SourceBenchmark.read`."""
        added = sources.origin.first_commits(self.root, tally.notes.append)
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
            facts = _facts(template, added.get(file.path))
            for number, payload in _attacks(template, tally, file.path):
                yield {**facts, "sample": f"{template.id}#{number}", "payload": payload}


def _attacks(template: Template, tally: sources.SourceTally, path: str) -> Iterator[tuple[int, bytes]]:
    """Yields number and bytes of each request that attacks; counts the other requests."""
    requests = steps(template, tally.skip)
    for step, role in zip(requests, roles(requests), strict=True):
        if role == ATTACK:
            yield step.number, step.payload
        else:
            tally.skip(f"helper step: {role}", f"{path}, request {step.number}")


def _facts(template: Template, added: datetime.date | None) -> dict[str, Any]:
    """Returns the columns that all requests of a template share; the date is the first day of the CVE's year."""
    return {
        "label": template.label,
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
