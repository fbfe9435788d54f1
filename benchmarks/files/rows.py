"""A row of a source before its values are converted, and the limits that every format has in common."""

from dataclasses import dataclass
from typing import Any

from .field_types import MAX_PAYLOAD_BYTES

# Bytes of a line, or of a row of a text table: a payload may be written in JSON escapes, six characters per byte.
MAX_LINE_BYTES = 8 * MAX_PAYLOAD_BYTES


@dataclass(frozen=True)
class RawRow:
    """One row before its values are converted.

    Attributes:
        place: its location in the source, in words, such as ``line 3``.
        values: value by column; None if the row cannot be read.
        problem: why it cannot be read.
    """

    place: str
    values: dict[str, Any] | None
    problem: str = ""
