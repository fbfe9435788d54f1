"""Parses a template: the facts of its vulnerability, and its blocks of HTTP requests."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from harness import taxonomy

_OTHER_PROTOCOLS = ("dns", "tcp", "network", "ssl", "file", "headless", "javascript", "code", "websocket", "whois")


class Unusable(Exception):
    """Raised for a template without requests of a threat class; the message is the reason."""


@dataclass(frozen=True)
class Template:
    """One template.

    Attributes:
        id: its id.
        classes: the threat classes that it names, at least one.
        cve, cwe, description, vendor, product, author, severity: None if it does not have one.
        variables: its own definitions.
        blocks: its blocks of requests.
    """

    id: str
    classes: frozenset[str]
    cve: str | None
    cwe: str | None
    description: str | None
    vendor: str | None
    product: str | None
    author: str | None
    severity: str | None
    variables: Mapping[str, object]
    blocks: tuple[Mapping[str, Any], ...]

    @property
    def label(self) -> str | None:
        """The threat class, None if it names several of which none is a kind of the others."""
        return taxonomy.most_specific(self.classes)

    def response_names(self) -> frozenset[str]:
        """Returns the names that its extractors give to parts of responses."""
        names = (item.get("name") for block in self.blocks for item in _maps(block.get("extractors")))
        return frozenset(str(name) for name in names if name)


def parse(document: Any) -> Template:
    """Returns the template of a YAML value.

    Raises:
        Unusable: it is not a template, makes no HTTP request, or has no threat class, or several that exclude each
            other.
    """
    if not isinstance(document, dict) or not isinstance(document.get("info"), dict) or not document.get("id"):
        raise Unusable("file: not a template")
    info: dict[str, Any] = document["info"]
    blocks = tuple(_maps(document.get("http") or document.get("requests")))
    if not blocks:
        other = next((protocol for protocol in _OTHER_PROTOCOLS if document.get(protocol)), "no requests at all")
        raise Unusable(f"template: no HTTP ({other})")
    classification = _map(info.get("classification"))
    metadata = _map(info.get("metadata"))
    cwes = list(dict.fromkeys(map(int, re.findall(r"CWE-(\d+)", str(classification.get("cwe-id", "")), re.I))))
    cves = re.findall(r"CVE-\d{4}-\d{4,}", f"{classification.get('cve-id', '')} {document['id']}".upper())
    variables = document.get("variables")
    return Template(
        id=str(document["id"]),
        classes=_classes(cwes, _words(info.get("tags"))),
        cve=cves[0] if cves else None,
        cwe=" ".join(f"CWE-{cwe}" for cwe in cwes) or None,
        description=_text(info.get("description")),
        vendor=_text(metadata.get("vendor")),
        product=_text(metadata.get("product")),
        author=next(iter(_words(info.get("author"))), None),
        severity=_text(info.get("severity")),
        variables={str(name): value for name, value in _map(variables).items()},
        blocks=blocks,
    )


def _classes(cwes: list[int], tags: list[str]) -> frozenset[str]:
    for classes in (
        frozenset(taxonomy.CLASS_OF_CWE[cwe] for cwe in cwes if cwe in taxonomy.CLASS_OF_CWE),
        frozenset(name for tag in tags if (name := taxonomy.class_named(tag)) is not None),  # if no CWE has a class
    ):
        if len(classes) > 1 and not taxonomy.most_specific(classes) and not taxonomy.may_share_a_technique(classes):
            raise Unusable("template: several threat classes")
        if classes:
            return classes
    raise Unusable("template: no threat class of the taxonomy")


def _map(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _maps(value: Any) -> Iterator[dict[str, Any]]:
    return (item for item in value if isinstance(item, dict)) if isinstance(value, list) else iter(())


def _words(value: Any) -> list[str]:
    """Returns the items of a list, or of a text separated by commas."""
    parts = value if isinstance(value, list) else str(value or "").split(",")
    return [word for part in parts if (word := str(part).strip())]


def _text(value: Any) -> str | None:
    return " ".join(str(value).split()) or None if value is not None else None
