"""Reads the XML of the ECML/PKDD 2007 challenge: requests in parts, each with its class."""

from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from harness import sources

from .. import http_parts
from ..data_file import DataFile
from ..rows import RawRow
from .xml_items import items, local_name

if TYPE_CHECKING:
    pass

DEFAULTS = {"payload": "request", "label": "class", "id": "id"}
COLUMNS = ("request", "class", "id", "method", "uri", "query", "os", "webserver", "inContext", "attackIntervall")


def read(file: DataFile, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    """Yields a row per sample: the request put together from its parts, its class, and other elements by name."""
    for number, sample in enumerate(items(file, "sample"), start=1):
        parts = {local_name(element): element.text or "" for element in sample.iter() if element is not sample}
        place = f"sample {sample.get('id') or number}"
        if not parts.get("uri"):
            yield RawRow(place, None, "it has no uri")
            continue
        values: dict[str, Any] = dict.fromkeys(COLUMNS) | {name: text.strip() for name, text in parts.items()}
        values |= {"request": _request(parts), "class": parts.get("type", "").strip(), "id": sample.get("id")}
        yield RawRow(place, values)


def _request(parts: dict[str, str]) -> bytes:
    uri, query = parts["uri"].strip(), parts.get("query", "").strip()
    return http_parts.request(
        parts.get("method", "").strip().encode(),
        (f"{uri}?{query}" if query else uri).encode(),
        http_parts.headers(parts.get("headers", "")),
        parts.get("body", "").encode(),
        parts.get("protocol", "").strip().encode(),
    )
