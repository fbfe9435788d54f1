"""Parts of a payload (carrier, headers, values, length ...) that probes see in place of the whole payload.

A probe is a diagnostic model that is trained on one part only. If the attack span of a payload is unknown, the values
of all parameters stand in for it: the carrier is then the payload without them.
"""

from collections.abc import Callable, Mapping, Sequence

from harness.data.http_request import Request
from harness.data.payloads import Payloads

Spans = Sequence[int]  # flat byte offsets: start, end, start, end ...
_BINS_PER_OCTAVE = (1, 2, 4, 8)  # bins per doubling of a size


def carrier(payload: bytes, spans: Spans | None) -> bytes:
    """Returns the payload without its attack."""
    if spans is None:
        spans = value_spans(payload)
    pieces, position = [], 0
    for start, end in zip(spans[::2], spans[1::2], strict=True):
        pieces.append(payload[position:start])
        position = end
    return b"".join([*pieces, payload[position:]])


def value_spans(payload: bytes) -> Spans:
    """Returns the flat byte offsets of the values of all parameters, ascending."""
    return [edge for value in Request(payload).values for edge in value]


def headers(payload: bytes, spans: Spans | None) -> bytes:
    """Returns the header lines of the carrier, without request line and body."""
    head = carrier(payload, spans).replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    return head.partition(b"\n")[2]


def plain_headers(payload: bytes, spans: Spans | None) -> bytes:
    """Returns the header lines of the carrier without ``Content-*``, which describe the body."""
    lines = headers(payload, spans).split(b"\n")
    return b"\n".join(line for line in lines if not line.lower().startswith(b"content-"))


def values(payload: bytes, spans: Spans | None) -> bytes:
    """Returns the values of all parameters as encoded in the payload, joined by LF."""
    edges = value_spans(payload)
    return b"\n".join(payload[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True))


def length(payload: bytes, spans: Spans | None) -> bytes:
    """Returns sizes only: of the payload, its head and its body, and the numbers of headers and parameters.

    Each size is written as four words of four letters, one per resolution (1, 2, 4 and 8 bins per doubling), so that a
    model of text or byte n-grams can use it.
    """
    request = Request(payload)
    head, body = request.head[1] - request.head[0], request.body[1] - request.body[0]
    sizes = (len(payload), head, body, len(request.headers), len(request.parameters))
    return b" ".join(
        _size_word(index, size, resolution)
        for index, size in enumerate(sizes)
        for resolution in range(len(_BINS_PER_OCTAVE))
    )


def _size_word(index: int, size: int, resolution: int) -> bytes:
    bins = _BINS_PER_OCTAVE[resolution]
    octave = (size + 1).bit_length() - 1
    bin_in_octave = ((size + 1) * bins >> octave) - bins
    return bytes((ord("A") + index, ord("A") + resolution, ord("a") + octave, ord("a") + bin_in_octave))


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
    """Returns the part of each payload that a probe sees.

    Args:
        payloads: n payloads.
        spans: attack span of each payload, None if unknown; None if all are unknown.
        probe: a key of `PROBES`.
    """
    extract = PROBES[probe]
    span_of_each = [None] * len(payloads) if spans is None else spans
    return Payloads.from_list(extract(payload, span) for payload, span in zip(payloads, span_of_each, strict=True))
