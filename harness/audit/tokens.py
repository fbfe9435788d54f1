"""Runs of text in payloads, and their hashes, over all bytes at once: no Python loop per payload or byte.

A word is a run of letters, digits, underscores and bytes above 127; what stands between words is a run of
delimiters; a line's end parts everything. A piece of text is a word or a run of delimiters of at least two bytes, or
two or three neighbouring words of a line with what stands between them.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.data.payloads import Payloads

LONGEST = 64  # bytes of a piece; longer ones (encoded blobs) are no cue that anyone could read
_END, _DELIMITER, _WORD = 0, 1, 2
_KIND = np.full(256, _DELIMITER, dtype=np.uint8)
_KIND[[*range(48, 58), *range(65, 91), *range(97, 123), *b"_", *range(128, 256)]] = _WORD
_KIND[[*b"\r\n"]] = _END
_SPACE = np.isin(np.arange(256), [*b" \t"])
_FOLD = np.arange(256, dtype=np.uint8)
_FOLD[65:91] += 32  # ASCII upper case counts as lower case
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 2**64)
Bounds = npt.NDArray[np.int64]


class Pieces(NamedTuple):
    """Where pieces of text lie: int64 (m,) first byte, byte after the last, and payload of each."""

    start: Bounds
    end: Bounds
    row: Bounds


def pieces(payloads: Payloads) -> Pieces:
    """Returns every piece of text of the payloads, repeats included."""
    start, end, kind, row, line = _runs(payloads)
    width = end - start
    blank = np.concatenate([[0], np.cumsum(~_SPACE[payloads.data])])
    kept = (width > 1) & (kind != _END) & (blank[end] > blank[start])
    found = [Pieces(start[kept], end[kept], row[kept])]
    for further in (2, 4):  # words and delimiters take turns within a line
        first = np.flatnonzero((kind[:-further] == _WORD) & (line[further:] == line[:-further]))
        last = first + further
        inside = kind[last] == _WORD
        found.append(Pieces(start[first[inside]], end[last[inside]], row[first[inside]]))
    whole = Pieces(*(np.concatenate(part) for part in zip(*found, strict=True)))
    short = whole.end - whole.start <= LONGEST
    return Pieces(*(part[short] for part in whole))


def _runs(payloads: Payloads) -> tuple[Bounds, Bounds, npt.NDArray[np.uint8], Bounds, Bounds]:
    """Splits payloads into runs of one kind: start, end, kind, payload, and a number that is the same along a line."""
    kinds = _KIND[payloads.data]
    begins = np.zeros(len(kinds) + 1, dtype=bool)
    begins[1:-1] = kinds[1:] != kinds[:-1]
    begins[payloads.offsets] = True
    begins[-1] = False
    start = np.flatnonzero(begins)
    end = np.append(start[1:], len(kinds))
    row = np.searchsorted(payloads.offsets, start, side="right") - 1
    parted = kinds[start] == _END
    parted[1:] |= row[1:] != row[:-1]
    return start, end, kinds[start], row, np.cumsum(parted)


def hashes(data: npt.NDArray[np.uint8], start: Bounds, end: Bounds) -> npt.NDArray[np.uint64]:
    """Returns a 64-bit hash of each ``data[start:end]``, upper case read as lower, from one pass over the bytes.

    It is the polynomial of the bytes modulo 2**64 (Karp and Rabin 1987), as a difference of prefix sums, then mixed.
    """
    with np.errstate(over="ignore"):
        powers = _powers(_BASE, len(data))
        prefix = np.zeros(len(data) + 1, dtype=np.uint64)
        np.cumsum((_FOLD[data].astype(np.uint64) + np.uint64(1)) * powers, out=prefix[1:])
        out = (prefix[end] - prefix[start]) * _powers(_INVERSE, len(data) + 1)[start]
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):  # splitmix64
            out = (out ^ (out >> np.uint64(shift))) * np.uint64(factor)
        return np.asarray(out ^ (out >> np.uint64(31)), dtype=np.uint64)


def _powers(base: int, count: int) -> npt.NDArray[np.uint64]:
    factors = np.full(max(count, 1), base, dtype=np.uint64)
    factors[0] = 1
    return np.cumprod(factors, dtype=np.uint64)
