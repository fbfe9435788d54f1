"""Extension of a piece of text to the longest text around it that most payloads share."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.auditing.incidence import CueData
from harness.auditing.text import readable
from harness.auditing.tokens import MAX_PIECE
from harness.scenario import Rows

if TYPE_CHECKING:
    from scipy.sparse import csc_array

AGREEMENT = 0.9  # share of the payloads with a piece that must continue with the same byte
MAX_TEXTS = 400  # payloads that are read to extend one piece, evenly spaced among those that have it
_BOUNDARY = frozenset(b" \t\r\n")


def extend(piece: bytes, texts: Sequence[bytes]) -> bytes:
    """Returns the longest text around a piece that at least 90 % of the texts with the piece share.

    The piece is extended byte by byte, to the right and then to the left, up to white space or a length of 64 bytes.
    Case is ignored; the result is in the case of the first text that has it.

    Args:
        piece: the text to extend, in any case.
        texts: readable payloads; those without the piece are ignored.
    """
    needle = piece.lower()
    positions = [(text, text.lower().find(needle)) for text in texts]
    matches = [(text, at, at + len(piece)) for text, at in positions if at >= 0]
    needed = AGREEMENT * len(matches)
    for step in (1, -1):
        while matches and matches[0][2] - matches[0][1] < MAX_PIECE:
            next_bytes = [_next_byte(text, start, end, step) for text, start, end in matches]
            byte, count = Counter(next_bytes).most_common(1)[0]
            if count < needed or byte in _BOUNDARY or byte < 0:
                break
            matches = [
                (text, start - (step < 0), end + (step > 0))
                for (text, start, end), next_byte in zip(matches, next_bytes, strict=True)
                if next_byte == byte
            ]
    text, start, end = matches[0] if matches else (piece, 0, len(piece))
    return text[start:end]


def _next_byte(text: bytes, start: int, end: int, step: int) -> int:
    """Returns the byte after (or before) a range of text, in lower case; -1 at the end (or start) of the text."""
    at = end if step > 0 else start - 1
    return text[at : at + 1].lower()[0] if 0 <= at < len(text) else -1


def texts_of(data: CueData, rows: Rows) -> list[bytes]:
    """Returns the readable payloads of at most `MAX_TEXTS` rows, evenly spaced."""
    sample = rows[np.unique(np.linspace(0, len(rows) - 1, MAX_TEXTS).astype(np.int64))] if len(rows) else rows
    return [readable(payload) for payload in data.payloads.take(sample)]


def text_incidence(data: CueData, texts: Sequence[bytes]) -> "csc_array":
    """Returns which observations contain which texts, ignoring case; int32 (m, texts) of zeros and ones."""
    from scipy.sparse import csc_array

    needles = [text.lower() for text in texts]
    cells: set[tuple[int, int]] = set()
    for rows in data.blocks():
        owners = data.observation[rows].tolist()
        for owner, payload in zip(owners, data.payloads.take(rows), strict=True):
            payload_text = readable(payload).lower()
            cells.update((owner, column) for column, needle in enumerate(needles) if needle in payload_text)
    ordered = np.array(sorted(cells), dtype=np.int64).reshape(-1, 2)
    entries = (np.ones(len(ordered), dtype=np.int32), (ordered[:, 0], ordered[:, 1]))
    return csc_array(entries, shape=(len(data.labels), len(needles)))
