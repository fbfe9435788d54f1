"""What a classifier of the user's answers, as probabilities of our classes; none of it is trusted. Registers nothing.

A request is a JSON object with ``id`` and ``payload`` (base64, RFC 4648), an answer one with the same ``id`` and either
``label`` or ``probabilities``.
"""

import base64
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import NO_OPINION, Context, TrainingData

MOST_BYTES = 1 << 16  # of one answer
ROUNDING = 0.01  # by which probabilities may miss a sum of one


class AdapterError(Exception):
    """The user's classifier did not do its part; says what it did instead."""


class Labels:
    """The columns of our table that a classifier's labels stand for.

    Args:
        table: its label to our class, or to `NO_OPINION`; labels that are missing stand for themselves.
        train: whose class shares stand for no opinion.
        context: of the classes.
    """

    def __init__(self, table: Mapping[str, str], train: TrainingData, context: Context) -> None:
        self._table = table
        self._names = [threat_class.name for threat_class in context.classes]
        self._columns = {name: column for column, name in enumerate(self._names)}
        counts = np.bincount(train.labels, minlength=len(self._names))
        self._shares = (counts / counts.sum()).astype(np.float32)
        self._rows = self._opinions = 0

    @property
    def width(self) -> int:
        """Number of our classes."""
        return len(self._names)

    @property
    def notes(self) -> tuple[str, ...]:
        """What answers without an opinion were taken for, if there were any."""
        if self._opinions == self._rows:
            return ()
        silent = self._rows - self._opinions
        return (f"{silent} of {self._rows} answers held no opinion; the class shares of training stand for them",)

    def table(self, labels: Sequence[str], probabilities: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.float32]:
        """Returns the probabilities of our classes from those of its labels.

        Args:
            labels: m of its labels.
            probabilities: (n, m); every row sums to one.

        Returns:
            float32 (n, classes).

        Raises:
            AdapterError: a label stands for none of our classes.
        """
        out = np.zeros((len(probabilities), self.width), dtype=np.float32)
        silent = np.zeros(len(probabilities), dtype=np.float32)
        for label, column in zip(labels, probabilities.T, strict=True):
            ours = self._table.get(label, label)
            if ours == NO_OPINION:
                silent += column
            elif ours in self._columns:
                out[:, self._columns[ours]] += column
            else:
                raise AdapterError(self._unknown(label, ours))
        self._rows += len(out)
        self._opinions += int((silent < 0.5).sum())
        out += silent[:, None] * self._shares
        return out

    def row(self, said: Mapping[str, float]) -> npt.NDArray[np.float32]:
        """Returns the probabilities of our classes for one answer; see `table`."""
        row: npt.NDArray[np.float32] = self.table(list(said), np.array([list(said.values())]))[0]
        return row

    def _unknown(self, label: str, ours: str) -> str:
        said = f"the label {shown(label)}" + ("" if ours == label else f" (by --labels {ours})")
        return (
            f"{said} is no class of this corpus; say with --labels {label[:40]}=CLASS which one is meant "
            f"({', '.join(self._names)}), or with {label[:40]}={NO_OPINION} that it says nothing"
        )


def request(number: int, payload: bytes) -> bytes:
    """Returns the request for one payload, a line without its end."""
    return b'{"id": %d, "payload": "%s"}' % (number, base64.b64encode(payload))


def parse(line: bytes) -> dict[str, Any]:
    """Reads an answer's JSON.

    Raises:
        AdapterError: it is none, or no object.
    """
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise AdapterError(f"it answered {shown(line)}, which is no JSON") from error
    if not isinstance(answer, dict):
        raise AdapterError(f"it answered {shown(line)}, which is no JSON object")
    return answer


def probabilities(answer: Mapping[str, Any]) -> Mapping[str, float]:
    """Returns what an answer says, as probabilities of its own labels that sum to one.

    Raises:
        AdapterError: it says neither a label nor probabilities, or they are none.
    """
    label, table = answer.get("label"), answer.get("probabilities")
    if isinstance(label, str) and table is None:
        return {label: 1.0}
    if label is not None or not isinstance(table, dict) or not table:
        raise AdapterError(f'it answered {shown(answer)}; a text "label" or an object "probabilities" is needed')
    for name, value in table.items():
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not number or not 0 <= value <= 1 + ROUNDING:  # NaN is not
            raise AdapterError(f"it answered {shown(value)} as the probability of {shown(name)}")
    total = math.fsum(table.values())
    if abs(total - 1) > ROUNDING:
        raise AdapterError(f"it answered probabilities that sum to {total:.4g}; they must sum to 1")
    return {name: value / total for name, value in table.items()}


def shown(value: object) -> str:
    """Returns the beginning of what came in, in printable characters."""
    text = ascii(value.decode("latin-1") if isinstance(value, bytes) else value)
    return text if len(text) <= 60 else f"{text[:57]}…"


class Answers:
    """The table of one set of payloads, filled answer by answer, in any order.

    Args:
        payloads: what is asked.
        first: id of the first payload; ids of several sets may not meet.
        labels: what the answers mean.
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
        """Returns the request of an id."""
        return request(number, self._payloads[number - self._first])

    def take(self, lines: Iterable[bytes]) -> bool:
        """Takes answers; says whether none is open any more.

        Raises:
            AdapterError: one is malformed, or answers what was not asked or is answered already.
        """
        for line in lines:
            answer = parse(line)
            number = answer.get("id")
            if type(number) is not int or number not in self._open:
                raise AdapterError(f"it answered the id {shown(number)}, which is not open")
            del self._open[number]
            self.table[number - self._first] = self._labels.row(probabilities(answer))
        return not self._open
