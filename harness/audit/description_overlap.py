"""What payloads share with their own descriptions, letter by letter: text that leaks from one into the other."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.audit.text import decoded
from harness.data.corpus import Corpus
from harness.scenario import Rows

RUN = 8  # bytes that must be shared in one piece
COMMONEST = 5  # runs that are named per class
_BATCH = 4096  # rows read at a time


@dataclass(frozen=True)
class Overlap:
    """The overlap of one class.

    Attributes:
        described: rows of the class that have a description.
        rows: of them, rows whose decoded payload shares eight bytes in a row with it, upper case read as lower.
        runs: the commonest shared runs, each as long as it is shared, and the rows that share them.
    """

    threat_class: str
    described: int
    rows: int
    runs: tuple[tuple[bytes, int], ...]


def overlaps(corpus: Corpus, places: Rows) -> list[Overlap]:
    """Compares every payload with its description.

    Args:
        corpus: its payloads as stored, and its descriptions.
        places: int64 (n,), place of each row's description in the table, -1 where it has none.
    """
    described, hits = np.zeros(len(corpus.classes), np.int64), np.zeros(len(corpus.classes), np.int64)
    runs = [Counter[bytes]() for _ in corpus.classes]
    for row, shared in _shared(corpus, places):
        label = corpus.labels[row]
        described[label] += 1
        hits[label] += bool(shared)
        runs[label].update(shared)
    return [
        Overlap(name, int(described[k]), int(hits[k]), tuple(sorted(runs[k].items(), key=_rank)[:COMMONEST]))
        for k, name in enumerate(corpus.classes)
    ]


def _rank(item: tuple[bytes, int]) -> tuple[int, int, bytes]:
    run, rows = item
    return -rows, -len(run), run


def _shared(corpus: Corpus, places: Rows) -> Iterator[tuple[int, set[bytes]]]:
    """Yields every described row with the runs that it shares with its description."""
    texts = corpus.descriptions.column("text").to_pylist()
    known: dict[int, npt.NDArray[np.uint64]] = {}
    rows = np.flatnonzero(places >= 0)
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        for row, payload in zip(batch.tolist(), corpus.payloads(batch), strict=True):
            place = int(places[row])
            if place not in known:
                known[place] = np.unique(_codes(texts[place].lower().encode()))
            folded = decoded(payload).lower()
            yield row, _runs(folded, np.isin(_codes(folded), known[place]))


def _codes(text: bytes) -> npt.NDArray[np.uint64]:
    """Every eight bytes in a row as one number, uint64 (len - 7,)."""
    if len(text) < RUN:
        return np.zeros(0, np.uint64)
    return np.lib.stride_tricks.sliding_window_view(np.frombuffer(text, np.uint8), RUN).copy().view(np.uint64)[:, 0]


def _runs(text: bytes, hit: npt.NDArray[np.bool_]) -> set[bytes]:
    """The longest stretches of text whose every eight bytes are hits."""
    edges = np.flatnonzero(np.diff(hit, prepend=False, append=False)).tolist()
    return {text[start : end + RUN - 1] for start, end in zip(edges[::2], edges[1::2], strict=True)}
