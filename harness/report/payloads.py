"""A payload as pieces of text: what is attack, what a prediction hangs on, what is spelled out."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import numpy.typing as npt

from harness.safe_text import visible

MOST = 1500  # bytes of a payload that are shown
_BEFORE = 200  # of them in front of an attack that lies further back
LEVELS = (0.02, 0.1, 0.3)  # falls of the probability from which a piece is shaded light, medium, dark


@dataclass(frozen=True)
class Piece:
    """A run of bytes that look alike.

    Attributes:
        text: the bytes, spelled out where ``spelled``.
        attack: whether they lie in the attack span.
        level: 0 to 3, how much the predicted class's probability falls without them.
        breaks: whether a line ends after them.
    """

    text: str
    spelled: bool
    attack: bool
    level: int
    breaks: bool


@dataclass(frozen=True)
class Shown:
    """A payload's pieces, and how many bytes before and after them are not shown."""

    pieces: tuple[Piece, ...]
    before: int
    after: int


def shown(payload: bytes, span: Sequence[int] | None, falls: npt.NDArray[np.float64] | None = None) -> Shown:
    """Returns a payload in pieces.

    Args:
        payload: its bytes.
        span: flat offsets of the attack; None where not known.
        falls: float64 (len(payload),), fall of the probability at each byte.
    """
    marks = np.zeros(len(payload), np.int64)
    for start, end in zip((span or ())[::2], (span or ())[1::2], strict=True):
        marks[start:end] = 1
    levels = np.zeros(len(payload), np.int64) if falls is None else np.digitize(falls, LEVELS)
    first = int(marks.argmax()) if marks.any() else 0
    begin = max(0, first - _BEFORE) if first > MOST - _BEFORE else 0
    end = min(len(payload), begin + MOST)
    pieces: list[Piece] = []
    looks = zip(marks[begin:end].tolist(), levels[begin:end].tolist(), strict=True)
    for (attack, level), places in groupby(enumerate(looks, start=begin), key=lambda item: item[1]):
        indices = [index for index, _ in places]
        pieces += _pieces(payload[indices[0] : indices[-1] + 1], bool(attack), level)
    return Shown(tuple(pieces), begin, len(payload) - end)


def _pieces(data: bytes, attack: bool, level: int) -> list[Piece]:
    """Lines end where they do in the bytes."""
    lines = data.splitlines(keepends=True) if b"\n" in data else [data]
    return [
        Piece(text, spelled, attack, level, spelled and text.endswith("\\n"))
        for line in lines
        for text, spelled in visible(line)
    ]
