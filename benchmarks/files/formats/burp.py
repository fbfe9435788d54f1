"""Reads the XML that Burp Suite writes for "Save items": a request per item, in base64 or as text."""

import base64
import binascii
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING, Any

from harness import sources

from .. import http_parts
from ..data_file import DataFile
from ..rows import RawRow
from .xml_items import items, local_name

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

DEFAULTS = {"payload": "request"}
COLUMNS = (
    *("request", "comment", "host", "ip", "url", "path", "method", "status", "time", "port", "protocol", "extension"),
    *("mimetype", "responselength", "response", "highlight"),
)
_MESSAGES = ("request", "response")


def read(file: DataFile, columns: Collection[str], tally: sources.SourceTally) -> Iterator[RawRow]:
    """Yields a row per item: a column for each of its elements, ``ip`` of the host, the messages as bytes.

    XML has no CR, so the head of a request that is not in base64 gets its CR LF back.
    """
    for number, item in enumerate(items(file, "item"), start=1):
        values: dict[str, Any] = dict.fromkeys(COLUMNS)
        problem = ""
        for element in item:
            name, text = local_name(element), element.text
            if name == "host":
                values["ip"] = element.get("ip")
            if name in _MESSAGES:
                try:
                    values[name] = _message(element)
                except binascii.Error as error:
                    problem = f"its {name} is not base64 ({error})" if name in columns else problem
            else:
                values[name] = text
        yield RawRow(f"item {number}", None if problem else values, problem)


def _message(element: "Element") -> bytes | None:
    if not element.text:
        return None
    if element.get("base64") == "true":
        return base64.b64decode("".join(element.text.split()), validate=True)
    return http_parts.with_crlf(element.text.encode())
