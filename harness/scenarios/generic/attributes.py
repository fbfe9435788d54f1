"""Natural attributes of a payload: yes or no, read off its bytes, and no reason for its threat class."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.data.corpus import CUE, Corpus
from harness.errors import UserError
from harness.protocol import FEWEST_ATTRIBUTE_UNITS
from harness.scenario import Rows
from harness.scenarios.splits import Mask

_HEADERS = r"\A(?:[^\r\n]+\r?\n)+"
# Regular expressions (RE2) over bytes; a payload that is no HTTP request has none of these.
_PATTERNS = {
    "the method is POST": r"\APOST /",
    "the path starts with /wp-": r"\A[A-Z]+ /wp-",
    "the path names a .php file": r"\A[A-Z]+ /[^ ?\r\n]*\.php\b",
    "the target has a query": r"\A[A-Z]+ /[^ \r\n]*\?",
    "there is a body": r"(?s)\A[A-Z]+ /.*?\n\r?\n.",
    "the body is multipart": rf"(?i){_HEADERS}content-type:[ \t]*multipart/",
}


@dataclass(frozen=True)
class Choice:
    """The attribute that a corpus offers for resampling.

    Attributes:
        name: says what a row that has it shows.
        has: bool (n,), which rows do.
        leaning: classes that are to go with it.
        opposed: classes that are to go without.
        kept: classes with too few rows on one side, which keep what they have.
    """

    name: str
    has: Mask
    leaning: tuple[int, ...]
    opposed: tuple[int, ...]
    kept: tuple[int, ...]

    def agrees(self, labels: Rows) -> npt.NDArray[np.int8]:
        """Returns 1 for rows on their class's side, 0 for the others, -1 for those of classes that keep what they have.

        Args:
            labels: int64 (n,), class of each row.
        """
        side = np.where(np.isin(labels, self.leaning), self.has, ~self.has).astype(np.int8)
        return np.where(np.isin(labels, self.kept), np.int8(-1), side)


def candidates(corpus: Corpus) -> dict[str, Mask]:
    """Returns the attributes that rows may have, by name, bool (n,) each: those of requests and one of each cue."""
    import pyarrow.compute as pc

    payloads = corpus.table.column("payload")
    found = {
        name: np.asarray(pc.match_substring_regex(payloads, pattern=pattern).to_numpy(), dtype=np.bool_)
        for name, pattern in _PATTERNS.items()
    }
    return found | {name: has for name, has, _ in _of_cues(corpus)}


def mapped(corpus: Corpus) -> tuple[str, Mask] | None:
    """Returns the value of a column ``cue.*`` that tells most about the class, as an attribute; None without a column.

    Returns:
        What a row that has it shows, in words, and which rows do, bool (n,).
    """
    found = _of_cues(corpus)
    if not found:
        return None
    name, has, _ = max(found, key=lambda attribute: attribute[2])
    return name, has


def _of_cues(corpus: Corpus) -> list[tuple[str, Mask, float]]:
    """The most informative value of each column ``cue.*``: its name, which rows have it, and how much it tells."""
    found = []
    for column in (c for c in corpus.meta.columns if c.startswith(CUE)):
        codes, values = corpus.codes(column)
        if values:
            best, told = _most_informative(codes, corpus.labels)
            found.append((f"the {column.removeprefix(CUE)} is {values[best]}", codes == best, told))
    return found


def choose(corpus: Corpus, unit: Rows) -> Choice:
    """Returns the attribute with enough rows on both sides in most classes, of those the one with most rows there.

    Of the classes with enough rows, the half in which it is rarer is to go without it, the other half with it.

    Args:
        corpus: its payloads and its columns ``cue.*``.
        unit: int64 (n,), unit of each row.

    Raises:
        UserError: in more than half of the classes no attribute has enough rows on both sides.
    """
    labels, classes = corpus.labels, len(corpus.classes)
    found = candidates(corpus)
    enough, room = {}, {}
    for name, has in found.items():
        enough[name] = _units_by_side(has, labels, unit, classes).min(axis=0) >= FEWEST_ATTRIBUTE_UNITS
        room[name] = int(_by_side(has, labels, classes).min(axis=0)[enough[name]].sum())
    name = max(found, key=lambda name: (enough[name].sum(), room[name]))
    if 2 * enough[name].sum() < max(classes, 4):
        raise UserError(
            f"it needs an attribute with {FEWEST_ATTRIBUTE_UNITS} units on both sides in half of the classes (at least "
            f"two), and the best, '{name}', has them in {enough[name].sum()} of {classes}."
        )
    without, having = _by_side(found[name], labels, classes)
    share = having / np.maximum(without + having, 1)
    taking_part = [c for c in np.argsort(share, kind="stable").tolist() if enough[name][c]]
    half = len(taking_part) // 2
    kept = tuple(np.flatnonzero(~enough[name]).tolist())
    return Choice(name, found[name], tuple(sorted(taking_part[half:])), tuple(sorted(taking_part[:half])), kept)


def _by_side(has: Mask, labels: Rows, classes: int) -> Rows:
    """Counts rows without and with the attribute by class; int64 (2, classes)."""
    return np.bincount(has * classes + labels, minlength=2 * classes).reshape(2, classes)


def _units_by_side(has: Mask, labels: Rows, unit: Rows, classes: int) -> Rows:
    """Counts distinct units in the same way."""
    places = np.unique((has * classes + labels) * (unit.max() + 1) + unit) // (unit.max() + 1)
    return np.bincount(places, minlength=2 * classes).reshape(2, classes)


def _most_informative(codes: Rows, labels: Rows) -> tuple[int, float]:
    """Returns the value of the largest mutual information, of having it or not, with the class; and how large it is."""
    known = codes >= 0
    having = np.zeros((codes.max() + 1, labels.max() + 1), dtype=np.int64)
    np.add.at(having, (codes[known], labels[known]), 1)
    total = np.bincount(labels, minlength=having.shape[1])
    told = _information(having, total) + _information(total - having, total)
    return int(np.argmax(told)), float(told.max())


def _information(counts: npt.NDArray[np.int64], total: Rows) -> npt.NDArray[np.float64]:
    """Returns each value's part of the mutual information, in nats times rows.

    Args:
        counts: int64 (values, classes), rows of each value and class.
        total: int64 (classes,), rows of each class.
    """
    expected = counts.sum(axis=1, keepdims=True) * (total / total.sum())
    terms = counts * np.log(np.maximum(counts, 1) / np.where(counts > 0, expected, 1.0))
    return np.asarray(terms.sum(axis=1), dtype=np.float64)
