"""Loads the cards from their data files: facts of real public CVEs, descriptions in our words, and attack cores."""

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

FOLDER = Path(__file__).parent / "cards"
PROOF = "{proof}"  # placeholder in every core for the proof token, the literal that a tester leaves

Form = Literal["value", "document", "file"]


@dataclass(frozen=True)
class Core:
    """One attack, before any transport encoding.

    Attributes:
        technique: slug, shared by cores of the class.
        form: ``value`` fits any parameter; ``document`` is an XML document; ``file`` is an upload.
        text: one character per byte (latin-1); contains `PROOF` once, unless the file name does.
        filename: of an upload.
        encoding: ``base64`` if the product expects it.
        context: the position of a SQL fragment in its query, if the card states it.
    """

    technique: str
    form: Form
    text: str
    filename: str | None = None
    encoding: str | None = None
    context: str | None = None

    def raw(self, proof: str) -> bytes:
        """Returns the attack's bytes with the proof token, before the product's own encoding."""
        return self.text.replace(PROOF, proof).encode("latin-1")

    def raw_filename(self, proof: str) -> bytes:
        """Returns the upload's file name with the proof token."""
        return (self.filename or "").replace(PROOF, proof).encode("latin-1")


@dataclass(frozen=True)
class Endpoint:
    """The endpoint that is attacked; ``invented`` if the facts do not name one."""

    method: str
    path: str
    parameter: str
    invented: bool


@dataclass(frozen=True)
class Text:
    """One CVE with a description in our own words; the other fields are facts."""

    cve: str
    threat_class: str
    cwe: tuple[str, ...]
    vendor: str
    product: str
    year: int
    published: str | None
    description: str

    @property
    def date(self) -> str:
        """ISO date of publication; the first of January of the CVE's year if the day is unknown."""
        return self.published or f"{self.year}-01-01"


@dataclass(frozen=True)
class Card(Text):
    """One CVE with attacks."""

    endpoint: Endpoint
    cores: tuple[Core, ...]


@functools.cache
def load() -> tuple[Card, ...]:
    """Returns all cards, ordered by class and then as in their file."""
    return tuple(
        Card(**facts, endpoint=Endpoint(**row["endpoint"]), cores=tuple(Core(**core) for core in row["cores"]))
        for facts, row in _rows(FOLDER)
    )


@functools.cache
def load_texts() -> tuple[Text, ...]:
    """Returns the CVEs that have a description and no attacks."""
    return tuple(Text(**facts) for facts, _ in _rows(FOLDER / "texts"))


def _rows(folder: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yields the fields that every record has, and the whole record."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").split("\n"):
            if line:
                row = json.loads(line)
                facts = {name: row[name] for name in ("cve", "vendor", "product", "year", "published", "description")}
                yield {**facts, "cwe": tuple(row["cwe"]), "threat_class": path.stem}, row
