"""The cards: facts of real public CVEs, our descriptions of them, and their attack cores, as data files."""

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

FOLDER = Path(__file__).parent / "cards"
PROOF = "{proof}"  # the slot that every core has for the literal a tester leaves

Form = Literal["value", "document", "file"]


@dataclass(frozen=True)
class Core:
    """One attack, before any transport encoding.

    Attributes:
        technique: slug, shared within a class.
        form: ``value`` fits any parameter; ``document`` is an XML document; ``file`` an upload.
        text: characters stand for bytes (latin-1); holds `PROOF` once, unless the file name does.
        filename: of an upload.
        encoding: ``base64`` where the product expects it so.
        context: where a SQL fragment lands in its query, where told.
    """

    technique: str
    form: Form
    text: str
    filename: str | None = None
    encoding: str | None = None
    context: str | None = None

    def raw(self, proof: str) -> bytes:
        """Returns the attack's bytes with the proof filled in, before the product's own encoding."""
        return self.text.replace(PROOF, proof).encode("latin-1")

    def raw_filename(self, proof: str) -> bytes:
        """Returns the upload's file name with the proof filled in."""
        return (self.filename or "").replace(PROOF, proof).encode("latin-1")


@dataclass(frozen=True)
class Endpoint:
    """Where the attack goes; ``invented`` where the facts name no such endpoint."""

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
        """ISO date of publication; the CVE's year where the day is unknown."""
        return self.published or f"{self.year}-01-01"


@dataclass(frozen=True)
class Card(Text):
    """One CVE with attacks."""

    endpoint: Endpoint
    cores: tuple[Core, ...]


@functools.cache
def load() -> tuple[Card, ...]:
    """Returns every card, ordered by class and then as in its file."""
    return tuple(
        Card(**facts, endpoint=Endpoint(**row["endpoint"]), cores=tuple(Core(**core) for core in row["cores"]))
        for facts, row in _rows(FOLDER)
    )


@functools.cache
def load_texts() -> tuple[Text, ...]:
    """Returns the CVEs that have a description only."""
    return tuple(Text(**facts) for facts, _ in _rows(FOLDER / "texts"))


def _rows(folder: Path) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
    """Yields the fields that every record has, and the whole record."""
    for path in sorted(folder.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").split("\n"):
            if line:
                row = json.loads(line)
                shared = {name: row[name] for name in ("cve", "vendor", "product", "year", "published", "description")}
                yield {**shared, "cwe": tuple(row["cwe"]), "threat_class": path.stem}, row
