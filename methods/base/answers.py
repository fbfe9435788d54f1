"""Parses and validates the answers of a user's classifier, and maps its labels to the threat classes of the corpus.

A request is a JSON object with ``id`` and ``payload`` (base64, RFC 4648). An answer is a JSON object with the same
``id`` and either ``label`` or ``probabilities``. Answers are untrusted input.
"""

import base64
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import NO_OPINION, Context, TrainingData

MAX_ANSWER_BYTES = 1 << 16  # of one answer
SUM_TOLERANCE = 0.01  # the sum of an answer's probabilities may differ from 1 by this much


class AdapterError(Exception):
    """The user's classifier failed or gave an invalid answer; the message says what it did."""


class Labels:
    """Maps the labels of a classifier to columns of the probability table.

    Args:
        table: classifier label to threat class, or to `NO_OPINION`; a label that is missing here is taken as the name
            of a threat class.
        train: its class shares replace answers without an opinion.
        context: for its classes.
    """

    def __init__(self, table: Mapping[str, str], train: TrainingData, context: Context) -> None:
        self._table = table
        self._names = [threat_class.name for threat_class in context.classes]
        self._columns = {name: column for column, name in enumerate(self._names)}
        counts = np.bincount(train.labels, minlength=len(self._names))
        self._shares = (counts / counts.sum()).astype(np.float32)
        self._answers = self._opinions = 0

    @property
    def width(self) -> int:
        """Number of threat classes."""
        return len(self._names)

    @property
    def notes(self) -> tuple[str, ...]:
        """How many answers had no opinion and were replaced by the class shares of training; empty if none."""
        if self._opinions == self._answers:
            return ()
        silent = self._answers - self._opinions
        return (f"{silent} of {self._answers} answers held no opinion; the class shares of training stand for them",)

    def table(self, labels: Sequence[str], probabilities: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
        """Converts probabilities of the classifier's labels to probabilities of the threat classes.

        Args:
            labels: m labels of the classifier.
            probabilities: (n, m); every row sums to one.

        Returns:
            float32 (n, classes).

        Raises:
            AdapterError: a label maps to no threat class of the corpus.
        """
        out = np.zeros((len(probabilities), self.width), dtype=np.float32)
        silent = np.zeros(len(probabilities), dtype=np.float32)
        for label, column in zip(labels, probabilities.T, strict=True):
            name = self._table.get(label, label)
            if name == NO_OPINION:
                silent += column
            elif name in self._columns:
                out[:, self._columns[name]] += column
            else:
                raise AdapterError(self._unknown(label, name))
        self._answers += len(out)
        self._opinions += int((silent < 0.5).sum())
        # Probability without an opinion is spread by class share, so that it scores what `majority` scores.
        out += silent[:, None] * self._shares
        return out

    def row(self, answer: Mapping[str, float]) -> npt.NDArray[np.float32]:
        """Returns the probabilities of the threat classes for one answer, float32 (classes,); see `table`."""
        row: npt.NDArray[np.float32] = self.table(list(answer), np.array([list(answer.values())]))[0]
        return row

    def _unknown(self, label: str, name: str) -> str:
        subject = f"the label {excerpt(label)}" + ("" if name == label else f" (by --labels {name})")
        return (
            f"{subject} is not a class of this corpus; map it with --labels {label[:40]}=CLASS (classes: "
            f"{', '.join(self._names)}), or with {label[:40]}={NO_OPINION} if it expresses no opinion"
        )


def request(number: int, payload: bytes) -> bytes:
    """Returns the request for one payload as a JSON line without its line break."""
    return b'{"id": %d, "payload": "%s"}' % (number, base64.b64encode(payload))


def parse(line: bytes) -> dict[str, Any]:
    """Parses an answer as a JSON object.

    Raises:
        AdapterError: it is not JSON, or not an object.
    """
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise AdapterError(f"it answered {excerpt(line)}, which is not JSON") from error
    if not isinstance(answer, dict):
        raise AdapterError(f"it answered {excerpt(line)}, which is not a JSON object")
    return answer


def probabilities(answer: Mapping[str, Any]) -> Mapping[str, float]:
    """Returns an answer's probabilities by the classifier's own labels; they sum to one.

    Raises:
        AdapterError: the answer has neither a label nor probabilities, or its probabilities are invalid.
    """
    label, table = answer.get("label"), answer.get("probabilities")
    if isinstance(label, str) and table is None:
        return {label: 1.0}
    if label is not None or not isinstance(table, dict) or not table:
        raise AdapterError(f'it answered {excerpt(answer)}; a string "label" or an object "probabilities" is required')
    for name, value in table.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value <= 1 + SUM_TOLERANCE:  # rejects NaN, for which both comparisons are false
            raise AdapterError(
                f"it answered {excerpt(value)} as the probability of {excerpt(name)}; a number from 0 to 1 is required"
            )
    total = math.fsum(table.values())
    if abs(total - 1) > SUM_TOLERANCE:
        raise AdapterError(f"it answered probabilities that sum to {total:.4g}; they must sum to 1")
    return {name: value / total for name, value in table.items()}


def excerpt(value: object) -> str:
    """Returns the first 60 characters of an untrusted value, printable ASCII only, for an error message."""
    try:
        text = ascii(value.decode("latin-1") if isinstance(value, bytes) else value)
    except RecursionError:
        return f"a deeply nested {type(value).__name__}"
    return text if len(text) <= 60 else f"{text[:57]}…"


class Answers:
    """Collects the answers for one set of payloads, in any order, into a table of probabilities.

    Args:
        payloads: the payloads to classify.
        first: id of the first payload; the ids of several sets must not overlap.
        labels: maps the answers to threat classes.
    """

    def __init__(self, payloads: Sequence[bytes], first: int, labels: Labels) -> None:
        self.table = np.zeros((len(payloads), labels.width), dtype=np.float32)
        self._payloads, self._first, self._labels = payloads, first, labels
        self._open = dict.fromkeys(range(first, first + len(payloads)))

    @property
    def open(self) -> list[int]:
        """Ids without an answer yet, in order."""
        return list(self._open)

    def request(self, number: int) -> bytes:
        """Returns the request for an id."""
        return request(number, self._payloads[number - self._first])

    def take(self, lines: Iterable[bytes]) -> bool:
        """Adds answers to the table and returns whether every payload now has one.

        Raises:
            AdapterError: an answer is malformed, or its id was not requested or already has an answer.
        """
        for line in lines:
            answer = parse(line)
            number = answer.get("id")
            if type(number) is not int or number not in self._open:
                raise AdapterError(f"it answered the id {excerpt(number)}, which is not open")
            del self._open[number]
            self.table[number - self._first] = self._labels.row(probabilities(answer))
        return not self._open
