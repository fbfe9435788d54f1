"""What a mapped column's value becomes, and what is wrong with one that cannot."""

import base64
import binascii
import datetime
import re
from collections.abc import Callable
from typing import Any

from harness import taxonomy

LONGEST = 16 * 2**20  # bytes of a payload
FIELDS = ("payload", "label", "id", "group", "date", "description", "cve", "vendor", "product", "source", "technique")
CUE = re.compile(r"cue\.[A-Za-z0-9._-]+")


def spelling(value: Any) -> str:
    """Returns a value as ``--where`` spells it: true and false as in JSON."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value).lower() if isinstance(value, bool) else str(value)


def text(value: Any) -> str | None:
    """Returns a value as text; None where it is empty.

    Raises:
        ValueError: it holds what no encoding has.
    """
    if value is None or value in ("", b""):
        return None
    out = spelling(value)
    if isinstance(value, bytes) and out.encode() != value:
        raise ValueError(f"the text {out[:20]!r} is no UTF-8")
    if not out.isascii() and any("\ud800" <= character <= "\udfff" for character in out):
        raise ValueError(f"the text {out[:20]!r} holds half a surrogate pair")
    return out


def _label(value: Any) -> str:
    out = text(value)
    if out is None:
        raise ValueError("the label is missing")
    return out


def _threat_class(value: Any) -> str:
    """Maps a CWE, or a class's name in any common spelling, to the class; unknown ones stay what they are."""
    out = _label(" ".join(map(str, value)) if isinstance(value, list) else value)  # of CWEs
    return taxonomy.class_named(out) or out


def _payload(value: Any) -> bytes:
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    if not isinstance(value, bytes) or not value:
        raise ValueError("the payload is missing or no text")
    return _bounded(value)


def _of_base64(value: Any) -> bytes:
    try:
        return _bounded(base64.b64decode("".join(_label(value).split()), validate=True))
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"the payload is no base64 ({error})") from error


def _of_hex(value: Any) -> bytes:
    try:
        return _bounded(bytes.fromhex(_label(value)))
    except ValueError as error:
        raise ValueError(f"the payload is no hexadecimal text ({error})") from error


def _bounded(payload: bytes) -> bytes:
    if len(payload) > LONGEST:
        raise ValueError(f"the payload has {len(payload) / 2**20:.0f} MiB, and at most {LONGEST >> 20} are read")
    return payload


def _date(value: Any) -> datetime.date | None:
    """Reads a date, an ISO 8601 text or a year."""
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    written = text(value)
    if written is None:
        return None
    try:
        if re.fullmatch(r"\d{4}", written):
            return datetime.date(int(written), 1, 1)
        return datetime.date.fromisoformat(written[:10])
    except ValueError as error:
        raise ValueError(f"the date {written[:40]!r} is neither a year nor ISO 8601") from error


# Spellings of a field: its column in the corpus, and what its values become.
CASTS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    **{field: (field, text) for field in FIELDS},
    "id": ("sample", text),
    "payload": ("payload", _payload),
    "payload.base64": ("payload", _of_base64),
    "payload.hex": ("payload", _of_hex),
    "label": ("label", _label),
    "label.taxonomy": ("label", _threat_class),
    "date": ("date", _date),
}
