"""Splits a payload into pieces of text: attack or carrier, shade by occlusion, escaped bytes."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from harness.safe_text import visible

MAX_BYTES = 1500  # of a payload, in the excerpt
_BEFORE_ATTACK = 200  # bytes of the excerpt before an attack that starts late in the payload
LEVELS = (0.02, 0.1, 0.3)  # drops of the probability from which a piece is shaded light, medium, dark


@dataclass(frozen=True)
class TextPiece:
    """Consecutive bytes with the same display style.

    Attributes:
        text: the bytes as text, in which ``escaped`` bytes are spelled out in hexadecimal or as an escape.
        escaped: whether the bytes do not print.
        attack: whether they are in the attack span.
        level: 0 to 3, how much the predicted class's probability drops without them.
        breaks: whether a line ends after them.
    """

    text: str
    escaped: bool
    attack: bool
    level: int
    breaks: bool


@dataclass(frozen=True)
class PayloadExcerpt:
    """Pieces of a payload, and the number of bytes before and after them that are omitted."""

    pieces: tuple[TextPiece, ...]
    before: int
    after: int


def excerpt(payload: bytes, span: Sequence[int] | None, drops: npt.NDArray[np.float64] | None = None) -> PayloadExcerpt:
    """Returns the part of a payload around its attack, in pieces of the same style.

    Args:
        payload: its bytes.
        span: byte offsets of the attack, start and end in turn; None if unknown.
        drops: float64 (len(payload),), drop of the probability at each byte; None if not computed.
    """
    marks = np.zeros(len(payload), np.int64)
    for start, end in zip((span or ())[::2], (span or ())[1::2], strict=True):
        marks[start:end] = 1
    levels = np.zeros(len(payload), np.int64) if drops is None else np.digitize(drops, LEVELS)
    first = int(marks.argmax()) if marks.any() else 0
    begin = max(0, first - _BEFORE_ATTACK) if first > MAX_BYTES - _BEFORE_ATTACK else 0
    end = min(len(payload), begin + MAX_BYTES)
    pieces: list[TextPiece] = []
    styles = zip(marks[begin:end].tolist(), levels[begin:end].tolist(), strict=True)
    for (attack, level), run in groupby(enumerate(styles, start=begin), key=lambda item: item[1]):
        indices = [index for index, _ in run]
        pieces += _pieces(payload[indices[0] : indices[-1] + 1], bool(attack), level)
    return PayloadExcerpt(tuple(pieces), begin, len(payload) - end)


def _pieces(data: bytes, attack: bool, level: int) -> list[TextPiece]:
    """Returns the pieces of bytes of one style; a piece ends at each line feed of the bytes."""
    lines = data.splitlines(keepends=True) if b"\n" in data else [data]
    return [
        TextPiece(text, escaped, attack, level, escaped and text.endswith("\\n"))
        for line in lines
        for text, escaped in visible(line)
    ]
