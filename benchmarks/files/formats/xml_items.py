"""Reads the items of an XML file one at a time, without entities, and within limits of size and depth."""

from collections.abc import Iterator
from typing import IO, TYPE_CHECKING

from harness import UserError, sources

from ..data_file import DataFile
from ..rows import MAX_LINE_BYTES

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_BLOCK_BYTES = 2**16
_MAX_DEPTH = 32  # of an element; exports of requests have four levels


def items(file: DataFile, tag: str) -> "Iterator[Element]":
    """Yields the elements with a tag, whatever its namespace.

    Raises:
        UserError: the file is not XML, has entities of its own, or exceeds a limit.
    """
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import iterparse

    with file.open() as stream:
        limited = _Limited(file.title, stream)
        path: list[Element] = []
        try:
            for event, element in iterparse(limited, events=("start", "end")):
                if event == "start":
                    if len(path) == _MAX_DEPTH:
                        raise UserError(f"{file.title}: its elements are nested in more than {_MAX_DEPTH} levels.")
                    path.append(element)
                    continue
                path.pop()
                if local_name(element) == tag:
                    yield element
                if len(path) == 1:  # forget what was read; the root would keep every item
                    path[0].clear()
                    limited.start_item()
        except DefusedXmlException as error:
            raise UserError(f"{file.title} declares entities, which are not read; export it without them.") from error
        except (ParseError, LookupError, ValueError) as error:  # the last two for encodings
            raise UserError(f"{file.title} is not XML, or truncated ({error}).") from error


def local_name(element: "Element") -> str:
    """Returns the tag of an element without its namespace."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


class _Limited:
    """A stream that ends with an error when an item is too long."""

    def __init__(self, title: str, stream: IO[bytes]) -> None:
        self._title, self._stream = title, stream
        self._size = 0

    def start_item(self) -> None:
        """Counts from here on."""
        self._size = 0

    def read(self, size: int) -> bytes:
        """Returns a block, more than asked for within a long item: expat begins a long token again at each block."""
        data = self._stream.read(max(_BLOCK_BYTES, self._size))
        self._size += len(data)
        if self._size > MAX_LINE_BYTES:
            raise UserError(f"{self._title}: an element is longer than {sources.in_words(MAX_LINE_BYTES)}.")
        return data
