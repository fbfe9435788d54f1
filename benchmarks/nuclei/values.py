"""Values of the template language, and the text that the scanner writes for each.

Text may hold any bytes: in this package, bytes that are not UTF-8 are lone surrogates (PEP 383).
"""

import hashlib
import string
from decimal import Decimal

Value = str | int | float | bool | list[str]
MAX_CHARACTERS = 1_000_000  # of any value


class Unknown(Exception):
    """Raised for an expression without a known value; the message says which, and why."""


class TemplateRandom:
    """Deterministic replacements for the random values of a template, which depend on its id only."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = 0

    def text(self, length: int, alphabet: str) -> str:
        """Returns ``length`` characters of an alphabet, different ones in each call."""
        self._count += 1
        return _hash_text(f"{self._name}\0{self._count}", checked_length(length), alphabet)

    def number(self, low: int, high: int) -> int:
        """Returns an integer from low to high - 1, a different one in each call."""
        self._count += 1
        seed = hashlib.sha256(f"{self._name}\0{self._count}".encode()).digest()
        return low + int.from_bytes(seed[:8]) % (high - low)

    def token(self, key: str, length: int) -> str:
        """Returns ``length`` lower-case letters and digits, the same ones for the same key."""
        return _hash_text(f"{self._name}\0{key}", length, string.ascii_lowercase + string.digits)


def _hash_text(seed: str, length: int, alphabet: str) -> str:
    """Returns ``length`` characters of an alphabet that depend on the seed only."""
    stream = hashlib.shake_256(seed.encode("utf-8", "surrogateescape")).digest(length)
    return "".join(alphabet[byte % len(alphabet)] for byte in stream)


def checked_length(length: int) -> int:
    """Returns the length of a value that is about to be made.

    Raises:
        Unknown: the value would be longer than `MAX_CHARACTERS`.
        ValueError: the length is negative.
    """
    if length < 0:
        raise ValueError("negative length")
    if length > MAX_CHARACTERS:
        raise Unknown(f"a value of more than {MAX_CHARACTERS} characters")
    return length


def to_bytes(value: object) -> bytes:
    """Returns the bytes of a value."""
    return to_string(value).encode("utf-8", "surrogateescape")


def to_text(data: bytes) -> str:
    """Returns the text that represents the bytes."""
    return data.decode("utf-8", "surrogateescape")


def to_string(value: object) -> str:
    """Returns the text of a value as Go's ``strconv`` writes it: ``true``, ``7``, ``0.5``, never with an exponent."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return f"{value:.0f}" if value.is_integer() else f"{Decimal(repr(value)):f}"
    if isinstance(value, list):
        return f"[{' '.join(map(to_string, value))}]"
    return str(value)


def to_short_string(value: Value) -> str:
    """Returns the text of a value as Go's ``%v`` writes it: numbers from 1,000,000 on have an exponent (``1e+06``)."""
    if not isinstance(value, float) or not value:
        return to_string(value)
    number = Decimal(repr(value)).normalize()
    sign, digits, _ = number.as_tuple()
    exponent = number.adjusted()
    if -4 <= exponent < 6:
        return to_string(value)
    mantissa = "".join(map(str, digits))
    fraction = f".{mantissa[1:]}" if len(mantissa) > 1 else ""
    return f"{'-' if sign else ''}{mantissa[0]}{fraction}e{'-' if exponent < 0 else '+'}{abs(exponent):02d}"
