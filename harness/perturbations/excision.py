"""A payload without its attack, and the attack without its carrier."""

import base64
import contextlib
from collections.abc import Iterator

from harness.data.payload_parts import carrier
from harness.perturbations.codec import decode
from harness.perturbations.message import Message

RUN = 8  # bytes that a carrier may not share with its attack once that is excised


def excised(message: Message) -> bytes:
    """Returns the carrier without what it shares with the attack: a run of 8 bytes found in both is cut out too."""
    runs = {text[at : at + RUN] for text in _readings(message) for at in range(len(text) - RUN + 1)}
    rest = carrier(message.payload, message.flat)
    at = 0
    while at + RUN <= len(rest):
        if rest[at : at + RUN] in runs:
            rest = rest[:at] + rest[at + RUN :]
            at = max(0, at - RUN + 1)  # what now stands side by side may be a run as well
        else:
            at += 1
    return rest


def _readings(message: Message) -> Iterator[bytes]:
    """The attack as it stands in the payload, as its place decodes it, and that from base64 where it is such."""
    for (place, _), raw in zip(message.slots, message.ranges, strict=True):
        text = (decode(place, raw) or "").encode("latin-1")
        yield from (raw, text)
        with contextlib.suppress(ValueError):
            yield base64.b64decode(text, validate=True)


def attack_only(message: Message) -> bytes:
    """Returns the bytes of the attack, a line for each of its ranges."""
    return b"\n".join(message.ranges)
