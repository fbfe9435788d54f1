"""Cuts the attack out of a payload (`excised`), and returns the attack without its carrier (`attack_only`)."""

import base64
import contextlib
from collections.abc import Iterator

from harness.data.payload_parts import carrier
from harness.perturbations.codec import decode
from harness.perturbations.message import Message

RUN = 8  # length in bytes of a run that the carrier may not share with the attack


def excised(message: Message) -> bytes:
    """Returns the payload without its attack and without any run of `RUN` bytes that occurs in the attack."""
    runs = {text[at : at + RUN] for text in _readings(message) for at in range(len(text) - RUN + 1)}
    rest = bytearray()
    for byte in carrier(message.payload, message.flat):
        rest.append(byte)
        if bytes(rest[-RUN:]) in runs:
            del rest[-RUN:]  # the bytes that become adjacent may form another such run with the next ones
    return bytes(rest)


def _readings(message: Message) -> Iterator[bytes]:
    """Yields the attack's bytes as they are in the payload, decoded as in their place, and decoded from base64."""
    for (place, _), raw in zip(message.slots, message.ranges, strict=True):
        text = (decode(place, raw) or "").encode("latin-1")
        yield from (raw, text)
        with contextlib.suppress(ValueError):
            yield base64.b64decode(text, validate=True)


def attack_only(message: Message) -> bytes:
    """Returns the bytes of the attack, one line for each of its ranges."""
    return b"\n".join(message.ranges)
