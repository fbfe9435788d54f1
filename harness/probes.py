"""Probes: what a diagnostic that sees a part of the input only is shown of each payload."""

from collections.abc import Callable, Mapping, Sequence

from harness.payloads import Payloads

Spans = Sequence[int]  # flat byte offsets: start, end, start, end ...


def carrier(payload: bytes, spans: Spans) -> bytes:
    """Returns the payload without its attack."""
    out, at = [], 0
    for start, end in zip(spans[::2], spans[1::2], strict=True):
        out.append(payload[at:start])
        at = end
    return b"".join([*out, payload[at:]])


def headers(payload: bytes, spans: Spans) -> bytes:
    """Returns the header lines of the carrier: neither request line nor body."""
    head = carrier(payload, spans).replace(b"\r\n", b"\n").partition(b"\n\n")[0]
    return head.partition(b"\n")[2]


def plain_headers(payload: bytes, spans: Spans) -> bytes:
    """Returns the header lines of the carrier but for ``Content-*``, which describe the body."""
    lines = headers(payload, spans).split(b"\n")
    return b"\n".join(line for line in lines if not line.lower().startswith(b"content-"))


def first_bytes(payload: bytes, spans: Spans) -> bytes:
    """Returns the first 16 bytes."""
    return payload[:16]


PROBES: Mapping[str, Callable[[bytes, Spans], bytes]] = {
    "carrier": carrier,
    "headers": headers,
    "headers without Content-*": plain_headers,
    "first 16 bytes": first_bytes,
}


def reduce(payloads: Payloads, spans: Sequence[Spans], probe: str) -> Payloads:
    """Returns what a probe shows of each payload."""
    show = PROBES[probe]
    return Payloads.from_list(show(payload, span) for payload, span in zip(payloads, spans, strict=True))
