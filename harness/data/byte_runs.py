"""Runs, ranges and windows of bytes in one large array: the steps that vectorised readers of payloads share."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

Bytes = npt.NDArray[np.uint8]
Indices = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]


def runs(mask: Mask) -> tuple[Indices, Indices]:
    """Returns the starts and ends of the runs of True, int64 (runs,) each."""
    edges = np.flatnonzero(mask[1:] != mask[:-1]) + 1
    first = [0] if len(mask) and mask[0] else []
    last = [len(mask)] if len(mask) and mask[-1] else []
    if first or last:
        edges = np.concatenate([np.array(first, dtype=np.int64), edges, np.array(last, dtype=np.int64)])
    return edges[::2], edges[1::2]


def expand(starts: Indices, lengths: Indices) -> tuple[Indices, Indices]:
    """Returns all integers of the ranges ``starts[i]`` to ``starts[i] + lengths[i]``, and the range of each.

    Returns:
        The integers and the indices of their ranges, int64 (sum of lengths,) each.
    """
    owner = np.repeat(np.arange(len(starts)), lengths)
    firsts = np.cumsum(lengths) - lengths
    return np.arange(len(owner)) + (starts - firsts)[owner], owner


def following(positions: Indices, at: Indices, end: int) -> Indices:
    """For each of ``at``, returns the first of the ascending positions that is not before it, ``end`` if none is."""
    return np.append(positions, end)[np.searchsorted(positions, at)]


def windows(data: Bytes, starts: Indices, width: int) -> Bytes:
    """Returns the ``width`` bytes from each start, uint8 (starts, width), zero outside of the data."""
    if len(data) < width:
        data = np.append(data, np.zeros(width, dtype=np.uint8))
    last = len(data) - width
    at = np.clip(starts, 0, last)
    # Overlapping rows of the data itself, of which indexing copies whole rows.
    out: Bytes = np.lib.stride_tricks.as_strided(data, (last + 1, width), (1, 1), writeable=False)[at]
    outside = np.flatnonzero(at != starts)
    if len(outside):
        index = starts[outside, None] + np.arange(width)
        inside = (index >= 0) & (index < len(data))
        out[outside] = np.where(inside, data[np.where(inside, index, 0)], np.uint8(0))
    return out


def lower(data: Bytes) -> Bytes:
    """Returns the bytes with ASCII letters in lower case."""
    return data | ((data - np.uint8(65) < 26).view(np.uint8) << np.uint8(5))


class NameTable:
    """Looks short names up in a fixed list, all at once.

    Args:
        names: distinct names of at most `WIDTH` bytes.
    """

    WIDTH = 32

    def __init__(self, names: Sequence[bytes]) -> None:
        table = np.zeros((len(names), self.WIDTH), dtype=np.uint8)
        for row, name in zip(table, names, strict=True):
            row[: len(name)] = np.frombuffer(name, dtype=np.uint8)
        lengths = np.fromiter(map(len, names), dtype=np.int64, count=len(names))
        keys = _mixed(table, lengths)
        self._order = np.argsort(keys)
        self._keys, self._table, self._lengths = keys[self._order], table[self._order], lengths[self._order]

    def find(self, texts: Bytes, lengths: Indices) -> Indices:
        """Returns the index of each text in the list, int64 (m,), -1 if it is not there.

        Args:
            texts: uint8 (m, `WIDTH`); bytes after a text's end are ignored.
            lengths: int64 (m,), of the texts; longer ones than `WIDTH` are not in the list.
        """
        texts = np.where(np.arange(self.WIDTH) < lengths[:, None], texts, np.uint8(0))
        at = np.minimum(np.searchsorted(self._keys, _mixed(texts, lengths)), len(self._keys) - 1)
        equal = (self._lengths[at] == lengths) & (self._table[at] == texts).all(axis=1)
        return np.where(equal, self._order[at], -1)


def _mixed(texts: Bytes, lengths: Indices) -> npt.NDArray[np.uint64]:
    # Multiplying by odd constants spreads the words over 64 bits (Knuth, The Art of Computer Programming 6.4).
    words = np.ascontiguousarray(texts).view("<u8")
    key = lengths.astype(np.uint64)
    for column in words.T:
        key = (key ^ column) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    return key
