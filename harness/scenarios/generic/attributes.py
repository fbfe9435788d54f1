"""Natural attributes of a payload: binary, read from its bytes, and not a cause of its threat class."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.data.corpus import CUE, Corpus
from harness.errors import UserError
from harness.protocol import FEWEST_ATTRIBUTE_UNITS
from harness.scenario import Rows
from harness.scenarios.splits import Mask

_HEADERS = r"\A(?:[^\r\n]+\r?\n)+"
# Regular expressions (RE2) over bytes; a payload that is not an HTTP request matches none of them.
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
    """The attribute that is made to correlate with the class by resampling.

    Attributes:
        name: describes a row that has the attribute.
        has: bool (n,), which rows have it.
        leaning: classes to be drawn mostly with the attribute.
        opposed: classes to be drawn mostly without it.
        unchanged: classes with too few rows on one side, which are not resampled.
    """

    name: str
    has: Mask
    leaning: tuple[int, ...]
    opposed: tuple[int, ...]
    unchanged: tuple[int, ...]

    def agrees(self, labels: Rows) -> npt.NDArray[np.int8]:
        """Returns for each row whether it agrees with its class: 1 yes, 0 no, -1 for classes that are not resampled.

        Args:
            labels: int64 (n,), class of each row.
        """
        side = np.where(np.isin(labels, self.leaning), self.has, ~self.has).astype(np.int8)
        return np.where(np.isin(labels, self.unchanged), np.int8(-1), side)


def candidates(corpus: Corpus) -> dict[str, Mask]:
    """Returns all attributes of a corpus by name, bool (n,) each: those of requests, and one value of each cue."""
    import pyarrow.compute as pc

    payloads = corpus.table.column("payload")
    attributes = {
        name: np.asarray(pc.match_substring_regex(payloads, pattern=pattern).to_numpy(), dtype=np.bool_)
        for name, pattern in _PATTERNS.items()
    }
    return attributes | {name: has for name, has, _ in _of_cues(corpus)}


def most_informative_cue(corpus: Corpus) -> tuple[str, Mask] | None:
    """Returns the cue value with the largest mutual information with the class, of all columns ``cue.*``.

    Returns:
        A description of the rows that have the value, and which rows do, bool (n,); None without such a column.
    """
    attributes = _of_cues(corpus)
    if not attributes:
        return None
    name, has, _ = max(attributes, key=lambda attribute: attribute[2])
    return name, has


def _of_cues(corpus: Corpus) -> list[tuple[str, Mask, float]]:
    """Returns the most informative value of each column ``cue.*``: description, rows that have it, information."""
    attributes = []
    for column in (c for c in corpus.meta.columns if c.startswith(CUE)):
        codes, values = corpus.codes(column)
        if values:
            best, information = _most_informative(codes, corpus.labels)
            attributes.append((f"the {column.removeprefix(CUE)} is {values[best]}", codes == best, information))
    return attributes


def choose(corpus: Corpus, unit: Rows) -> Choice:
    """Returns the attribute that can be resampled in the most classes; of several, the one with the most rows.

    A class can be resampled if it has enough units with and without the attribute. The half of these classes in which
    the attribute is rarer will be drawn mostly without it, the other half mostly with it: this needs the fewest rows
    to be left out.

    Args:
        corpus: corpus with payloads and, if any, columns ``cue.*``.
        unit: int64 (n,), unit of each row.

    Raises:
        UserError: every attribute lacks units on one side in more than half of the classes.
    """
    labels, classes = corpus.labels, len(corpus.classes)
    attributes = candidates(corpus)
    enough, room = {}, {}
    for name, has in attributes.items():
        enough[name] = _units_by_side(has, labels, unit, classes).min(axis=0) >= FEWEST_ATTRIBUTE_UNITS
        room[name] = int(_by_side(has, labels, classes).min(axis=0)[enough[name]].sum())
    name = max(attributes, key=lambda name: (enough[name].sum(), room[name]))
    if 2 * enough[name].sum() < max(classes, 4):
        raise UserError(
            f"it needs an attribute with {FEWEST_ATTRIBUTE_UNITS} units with and without it in half of the classes (at "
            f"least two); the best, '{name}', has them in {enough[name].sum()} of {classes}."
        )
    without, having = _by_side(attributes[name], labels, classes)
    share = having / np.maximum(without + having, 1)
    by_share = [c for c in np.argsort(share, kind="stable").tolist() if enough[name][c]]
    half = len(by_share) // 2
    others = tuple(np.flatnonzero(~enough[name]).tolist())
    return Choice(name, attributes[name], tuple(sorted(by_share[half:])), tuple(sorted(by_share[:half])), others)


def _by_side(has: Mask, labels: Rows, classes: int) -> Rows:
    """Counts the rows of each class without and with the attribute; int64 (2, classes)."""
    return np.bincount(has * classes + labels, minlength=2 * classes).reshape(2, classes)


def _units_by_side(has: Mask, labels: Rows, unit: Rows, classes: int) -> Rows:
    """Counts the units of each class without and with the attribute; int64 (2, classes)."""
    # One integer per (side, class, unit): unique integers are distinct units of a side and class.
    places = np.unique((has * classes + labels) * (unit.max() + 1) + unit) // (unit.max() + 1)
    return np.bincount(places, minlength=2 * classes).reshape(2, classes)


def _most_informative(codes: Rows, labels: Rows) -> tuple[int, float]:
    """Returns the value whose presence has the largest mutual information with the class, and that information."""
    present = codes >= 0
    having = np.zeros((codes.max() + 1, labels.max() + 1), dtype=np.int64)
    np.add.at(having, (codes[present], labels[present]), 1)
    total = np.bincount(labels, minlength=having.shape[1])
    information = _information(having, total) + _information(total - having, total)
    return int(np.argmax(information)), float(information.max())


def _information(counts: npt.NDArray[np.int64], total: Rows) -> npt.NDArray[np.float64]:
    """Returns the summands of the mutual information that one side of each value contributes, in nats times rows.

    Args:
        counts: int64 (values, classes), rows of each value and class.
        total: int64 (classes,), rows of each class.
    """
    expected = counts.sum(axis=1, keepdims=True) * (total / total.sum())
    # 0 log 0 counts as 0: the logarithm is taken of 1 where a count is 0.
    terms = counts * np.log(np.maximum(counts, 1) / np.where(counts > 0, expected, 1.0))
    return np.asarray(terms.sum(axis=1), dtype=np.float64)
