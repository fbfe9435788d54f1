"""Probes: what a diagnostic that sees a part of the input only is shown of each payload.

Where an attack's place is not known, the values of all parameters stand for it: the carrier of such a payload is what
remains without them.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from harness.data.http_request import Request
from harness.data.payloads import Payloads

if TYPE_CHECKING:
    pass

Spans = Sequence[int]  # flat byte offsets: start, end, start, end ...
_FINENESS = (1, 2, 4, 8)  # bins per doubling of a size


def carrier(payload: bytes, spans: Spans | None) -> bytes:
    """Returns the payload without its attack."""
    if spans is None:
        spans = value_spans(payload)
    out, at = [], 0
    for start, end in zip(spans[::2], spans[1::2], strict=True):
        out.append(payload[at:start])
        at = end
    return b"".join([*out, payload[at:]])


def value_spans(payload: bytes) -> Spans:
    """Returns the flat byte offsets of the values of all parameters, in the order of the bytes."""
    return [edge for value in Request(payload).values for edge in value]


def headers(payload: bytes, spans: Spans | None) -> bytes:
    """Returns the header lines of the carrier: neither request line nor body."""
    head = carrier(payload, spans).replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    return head.partition(b"\n")[2]


def plain_headers(payload: bytes, spans: Spans | None) -> bytes:
    """Returns the header lines of the carrier but for ``Content-*``, which describe the body."""
    lines = headers(payload, spans).split(b"\n")
    return b"\n".join(line for line in lines if not line.lower().startswith(b"content-"))


def values(payload: bytes, spans: Spans | None) -> bytes:
    """Returns the values of all parameters as they are encoded, a line's end between them."""
    edges = value_spans(payload)
    return b"\n".join(payload[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))


def length(payload: bytes, spans: Spans | None) -> bytes:
    """Returns sizes alone: of the payload, its head and its body, and how many headers and parameters it has.

    Each size is spelled as one word of four letters per fineness (1, 2, 4 and 8 bins per doubling), so that a learner
    of text or of byte n-grams can read it.
    """
    request = Request(payload)
    head, body = request.head[1] - request.head[0], request.body[1] - request.body[0]
    sizes = (len(payload), head, body, len(request.headers), len(request.parameters))
    return b" ".join(_word(number, size, fine) for number, size in enumerate(sizes) for fine in range(len(_FINENESS)))


def _word(which: int, size: int, fine: int) -> bytes:
    octave = (size + 1).bit_length() - 1
    within = ((size + 1) * _FINENESS[fine] >> octave) - _FINENESS[fine]
    return bytes((ord("A") + which, ord("A") + fine, ord("a") + octave, ord("a") + within))


def first_bytes(payload: bytes, spans: Spans | None) -> bytes:
    """Returns the first 16 bytes."""
    return payload[:16]


PROBES: Mapping[str, Callable[[bytes, Spans | None], bytes]] = {
    "carrier": carrier,
    "headers": headers,
    "headers-without-content": plain_headers,
    "values": values,
    "length": length,
    "first-16-bytes": first_bytes,
}


def reduce(payloads: Payloads, spans: Sequence[Spans | None] | None, probe: str) -> Payloads:
    """Returns what a probe shows of each payload.

    Args:
        payloads: n payloads.
        spans: the place of each one's attack, None where it is not known; None for all where none is.
        probe: a name in `PROBES`.
    """
    show = PROBES[probe]
    known = [None] * len(payloads) if spans is None else spans
    return Payloads.from_list(show(payload, span) for payload, span in zip(payloads, known, strict=True))
