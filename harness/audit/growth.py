"""From a piece of text to the longest text that stands in its place, and who has that."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from harness.audit.incidence import Material
from harness.audit.text import readable
from harness.audit.tokens import LONGEST
from harness.scenario import Rows

if TYPE_CHECKING:
    from scipy.sparse import csc_array

ALIKE = 0.9  # share of the payloads with a piece that must go on alike for it to grow
MOST_READ = 400  # payloads that are read to grow one piece, spread evenly over those that have it
_STOP = frozenset(b" \t\r\n")


def grown(piece: bytes, texts: Sequence[bytes]) -> bytes:
    """Returns the longest text around a piece that at least 90 % of the texts with the piece share.

    It grows byte by byte, to the right and then to the left, up to white space and at most 64 bytes; upper and lower
    case count as equal, and it is spelled as in the first text that has it.

    Args:
        piece: what to grow, in any case.
        texts: readable payloads; those without the piece do not count.
    """
    wanted = piece.lower()
    places = [(text, text.lower().find(wanted)) for text in texts]
    kept = [(text, at, at + len(piece)) for text, at in places if at >= 0]
    needed = ALIKE * len(kept)
    for step in (1, -1):
        while kept and kept[0][2] - kept[0][1] < LONGEST:
            following = [_next(text, start, end, step) for text, start, end in kept]
            byte, count = Counter(following).most_common(1)[0]
            if count < needed or byte in _STOP or byte < 0:
                break
            kept = [
                (text, start - (step < 0), end + (step > 0))
                for (text, start, end), found in zip(kept, following, strict=True)
                if found == byte
            ]
    text, start, end = kept[0] if kept else (piece, 0, len(piece))
    return text[start:end]


def _next(text: bytes, start: int, end: int, step: int) -> int:
    """The byte after (or before) a stretch of text, upper case as lower; -1 beyond its edges."""
    at = end if step > 0 else start - 1
    return text[at : at + 1].lower()[0] if 0 <= at < len(text) else -1


def texts_of(material: Material, rows: Rows) -> list[bytes]:
    """Returns readable payloads of up to `MOST_READ` rows, evenly spread."""
    chosen = rows[np.unique(np.linspace(0, len(rows) - 1, MOST_READ).astype(np.int64))] if len(rows) else rows
    return [readable(payload) for payload in material.payloads.take(chosen)]


def who_has(material: Material, texts: Sequence[bytes]) -> "csc_array":
    """Returns which observations have which texts (in any case), int32 (m, texts) of zeros and ones."""
    from scipy.sparse import csc_array

    wanted = [text.lower() for text in texts]
    cells: set[tuple[int, int]] = set()
    for rows in material.blocks():
        owners = material.observation[rows].tolist()
        for owner, payload in zip(owners, material.payloads.take(rows), strict=True):
            whole = readable(payload).lower()
            cells.update((owner, column) for column, text in enumerate(wanted) if text in whole)
    ordered = np.array(sorted(cells), dtype=np.int64).reshape(-1, 2)
    entries = (np.ones(len(ordered), dtype=np.int32), (ordered[:, 0], ordered[:, 1]))
    return csc_array(entries, shape=(len(material.labels), len(wanted)))
