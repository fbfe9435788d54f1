"""Overlap of payloads with their own descriptions: text that occurs in both, character by character."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.auditing.text import decoded
from harness.data.corpus import Corpus
from harness.scenario import Rows

RUN = 8  # minimum length of a shared run, in bytes
MOST_COMMON = 5  # runs that are listed per class
_BATCH = 4096  # rows read at a time


@dataclass(frozen=True)
class DescriptionOverlap:
    """The overlap of one class's payloads with their descriptions.

    Attributes:
        described: rows of the class that have a description.
        rows: of these, rows whose decoded payload shares at least eight consecutive bytes with it, ignoring case.
        runs: the most common shared runs, each of maximum length, with the number of rows that have them.
    """

    threat_class: str
    described: int
    rows: int
    runs: tuple[tuple[bytes, int], ...]


def description_overlaps(corpus: Corpus, text_of_row: Rows) -> list[DescriptionOverlap]:
    """Compares every payload with its description; returns the overlap of each class, in label order.

    Args:
        corpus: its payloads as stored, and its descriptions.
        text_of_row: int64 (n,), index of each row's description in the description table, -1 if it has none.
    """
    described, hits = np.zeros(len(corpus.classes), np.int64), np.zeros(len(corpus.classes), np.int64)
    runs = [Counter[bytes]() for _ in corpus.classes]
    for row, shared in _shared_runs(corpus, text_of_row):
        label = corpus.labels[row]
        described[label] += 1
        hits[label] += bool(shared)
        runs[label].update(shared)
    return [
        DescriptionOverlap(
            name, int(described[k]), int(hits[k]), tuple(sorted(runs[k].items(), key=_rank)[:MOST_COMMON])
        )
        for k, name in enumerate(corpus.classes)
    ]


def _rank(item: tuple[bytes, int]) -> tuple[int, int, bytes]:
    run, rows = item
    return -rows, -len(run), run


def _shared_runs(corpus: Corpus, text_of_row: Rows) -> Iterator[tuple[int, set[bytes]]]:
    """Yields every row that has a description, with the runs that it shares with it."""
    texts = corpus.descriptions.column("text").to_pylist()
    text_codes: dict[int, npt.NDArray[np.uint64]] = {}
    rows = np.flatnonzero(text_of_row >= 0)
    for start in range(0, len(rows), _BATCH):
        batch = rows[start : start + _BATCH]
        for row, payload in zip(batch.tolist(), corpus.payloads(batch), strict=True):
            index = int(text_of_row[row])
            if index not in text_codes:
                text_codes[index] = np.unique(_codes(texts[index].lower().encode()))
            payload_text = decoded(payload).lower()
            yield row, _runs(payload_text, np.isin(_codes(payload_text), text_codes[index]))


def _codes(text: bytes) -> npt.NDArray[np.uint64]:
    """Returns every eight consecutive bytes as one integer, uint64 (len - 7,)."""
    if len(text) < RUN:
        return np.zeros(0, np.uint64)
    return np.lib.stride_tricks.sliding_window_view(np.frombuffer(text, np.uint8), RUN).copy().view(np.uint64)[:, 0]


def _runs(text: bytes, hit: npt.NDArray[np.bool_]) -> set[bytes]:
    """Returns the maximal runs of text in which every eight consecutive bytes are hits."""
    edges = np.flatnonzero(np.diff(hit, prepend=False, append=False)).tolist()
    return {text[start : end + RUN - 1] for start, end in zip(edges[::2], edges[1::2], strict=True)}
