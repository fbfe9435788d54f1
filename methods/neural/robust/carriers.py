"""Training payloads with the carrier of another class's payload, so that no carrier tells a class."""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from harness import Edit, Message, Payloads, TrainingData

# Header fields that are exchanged where an attack's place is not known, and the values that can hold none.
_CLIENT = frozenset(
    (
        b"accept",
        b"accept-encoding",
        b"accept-language",
        b"cache-control",
        b"connection",
        b"dnt",
        b"host",
        b"pragma",
        b"upgrade-insecure-requests",
        b"user-agent",
    )
)
_PLAIN = re.compile(rb"[\w .,;:/()*=+-]{1,200}")
_ADDRESS = re.compile(rb"//|::|(?:\d{1,3}\.){3}\d")  # what might be the aim of a forged request


@dataclass(frozen=True)
class Mixed:
    """Payloads with a carrier of another class, and what could not be mixed.

    Attributes:
        data: the rows as they were, and after them those with another carrier.
        without_slot: rows with a known attack that keep their carrier, since no other class has its attack in such a
            place.
        by_headers: rows without a known attack, whose headers alone were exchanged.
        without_headers: rows without a known attack for which no header that may be exchanged was another's.
    """

    data: TrainingData
    without_slot: int
    by_headers: int
    without_headers: int

    @property
    def note(self) -> str:
        """Says what was skipped, in a sentence."""
        said = f"carriers: {self.without_slot} training rows without another slot keep theirs"
        if self.by_headers or self.without_headers:
            said += (
                f"; of rows whose attack is not marked {self.by_headers} exchange headers, "
                f"{self.without_headers} met none that differ"
            )
        return said


def mix(data: TrainingData, copies: int, rng: np.random.Generator) -> Mixed:
    """Adds to every row as many copies with the carrier of a random row of another class.

    A carrier has room for an attack when its own lies in the same place: in as many ranges, each in a value of the
    query, of a form, of JSON ... The attack's bytes keep the encoding that its place demands.

    Args:
        data: with spans.
        copies: of each row.
        rng: chooses the carriers.

    Raises:
        ValueError: the data has no spans.
    """
    if data.spans is None:
        raise ValueError("mixing carriers needs to be told attack spans, known or not")
    donors = _Donors(data, rng)
    made: list[bytes] = []
    of_row: list[int] = []
    skipped = {True: 0, False: 0}
    unknown = 0
    for i in range(len(data)):
        message = _message(data, i)
        new = list(_copies(message, (_message(data, k) for k in donors.of(i, copies))))
        made += new
        of_row += [i] * len(new)
        skipped[bool(message.spans)] += not new
        unknown += not message.spans
    mixed = TrainingData(
        Payloads.from_list(itertools.chain(data.payloads, made)),
        np.concatenate([data.labels, data.labels[np.array(of_row, dtype=np.int64)]]),
    )
    return Mixed(mixed, skipped[True], unknown - skipped[False], skipped[False])


def _message(data: TrainingData, row: int) -> Message:
    """Made anew when it is needed: of a large corpus the parsed messages would not fit into memory."""
    assert data.spans is not None
    return Message.of("", data.payloads[row], "", data.spans[row])


class _Donors:
    """Draws rows of another class whose attack lies in the same place."""

    def __init__(self, data: TrainingData, rng: np.random.Generator) -> None:
        self._labels, self._rng = data.labels, rng
        self._place = [_place(_message(data, row), row) for row in range(len(data))]
        by_place = defaultdict(list)
        for row in np.argsort(data.labels, kind="stable").tolist():
            by_place[self._place[row]].append(row)
        self._rows = {place: np.array(rows, dtype=np.int64) for place, rows in by_place.items()}
        self._sorted = {place: data.labels[rows] for place, rows in self._rows.items()}

    def of(self, row: int, count: int) -> list[int]:
        """Returns so many of them, none where there is none; the rows of a place are sorted by class."""
        rows, label = self._rows[self._place[row]], self._labels[row]
        first, last = np.searchsorted(self._sorted[self._place[row]], [label, label + 1])
        others = len(rows) - (last - first)
        if not others:
            return []
        drawn = self._rng.integers(others, size=count)
        return list(rows[np.where(drawn < first, drawn, drawn + last - first)].tolist())


def _place(message: Message, row: int) -> tuple[str, ...]:
    """Where the attack lies; rows that do not tell share a place of their own, and ``other`` fits nowhere else."""
    places = tuple(slot.place for slot in message.slots)
    return (f"row {row}",) if "other" in places else places


def _copies(message: Message, donors: Iterable[Message]) -> Iterator[bytes]:
    for donor in donors:
        new = _transplanted(message, donor) if message.spans else _dressed(message, donor)
        if new != message.payload:
            yield new


def _transplanted(message: Message, carrier: Message) -> bytes:
    """Returns the carrier with the message's attack in the place of its own."""
    pairs = zip(carrier.spans, message.ranges, strict=True)
    return carrier.with_edits(Edit(start, end, attack) for (start, end), attack in pairs).payload


def _dressed(message: Message, donor: Message) -> bytes:
    """Returns the message with the donor's client headers in the place of its own."""
    request, other = message.request, donor.request
    if request.malformed or other.malformed:
        return message.payload
    own = _free(message)
    kept = {message.payload[slice(*header.name)].lower() for header in request.headers} - {name for name, _ in own}
    lines = [donor.payload[slice(*line)].rstrip(b"\r\n") for name, line in _free(donor) if name not in kept]
    if not lines or not own:
        return message.payload
    edits = [Edit(start, end, b"") for _, (start, end) in own[1:]]
    return message.with_edits([Edit(*own[0][1], b"".join(line + request.line_end for line in lines)), *edits]).payload


def _free(message: Message) -> list[tuple[bytes, tuple[int, int]]]:
    """Name and line of the fields that may be exchanged: those of client and host whose value can hold no attack."""
    found = []
    for line, name, value in message.request.headers:
        text = message.payload[slice(*value)]
        if _PLAIN.fullmatch(text) and not _ADDRESS.search(text):
            found.append((message.payload[slice(*name)].lower(), line))
    return [(name, line) for name, line in found if name in _CLIENT]
