"""Converts the values of mapped columns to the types of the corpus, or reports why a value is not valid."""

import base64
import binascii
import datetime
import re
from collections.abc import Callable
from typing import Any

from harness import taxonomy

MAX_PAYLOAD_BYTES = 16 * 2**20  # bytes of a payload
FIELDS = ("payload", "label", "id", "group", "date", "description", "cve", "vendor", "product", "source", "technique")
CUE = re.compile(r"cue\.[A-Za-z0-9._-]+")


def spelling(value: Any) -> str:
    """Returns a value as it is written in ``--where``: true and false as in JSON."""
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    return str(value).lower() if isinstance(value, bool) else str(value)


def text(value: Any) -> str | None:
    """Returns a value as text; None if it is empty.

    Raises:
        ValueError: it is not valid UTF-8, or contains a lone surrogate.
    """
    if value is None or value in ("", b""):
        return None
    out = spelling(value)
    if isinstance(value, bytes) and out.encode() != value:
        raise ValueError(f"the text {out[:20]!r} is not UTF-8")
    if not out.isascii() and any("\ud800" <= character <= "\udfff" for character in out):
        raise ValueError(f"the text {out[:20]!r} contains a lone surrogate")
    return out


def _label(value: Any) -> str:
    out = text(value)
    if out is None:
        raise ValueError("the label is missing")
    return out


def _threat_class(value: Any) -> str:
    """Returns the class of a CWE or of a class name in any common spelling; other labels do not change."""
    out = _label(" ".join(map(str, value)) if isinstance(value, list) else value)  # of CWEs
    return taxonomy.class_named(out) or out


def _payload(value: Any) -> bytes:
    if isinstance(value, str):
        value = value.encode("utf-8", "surrogatepass")
    if not isinstance(value, bytes) or not value:
        raise ValueError("the payload is missing or not text")
    return _check_length(value)


def _from_base64(value: Any) -> bytes:
    try:
        return _check_length(base64.b64decode("".join(_label(value).split()), validate=True))
    except (binascii.Error, ValueError) as error:
        raise ValueError(f"the payload is not base64 ({error})") from error


def _from_hex(value: Any) -> bytes:
    try:
        return _check_length(bytes.fromhex(_label(value)))
    except ValueError as error:
        raise ValueError(f"the payload is not hexadecimal ({error})") from error


def _check_length(payload: bytes) -> bytes:
    if len(payload) > MAX_PAYLOAD_BYTES:
        raise ValueError(f"the payload has {len(payload) / 2**20:.0f} MiB; the limit is {MAX_PAYLOAD_BYTES >> 20} MiB")
    return payload


def _date(value: Any) -> datetime.date | None:
    """Returns the date of a date, an ISO 8601 text or a year; None if the value is empty."""
    if isinstance(value, datetime.datetime):
        return value.date()
    if isinstance(value, datetime.date):
        return value
    string = text(value)
    if string is None:
        return None
    try:
        if re.fullmatch(r"\d{4}", string):
            return datetime.date(int(string), 1, 1)
        return datetime.date.fromisoformat(string[:10])
    except ValueError as error:
        raise ValueError(f"the date {string[:40]!r} is neither a year nor ISO 8601") from error


# For each field of --map: its column in the corpus, and the function that converts its values.
CONVERTERS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    **{field: (field, text) for field in FIELDS},
    "id": ("sample", text),
    "payload": ("payload", _payload),
    "payload.base64": ("payload", _from_base64),
    "payload.hex": ("payload", _from_hex),
    "label": ("label", _label),
    "label.taxonomy": ("label", _threat_class),
    "date": ("date", _date),
}
