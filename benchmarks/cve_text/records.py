"""Reads files of CVE records: CVE JSON 5, NVD 2.0 and NVD 1.1, one record or many, also as JSON lines."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness import sources

_MAX_MEMORY = 4 * 2**30  # bytes that a file may take as Python objects; a feed takes some six times its size


class Unusable(Exception):
    """Raised for a file or a record that is left out; the message is the reason."""


def mapping(value: Any) -> dict[str, Any]:
    """Returns the value if it is a mapping, else an empty one."""
    return value if isinstance(value, dict) else {}


def mappings(value: Any) -> list[dict[str, Any]]:
    """Returns the mappings of a list; empty if the value is not a list."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def documents(data: bytes) -> Iterator[Any]:
    """Yields the values of a file: one JSON value, or one on each line; None for a line that is not readable.

    Raises:
        Unusable: neither the file nor its first line is readable as JSON.
    """
    try:
        yield sources.safe_json.loads(data, _MAX_MEMORY, strict=False)
        return
    except ValueError as error:
        reason = str(error) if isinstance(error, sources.TooLarge) else "not readable as JSON"
    lines = [line for line in data.removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip()]
    if len(lines) < 2 or (first := _value(lines[0])) is None:
        raise Unusable(reason)
    yield first
    yield from map(_value, lines[1:])


def _value(line: bytes) -> Any:
    try:
        return sources.safe_json.loads(line, strict=False)
    except ValueError:
        return None


def records(document: Any) -> Sequence[Mapping[str, Any]]:
    """Returns the records of a document, those of NVD 1.1 in the form of NVD 2.0.

    Raises:
        Unusable: the document has none, or none of a format that is read.
    """
    if isinstance(document, list):
        items = mappings(document)
        if not any(map(_is_record, items)):
            raise Unusable("neither CVE JSON 5 nor an NVD feed")
        return items
    fields = mapping(document)
    if _is_record(fields):
        return [fields]
    if isinstance(fields.get("vulnerabilities"), list):  # a feed or a response of the NVD
        return [mapping(mapping(item).get("cve")) for item in fields["vulnerabilities"]]
    for name in ("cve_items", "CVE_Items"):
        if isinstance(fields.get(name), list):
            return [_of_item(mapping(item)) for item in fields[name]]
    if "CVE_data_meta" in fields:
        raise Unusable("CVE JSON 4, which is not read; use the CVE JSON 5 record")
    raise Unusable("neither CVE JSON 5 nor an NVD feed")


def _is_record(fields: Mapping[str, Any]) -> bool:
    """Whether it is a record of CVE JSON 5 or of NVD 2.0."""
    return isinstance(fields.get("cveMetadata"), dict) or ("descriptions" in fields and "id" in fields)


def _of_item(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns an item of a feed as a record of NVD 2.0; one of NVD 1.1 is converted."""
    cve = mapping(item.get("cve"))
    if not cve:
        return item
    texts = mappings(mapping(cve.get("description")).get("description_data"))
    problems = mappings(mapping(cve.get("problemtype")).get("problemtype_data"))
    rejected = any(str(text.get("value")).startswith("** REJECT **") for text in texts)
    return {
        "id": mapping(cve.get("CVE_data_meta")).get("ID"),
        "published": item.get("publishedDate"),
        "vulnStatus": "Rejected" if rejected else "",
        "descriptions": texts,
        "weaknesses": problems,
        "configurations": item.get("configurations"),
    }
