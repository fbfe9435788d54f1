"""A payload with the location of its attack, and edits of its bytes that keep track of that location."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from sys import maxsize
from typing import NamedTuple

from harness.data.http_request import Parameter, Place, Request, Span
from harness.data.taxonomy import classes_of
from harness.perturbations.codec import Escapes


class Edit(NamedTuple):
    """Replaces the bytes from ``start`` to ``end`` (an insertion if they are equal) by ``data``."""

    start: int
    end: int
    data: bytes


class Insertion(NamedTuple):
    """New bytes for `Message.from_pieces`; ``attack`` says whether they belong to the attack."""

    data: bytes
    attack: bool = False


class Slot(NamedTuple):
    """Location of one range of an attack: its span, and the place that determines its encoding."""

    place: Place
    span: Span


@dataclass(frozen=True)
class Message:
    """One payload, before or after perturbations.

    Attributes:
        sample: its id, which seeds every draw.
        payload: the bytes.
        spans: byte ranges of the attack, ascending and separate. If they are unknown, the values of all parameters,
            which are protected instead (none if the request has no parameters).
        label: its class or family.
        located: whether the location of the attack is known.
    """

    sample: str
    payload: bytes
    spans: tuple[Span, ...]
    label: str
    located: bool

    @classmethod
    def of(cls, sample: str, payload: bytes, label: str, flat: Sequence[int] | None = None) -> "Message":
        """Returns the message of a corpus row.

        Args:
            sample: its id.
            payload: its bytes.
            label: its class.
            flat: start, end, start, end ... of the attack, ascending; None if the corpus does not hold them.
        """
        if flat is not None:
            return cls(sample, payload, _merge(zip(flat[::2], flat[1::2], strict=True)), label, True)
        request = Request(payload)
        message = cls(sample, payload, _merge(request.values), label, False)
        message.__dict__["request"] = request  # fills the cached property, so that the payload is not parsed again
        return message

    @cached_property
    def request(self) -> Request:
        """The parsed payload."""
        return Request(self.payload)

    @cached_property
    def classes(self) -> frozenset[str]:
        """The threat classes that the label stands for."""
        return classes_of(self.label)

    @property
    def flat(self) -> list[int]:
        """The spans as a corpus stores them: start, end, start, end ..."""
        return [edge for span in self.spans for edge in span]

    @property
    def ranges(self) -> list[bytes]:
        """The bytes of the attack, range by range."""
        return [self.payload[start:end] for start, end in self.spans]

    @property
    def attack(self) -> bytes:
        """The bytes of the attack's ranges, joined by zero bytes."""
        return b"\0".join(self.ranges)

    def overlaps_attack(self, start: int, end: int) -> bool:
        """Whether a range (an insertion point if start and end are equal) overlaps the attack."""
        return any(a < end and start < b for a, b in self._spans_near(start, end))

    def attack_within(self, start: int, end: int) -> list[Span]:
        """Returns the parts of the attack's spans that lie in a range."""
        parts = ((max(a, start), min(b, end)) for a, b in self._spans_near(start, end))
        return [(a, b) for a, b in parts if a < b]

    def _spans_near(self, start: int, end: int) -> Sequence[Span]:
        """Returns the spans that may share bytes with a range."""
        if len(self.spans) < 4:  # for few spans, the caller's scan is faster than a binary search
            return self.spans
        first = max(0, bisect_right(self.spans, (start, maxsize)) - 1)
        return self.spans[first : bisect_right(self.spans, (end, maxsize), first)]

    @cached_property
    def slots(self) -> tuple[Slot, ...]:
        """The attack's ranges with their places; ``other`` if a range crosses places or splits an escape sequence."""
        return tuple([Slot(self._place(span), span) for span in self.spans])

    @cached_property
    def escapes(self) -> Escapes:
        """The escape sequences of the payload."""
        return Escapes(self.payload)

    def _place(self, span: Span) -> Place:
        request, (start, end) = self.request, span
        if request.malformed:
            return "raw"
        if start >= request.body[0]:
            return self._parameter_place(request.body_parameters, span) or self._body_place(span)
        if start >= request.target[1]:
            if place := self._parameter_place(request.cookie_parameters, span):
                return place
            at = bisect_right(request.headers, start, key=lambda h: h.value[0]) - 1
            return "header" if at >= 0 and end <= request.headers[at].value[1] else "other"
        if request.path[0] <= start and end <= request.path[1]:
            return "other" if self.escapes.split("path", request.path[0], start) else "path"
        return self._parameter_place(request.query_parameters, span) or "other"

    def _parameter_place(self, parameters: Sequence[Parameter], span: Span) -> Place | None:
        """Returns the place of the parameter whose value, or name if encoded like its value, holds the span."""
        at = bisect_right(parameters, span[0], key=lambda p: p.value[0])
        for parameter, (start, end), in_name in (
            *((p, p.value, False) for p in parameters[max(0, at - 1) : at]),
            *((p, p.name, True) for p in parameters[at : at + 1]),
        ):
            if start <= span[0] and span[1] <= end:
                if self.escapes.split(parameter.place, start, span[0]):
                    return "other"
                return "other" if in_name and parameter.place not in ("query", "form", "json") else parameter.place
        return None

    def _body_place(self, span: Span) -> Place:
        """Returns the place of a body span outside of all parameters: ``raw`` for a whole or an XML document."""
        whole = span == self.request.body or self.request.content_type.endswith(b"xml")
        return "raw" if whole and not self.request.has_coding else "other"

    def with_edits(self, edits: Iterable[Edit]) -> "Message":
        """Returns the message after disjoint edits; an edit inside the attack resizes the attack.

        A Content-Length that was correct (RFC 9110, 8.6) is updated.
        """
        ordered = sorted(edits)
        if ordered and ordered[-1].start >= self.request.body[0] and (lengths := self._length_edits(ordered)):
            ordered = sorted([*ordered, *lengths])
        pieces: list[Span | Insertion] = []
        at = 0
        for start, end, data in ordered:
            inside = False
            for a, b in self._spans_near(start, end):
                inside |= a <= start and end <= b and (start < end or a < start < b)
            pieces += ((at, start), Insertion(data, inside))
            at = end
        pieces.append((at, len(self.payload)))
        return self.from_pieces(pieces)

    def from_pieces(self, pieces: Iterable[Span | Insertion]) -> "Message":
        """Returns a message joined from pieces: spans of this payload, in any order, and new bytes."""
        payload, at = self.payload, 0
        parts: list[bytes] = []
        spans: list[Span] = []
        for piece in pieces:
            if isinstance(piece, Insertion):
                part, is_attack = piece
                attack_spans: Sequence[Span] = ((0, len(part)),) if is_attack else ()
                first, last = 0, len(part)
            else:
                first, last = piece
                part, attack_spans = payload[first:last], self._spans_near(first, last)
            for a, b in attack_spans:
                if (a := max(a, first)) < (b := min(b, last)):
                    a, b = a - first + at, b - first + at
                    # Spans that become adjacent are merged.
                    spans.append((spans.pop()[0] if spans and spans[-1][1] == a else a, b))
            parts.append(part)
            at += len(part)
        return Message(self.sample, b"".join(parts), tuple(spans), self.label, self.located)

    def _length_edits(self, edits: list[Edit]) -> list[Edit]:
        (start, end), request = self.request.body, self.request
        growth = sum(len(data) - (last - first) for first, last, data in edits if first >= start)
        if not growth or not request.has_exact_length:
            return []
        return [Edit(*field.value, b"%d" % (end - start + growth)) for field in request.content_lengths]


def _merge(spans: Iterable[Span]) -> tuple[Span, ...]:
    """Returns ascending spans without empty ones; spans that touch or overlap are merged."""
    out: list[Span] = []
    for start, end in spans:
        if out and start <= out[-1][1]:
            out[-1] = (out[-1][0], max(end, out[-1][1]))
        elif start < end:
            out.append((start, end))
    return tuple(out)
