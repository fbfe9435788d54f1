"""Combines training payloads with carriers of other classes' payloads, so that a carrier does not predict a class."""

import itertools
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import numpy as np

from harness import Edit, Message, Payloads, TrainingData

# If the place of the attack is unknown, only these header fields are exchanged, and only if their value matches
# `_SAFE_VALUE` and not `_ADDRESS`, so that it cannot contain the attack.
_CLIENT_HEADERS = frozenset(
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
_SAFE_VALUE = re.compile(rb"[\w .,;:/()*=+-]{1,200}")
_ADDRESS = re.compile(rb"//|::|(?:\d{1,3}\.){3}\d")  # a URL or IP address may be the target of request forgery


@dataclass(frozen=True)
class MixedData:
    """Training data with mixed carriers, and the number of rows that could not be mixed.

    Attributes:
        data: the original rows, followed by the copies in other carriers.
        without_slot: rows with a known attack span but without a copy, since no other class has an attack in the same
            place.
        by_headers: rows without a known attack span, of which only headers were exchanged.
        without_headers: rows without a known attack span and without a copy, since no donor had different headers that
            may be exchanged.
    """

    data: TrainingData
    without_slot: int
    by_headers: int
    without_headers: int

    @property
    def note(self) -> str:
        """Returns what could not be mixed, as a sentence for the record."""
        note = f"carriers: {self.without_slot} training rows without another slot keep theirs"
        if self.by_headers or self.without_headers:
            note += (
                f"; of rows whose attack is not marked {self.by_headers} exchange headers, "
                f"{self.without_headers} met none that differ"
            )
        return note


def mix(data: TrainingData, copies: int, rng: np.random.Generator) -> MixedData:
    """Adds copies of every row, each in the carrier of a random row of another class.

    A carrier fits if its own attack lies in the same kind of place: as many ranges, each in a value of the query, of a
    form, of JSON and so on. So the attack's bytes keep the encoding that the place requires.

    Args:
        data: training data with spans.
        copies: number of copies of each row.
        rng: samples the carriers.

    Raises:
        ValueError: the data has no spans.
    """
    if data.spans is None:
        raise ValueError("mixing carriers requires attack spans (empty where unknown), but the training data has none")
    donors = _Donors(data, rng)
    payloads: list[bytes] = []
    sources: list[int] = []  # the row that each copy was made from
    without_copy = {True: 0, False: 0}  # by whether the row's attack span is known
    unknown = 0
    for i in range(len(data)):
        message = _message(data, i)
        new = list(_copies(message, (_message(data, k) for k in donors.of(i, copies))))
        payloads += new
        sources += [i] * len(new)
        without_copy[bool(message.spans)] += not new
        unknown += not message.spans
    rows = np.concatenate([np.arange(len(data)), np.array(sources, dtype=np.int64)])
    texts = data.descriptions
    mixed = TrainingData(
        Payloads.from_list(itertools.chain(data.payloads, payloads)),
        data.labels[rows],
        None if texts is None else replace(texts, of_row=texts.of_row[rows]),
    )
    return MixedData(mixed, without_copy[True], unknown - without_copy[False], without_copy[False])


def _message(data: TrainingData, row: int) -> Message:
    """Parses one row. Messages are not kept, since those of a large corpus would not fit into memory."""
    assert data.spans is not None
    return Message.of("", data.payloads[row], "", data.spans[row])


class _Donors:
    """Samples rows of other classes whose attack lies in the same kind of place."""

    def __init__(self, data: TrainingData, rng: np.random.Generator) -> None:
        self._labels, self._rng = data.labels, rng
        self._place = [_place(_message(data, row), row) for row in range(len(data))]
        by_place = defaultdict(list)
        for row in np.argsort(data.labels, kind="stable").tolist():
            by_place[self._place[row]].append(row)
        self._rows = {place: np.array(rows, dtype=np.int64) for place, rows in by_place.items()}
        self._sorted = {place: data.labels[rows] for place, rows in self._rows.items()}

    def of(self, row: int, count: int) -> list[int]:
        """Returns ``count`` random donors for a row, or none if no other class has an attack in its place."""
        rows, label = self._rows[self._place[row]], self._labels[row]
        # Rows of a place are sorted by class: skip the block of the row's own class instead of building a mask.
        first, last = np.searchsorted(self._sorted[self._place[row]], [label, label + 1])
        others = len(rows) - (last - first)
        if not others:
            return []
        index = self._rng.integers(others, size=count)
        return list(rows[np.where(index < first, index, index + last - first)].tolist())


def _place(message: Message, row: int) -> tuple[str, ...]:
    """Returns the kinds of place of the attack's ranges.

    Rows without a known span share the empty tuple. A row with an attack in ``other`` fits no other row, so its number
    is its place.
    """
    places = tuple(slot.place for slot in message.slots)
    return (f"row {row}",) if "other" in places else places


def _copies(message: Message, donors: Iterable[Message]) -> Iterator[bytes]:
    for donor in donors:
        new = _swap_carrier(message, donor) if message.spans else _swap_headers(message, donor)
        if new != message.payload:
            yield new


def _swap_carrier(message: Message, carrier: Message) -> bytes:
    """Returns the carrier's payload with its attack replaced by the message's."""
    pairs = zip(carrier.spans, message.ranges, strict=True)
    return carrier.with_edits(Edit(start, end, attack) for (start, end), attack in pairs).payload


def _swap_headers(message: Message, donor: Message) -> bytes:
    """Returns the message's payload with its client and host headers replaced by the donor's."""
    request, other = message.request, donor.request
    if request.malformed or other.malformed:
        return message.payload
    own = _exchangeable_headers(message)
    names = {message.payload[slice(*header.name)].lower() for header in request.headers}
    fixed = names - {name for name, _ in own}  # stay in the message, so the donor's must not repeat them
    donor_headers = _exchangeable_headers(donor)
    lines = [donor.payload[slice(*line)].rstrip(b"\r\n") for name, line in donor_headers if name not in fixed]
    if not lines or not own:
        return message.payload
    edits = [Edit(start, end, b"") for _, (start, end) in own[1:]]
    return message.with_edits([Edit(*own[0][1], b"".join(line + request.line_end for line in lines)), *edits]).payload


def _exchangeable_headers(message: Message) -> list[tuple[bytes, tuple[int, int]]]:
    """Returns name and line of the client and host headers whose value cannot contain an attack."""
    headers = []
    for line, name, value in message.request.headers:
        text = message.payload[slice(*value)]
        if _SAFE_VALUE.fullmatch(text) and not _ADDRESS.search(text):
            headers.append((message.payload[slice(*name)].lower(), line))
    return [(name, line) for name, line in headers if name in _CLIENT_HEADERS]
