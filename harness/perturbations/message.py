"""A payload with its attack's place, and how a rewrite of its bytes carries that place along."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from sys import maxsize
from typing import NamedTuple

from harness.data.http_request import Parameter, Place, Request, Span
from harness.data.taxonomy import classes_of
from harness.perturbations.codec import splits_escape


class Edit(NamedTuple):
    """Replaces the bytes from ``start`` to ``end`` (an insertion where they are equal) by ``data``."""

    start: int
    end: int
    data: bytes


class Insertion(NamedTuple):
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
        spans: byte ranges of the attack, ascending and apart; where it is not known, the values of all parameters,
            which are protected in its stead (none where the request has no parameters).
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
            return cls(sample, payload, _apart(zip(flat[::2], flat[1::2], strict=True)), label, True)
        request = Request(payload)
        message = cls(sample, payload, _apart(request.values), label, False)
        message.__dict__["request"] = request  # it is parsed already
        return message

    @cached_property
    def request(self) -> Request:
        """The payload's parts."""
        return Request(self.payload)

    @cached_property
    def classes(self) -> frozenset[str]:
        """The threat classes that the label stands for."""
        return classes_of(self.label)

    @property
    def flat(self) -> list[int]:
        """The spans as a corpus holds them: start, end, start, end ..."""
        return [edge for span in self.spans for edge in span]

    @property
    def ranges(self) -> list[bytes]:
        """The bytes of the attack, range by range."""
        return [self.payload[start:end] for start, end in self.spans]

    @property
    def attack(self) -> bytes:
        """The bytes of the attack, one range after the other with a zero byte between."""
        return b"\0".join(self.ranges)

    def overlaps_attack(self, start: int, end: int) -> bool:
        """Whether a change of these bytes (an insertion where start and end are equal) meets the attack."""
        return any(a < end and start < b for a, b in self._meeting(start, end))

    def attack_within(self, start: int, end: int) -> list[Span]:
        """The parts of the attack that lie in a range."""
        shared = ((max(a, start), min(b, end)) for a, b in self._meeting(start, end))
        return [(a, b) for a, b in shared if a < b]

    def _meeting(self, start: int, end: int) -> Sequence[Span]:
        """The spans that may share bytes with a range."""
        if len(self.spans) < 4:
            return self.spans
        first = max(0, bisect_right(self.spans, (start, maxsize)) - 1)
        return self.spans[first : bisect_right(self.spans, (end, maxsize), first)]

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """The places of the attack's ranges; ``other`` where a range is not of one place, or cuts an escape in two."""
        return tuple([Slot(self._place(span), span) for span in self.spans])

    def _place(self, span: Span) -> Place:
        request, (start, end) = self.request, span
        if request.malformed:
            return "raw"
        if start >= request.body[0]:
            return self._among(request.body_parameters, span) or self._unnamed(span)
        if start >= request.target[1]:
            if found := self._among(request.cookie_parameters, span):
                return found
            return "header" if any(h.value[0] <= start and end <= h.value[1] for h in request.headers) else "other"
        if request.path[0] <= start and end <= request.path[1]:
            return "other" if splits_escape("path", self.payload, request.path[0], start) else "path"
        return self._among(request.query_parameters, span) or "other"

    def _among(self, parameters: Sequence[Parameter], span: Span) -> Place | None:
        """The place of the parameter that holds the span in its value, or in a name that is encoded like its value."""
        at = bisect_right(parameters, span[0], key=lambda p: p.value[0])
        for parameter, (start, end), named in (
            *((p, p.value, False) for p in parameters[max(0, at - 1) : at]),
            *((p, p.name, True) for p in parameters[at : at + 1]),
        ):
            if start <= span[0] and span[1] <= end:
                if splits_escape(parameter.place, self.payload, start, span[0]):
                    return "other"
                return "other" if named and parameter.place not in ("query", "form", "json") else parameter.place
        return None

    def _unnamed(self, span: Span) -> Place:
        """The place of a span in the body but in no parameter: a document as a whole can be written as it is."""
        whole = span == self.request.body or self.request.content_type.endswith(b"xml")
        return "raw" if whole and not self.request.coded else "other"

    def with_edits(self, edits: Iterable[Edit]) -> "Message":
        """Returns the message with disjoint edits made; an edit within the attack resizes it.

        A Content-Length that was right before (RFC 9110, 8.6) is right afterwards.
        """
        ordered = sorted(edits)
        if ordered and ordered[-1].start >= self.request.body[0] and (lengths := self._length(ordered)):
            ordered = sorted([*ordered, *lengths])
        pieces: list[Span | Insertion] = []
        at = 0
        for start, end, data in ordered:
            inside = False
            for a, b in self._meeting(start, end):
                inside |= a <= start and end <= b and (start < end or a < start < b)
            pieces += ((at, start), Insertion(data, inside))
            at = end
        pieces.append((at, len(self.payload)))
        return self.from_pieces(pieces)

    def from_pieces(self, pieces: Iterable[Span | Insertion]) -> "Message":
        """Returns the message made of pieces: spans of these bytes, in any order, and new bytes."""
        payload, at = self.payload, 0
        parts: list[bytes] = []
        spans: list[Span] = []
        for piece in pieces:
            if isinstance(piece, Insertion):
                part, attacks = piece
                marked: Sequence[Span] = ((0, len(part)),) if attacks else ()
                first, last = 0, len(part)
            else:
                first, last = piece
                part, marked = payload[first:last], self._meeting(first, last)
            for a, b in marked:
                if (a := max(a, first)) < (b := min(b, last)):
                    a, b = a - first + at, b - first + at
                    spans.append((spans.pop()[0] if spans and spans[-1][1] == a else a, b))
            parts.append(part)
            at += len(part)
        return Message(self.sample, b"".join(parts), tuple(spans), self.label, self.located)

    def _length(self, edits: list[Edit]) -> list[Edit]:
        (start, end), request = self.request.body, self.request
        longer = sum(len(data) - (last - first) for first, last, data in edits if first >= start)
        if not longer or not request.sized:
            return []
        return [Edit(*field.value, b"%d" % (end - start + longer)) for field in request.lengths]


def _apart(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Ascending spans without empty ones; those that touch or overlap are one."""
    out: list[Span] = []
    for start, end in spans:
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        elif start < end:
            out.append((start, end))
    return tuple(out)
