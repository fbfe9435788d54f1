"""Splits payloads into pieces of text and hashes them, vectorised over all bytes: no Python loop per payload or byte.

A word is a run of letters, digits, underscores and bytes above 127. The bytes between two words are a run of
delimiters. A piece of text is a word or a run of delimiters of at least two bytes, or two or three consecutive words
of one line with the delimiters between them. No piece extends beyond a line.
"""

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.data.payloads import Payloads

MAX_PIECE = 64  # bytes; a longer piece (an encoded blob) is not a cue that a reader could interpret
_LINE_END, _DELIMITER, _WORD = 0, 1, 2
_KIND = np.full(256, _DELIMITER, dtype=np.uint8)
_KIND[[*range(48, 58), *range(65, 91), *range(97, 123), *b"_", *range(128, 256)]] = _WORD
_KIND[[*b"\r\n"]] = _LINE_END
_SPACE = np.isin(np.arange(256), [*b" \t"])
_LOWER_CASE = np.arange(256, dtype=np.uint8)
_LOWER_CASE[65:91] += 32  # A-Z
_BASE = 0x9E3779B97F4A7C15
_INVERSE = pow(_BASE, -1, 2**64)  # exists since the base is odd
Bounds = npt.NDArray[np.int64]


class Pieces(NamedTuple):
    """Positions of m pieces of text: first byte, byte after the last one, and index of the payload, int64 (m,) each."""

    start: Bounds
    end: Bounds
    row: Bounds


def pieces(payloads: Payloads) -> Pieces:
    """Returns every piece of text in the payloads, including repeated ones."""
    start, end, kind, row, line = _runs(payloads)
    width = end - start
    non_spaces = np.concatenate([[0], np.cumsum(~_SPACE[payloads.data])])  # before each byte
    single = (width > 1) & (kind != _LINE_END) & (non_spaces[end] > non_spaces[start])
    groups = [Pieces(start[single], end[single], row[single])]
    for distance in (2, 4):  # words and delimiters alternate within a line: the next word, and the one after it
        first = np.flatnonzero((kind[:-distance] == _WORD) & (line[distance:] == line[:-distance]))
        last = first + distance
        words = kind[last] == _WORD
        groups.append(Pieces(start[first[words]], end[last[words]], row[first[words]]))
    every = Pieces(*(np.concatenate(arrays) for arrays in zip(*groups, strict=True)))
    short = every.end - every.start <= MAX_PIECE
    return Pieces(*(array[short] for array in every))


def _runs(payloads: Payloads) -> tuple[Bounds, Bounds, npt.NDArray[np.uint8], Bounds, Bounds]:
    """Splits payloads into runs of one kind; returns their starts, ends, kinds, payload indices and line numbers."""
    kinds = _KIND[payloads.data]
    begins = np.zeros(len(kinds) + 1, dtype=bool)
    begins[1:-1] = kinds[1:] != kinds[:-1]
    begins[payloads.offsets] = True
    begins[-1] = False
    start = np.flatnonzero(begins)
    end = np.append(start[1:], len(kinds))
    row = np.searchsorted(payloads.offsets, start, side="right") - 1
    new_line = kinds[start] == _LINE_END
    new_line[1:] |= row[1:] != row[:-1]
    return start, end, kinds[start], row, np.cumsum(new_line)


def hashes(data: npt.NDArray[np.uint8], start: Bounds, end: Bounds) -> npt.NDArray[np.uint64]:
    """Returns a 64-bit hash of each ``data[start:end]``, ignoring ASCII case, in one pass over the bytes.

    The hash is a polynomial of the bytes modulo 2**64 (Karp and Rabin 1987), computed as a difference of prefix sums
    and then mixed.
    """
    with np.errstate(over="ignore"):
        powers = _powers(_BASE, len(data))
        prefix = np.zeros(len(data) + 1, dtype=np.uint64)
        np.cumsum((_LOWER_CASE[data].astype(np.uint64) + np.uint64(1)) * powers, out=prefix[1:])
        # Dividing by the power at the start makes the hash independent of the position.
        out = (prefix[end] - prefix[start]) * _powers(_INVERSE, len(data) + 1)[start]
        for shift, factor in ((30, 0xBF58476D1CE4E5B9), (27, 0x94D049BB133111EB)):  # splitmix64
            out = (out ^ (out >> np.uint64(shift))) * np.uint64(factor)
        return np.asarray(out ^ (out >> np.uint64(31)), dtype=np.uint64)


def _powers(base: int, count: int) -> npt.NDArray[np.uint64]:
    factors = np.full(max(count, 1), base, dtype=np.uint64)
    factors[0] = 1
    return np.cumprod(factors, dtype=np.uint64)
