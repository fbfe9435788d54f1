"""A payload with its attack's place, and how a rewrite of its bytes carries that place along."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from harness.request import Place, Request, Span
from harness.taxonomy import classes_of


class Edit(NamedTuple):
    """Replaces the bytes from ``start`` to ``end`` (an insertion where they are equal) by ``data``."""

    start: int
    end: int
    data: bytes


class New(NamedTuple):
    """Bytes that a rewrite adds; ``attack`` says whether they belong to the attack."""

    data: bytes
    attack: bool = False


class Slot(NamedTuple):
    """Where an attack lies: its bytes, and the place whose encoding they carry."""

    place: Place
    span: Span


@dataclass(frozen=True)
class Message:
    """One payload on its way through perturbations.

    Attributes:
        sample: its id, the seed of every draw.
        payload: the bytes.
        spans: byte ranges of the attack; where it is not known, the values of all parameters, which are protected in
            its stead (none where the request has no parameters).
        label: its class or family.
        located: whether the attack's place is known.
    """

    sample: str
    payload: bytes
    spans: tuple[Span, ...]
    label: str
    located: bool

    @classmethod
    def of(cls, sample: str, payload: bytes, label: str, flat: Sequence[int] | None = None) -> "Message":
        """Makes a message from a corpus row.

        Args:
            sample: its id.
            payload: its bytes.
            label: its class.
            flat: start, end, start, end ... of the attack, ascending; None where the corpus does not tell.
        """
        if flat is not None:
            return cls(sample, payload, tuple(zip(flat[::2], flat[1::2], strict=True)), label, True)
        values = sorted({p.value for p in Request(payload).parameters if p.value[0] < p.value[1]})
        return cls(sample, payload, tuple(values), label, False)

    @cached_property
    def request(self) -> Request:
        """The payload's parts."""
        return Request(self.payload)

    @cached_property
    def classes(self) -> frozenset[str]:
        """The threat classes that the label stands for."""
        return classes_of(self.label)

    @property
    def attack(self) -> bytes:
        """The bytes of the attack, one range after the other with a zero byte between."""
        return b"\0".join(self.payload[start:end] for start, end in self.spans)

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """The places of the attack's ranges."""
        return tuple(Slot(self._place(span), span) for span in self.spans)

    def _place(self, span: Span) -> Place:
        request = self.request
        for parameter in request.parameters:
            if parameter.value[0] <= span[0] and span[1] <= parameter.value[1]:
                return parameter.place
        if request.path[0] <= span[0] and span[1] <= request.path[1]:
            return "path"
        return "raw" if request.malformed or span[0] >= request.body[0] else "header"

    def edited(self, edits: Iterable[Edit]) -> "Message":
        """Returns the message with disjoint edits made; an edit within the attack resizes it.

        A Content-Length that was right before (RFC 9110, 8.6) is right afterwards.
        """
        ordered = sorted(edits)
        pieces: list[Span | New] = []
        at = 0
        for start, end, data in sorted([*ordered, *self._length(ordered)]):
            inside = any(a <= start and end <= b and (start < end or a < start < b) for a, b in self.spans)
            pieces += [(at, start), New(data, inside)]
            at = end
        return self.assembled([*pieces, (at, len(self.payload))])

    def assembled(self, pieces: Iterable[Span | New]) -> "Message":
        """Returns the message made of pieces: spans of these bytes, in any order, and new bytes."""
        parts: list[bytes] = []
        spans: list[Span] = []
        at = 0
        for piece in pieces:
            if isinstance(piece, New):
                part, marked = piece.data, [(0, len(piece.data))] if piece.attack else []
            else:
                first, last = piece
                part = self.payload[first:last]
                marked = [
                    (max(a, first) - first, min(b, last) - first) for a, b in self.spans if a < last and b > first
                ]
            for a, b in marked:
                if spans and spans[-1][1] == at + a:
                    spans[-1] = (spans[-1][0], at + b)
                elif a < b:
                    spans.append((at + a, at + b))
            parts.append(part)
            at += len(part)
        return Message(self.sample, b"".join(parts), tuple(spans), self.label, self.located)

    def _length(self, edits: list[Edit]) -> list[Edit]:
        body, header = self.request.body, self.request.header(b"content-length")
        longer = sum(len(data) - (end - start) for start, end, data in edits if start >= body[0])
        if not longer or header is None or self.request.text(header.value) != b"%d" % (body[1] - body[0]):
            return []
        return [Edit(*header.value, b"%d" % (body[1] - body[0] + longer))]
