"""Helper functions of the template language that have one inert value; see projectdiscovery's "Helper Functions".

Text may hold any bytes: in this package, bytes that are not UTF-8 are lone surrogates (PEP 383).
"""

import base64
import binascii
import hashlib
import html
import string
from collections.abc import Callable, Sequence
from urllib.parse import quote_plus, unquote_plus

Value = str | int | float
MAX_CHARACTERS = 100_000  # of any value


class TemplateRandom:
    """Deterministic replacements for the random values of a template, which depend on its id only."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._count = 0

    def text(self, length: int, alphabet: str) -> str:
        """Returns ``length`` characters of an alphabet, different ones in each call."""
        self._count += 1
        return _hash_text(f"{self._name}\0{self._count}", min(length, MAX_CHARACTERS), alphabet)

    def number(self, low: int, high: int) -> int:
        """Returns an integer from low to high, both included, a different one in each call."""
        self._count += 1
        seed = hashlib.sha256(f"{self._name}\0{self._count}".encode()).digest()
        return low + int.from_bytes(seed[:8]) % (max(high - low, 0) + 1)

    def token(self, key: str, length: int) -> str:
        """Returns ``length`` lower-case letters and digits, the same ones for the same key."""
        return _hash_text(f"{self._name}\0{key}", length, string.ascii_lowercase + string.digits)


def _hash_text(seed: str, length: int, alphabet: str) -> str:
    """Returns ``length`` characters of an alphabet that depend on the seed only."""
    stream = hashlib.shake_256(seed.encode("utf-8", "surrogateescape")).digest(length)
    return "".join(alphabet[byte % len(alphabet)] for byte in stream)


def to_bytes(text: Value) -> bytes:
    """Returns the bytes of a value."""
    return str(text).encode("utf-8", "surrogateescape")


def to_text(data: bytes) -> str:
    """Returns the text that represents the bytes."""
    return data.decode("utf-8", "surrogateescape")


def _base64(text: Value) -> str:
    return base64.b64encode(to_bytes(text)).decode()


def _base64_decode(text: Value) -> str:
    return to_text(base64.b64decode(to_bytes(text)))


def _hash(name: str) -> Callable[[Value], str]:
    return lambda text: hashlib.new(name, to_bytes(text), usedforsecurity=False).hexdigest()


def _repeat(text: Value, count: Value) -> str:
    return str(text) * min(int(count), MAX_CHARACTERS // max(len(str(text)), 1))


def _to_number(text: Value) -> Value:
    number = float(text)
    return int(number) if number.is_integer() else number


def _join(separator: Value, *parts: Value) -> str:
    texts, between = list(map(str, parts)), str(separator)
    if sum(map(len, texts)) + len(between) * len(texts) > 2 * MAX_CHARACTERS:
        raise ValueError("the parts are too long")
    return between.join(texts)


def _replace(text: Value, old: Value, new: Value) -> str:
    whole, before, after = str(text), str(old), str(new)
    if len(whole) + whole.count(before) * (len(after) - len(before)) > MAX_CHARACTERS:
        raise ValueError("the result is too long")
    return whole.replace(before, after)


def _substr(text: Value, start: Value, end: Value | None = None) -> str:
    return str(text)[int(start) : None if end is None else int(end)]


_PLAIN: dict[str, Callable[..., Value]] = {
    "base64": _base64,
    "base64_py": lambda text: _base64(text) + "\n",
    "base64_decode": _base64_decode,
    "concat": lambda *parts: _join("", *parts),
    "hex_encode": lambda text: to_bytes(text).hex(),
    "hex_decode": lambda text: to_text(bytes.fromhex(str(text))),
    "html_escape": lambda text: html.escape(str(text)),
    "html_unescape": lambda text: html.unescape(str(text)),
    "join": _join,
    "len": lambda text: len(to_bytes(text)),
    "md5": _hash("md5"),
    "sha1": _hash("sha1"),
    "sha256": _hash("sha256"),
    "sha512": _hash("sha512"),
    "crc32": lambda text: binascii.crc32(to_bytes(text)),
    "repeat": _repeat,
    "replace": _replace,
    "reverse": lambda text: str(text)[::-1],
    "substr": _substr,
    "to_lower": lambda text: str(text).lower(),
    "to_upper": lambda text: str(text).upper(),
    "tolower": lambda text: str(text).lower(),
    "toupper": lambda text: str(text).upper(),
    "to_number": _to_number,
    "to_string": str,
    "trim": lambda text, characters=" ": str(text).strip(str(characters)),
    "trim_prefix": lambda text, prefix: str(text).removeprefix(str(prefix)),
    "trim_suffix": lambda text, suffix: str(text).removesuffix(str(suffix)),
    "trim_space": lambda text: str(text).strip(),
    "url_encode": lambda text: quote_plus(to_bytes(text)),
    "url_decode": lambda text: to_text(unquote_plus(str(text), "latin-1").encode("latin-1")),
}


def call(name: str, arguments: Sequence[Value], random: TemplateRandom) -> Value:
    """Returns the result of a helper function.

    Raises:
        KeyError: the function is not supported.
        ValueError, TypeError, OverflowError: it does not accept these arguments.
    """
    if name in _RANDOM:
        return _RANDOM[name](random, *arguments)
    value = _PLAIN[name](*arguments)
    if isinstance(value, str) and len(value) > MAX_CHARACTERS:
        raise ValueError(f"{name} returns more than {MAX_CHARACTERS} characters")
    return value


def _random_text(alphabet: str) -> Callable[..., Value]:
    def random_text(random: TemplateRandom, length: Value = 8, *bad_characters: Value) -> str:
        characters = "".join(c for c in alphabet if not (bad_characters and c in str(bad_characters[0]))) or alphabet
        return random.text(int(length), characters)

    return random_text


def _rand_base(random: TemplateRandom, length: Value, alphabet: Value = "") -> str:
    return random.text(int(length), str(alphabet) or string.ascii_letters + string.digits)


_RANDOM: dict[str, Callable[..., Value]] = {
    "rand_base": _rand_base,
    "rand_char": lambda random, alphabet="": _rand_base(random, 1, alphabet),
    "rand_int": lambda random, low=0, high=2**31 - 1: random.number(int(low), int(high)),
    "rand_ip": lambda random, *ranges: "192.0.2.10",
    "rand_text_alpha": _random_text(string.ascii_letters),
    "rand_text_alphanumeric": _random_text(string.ascii_letters + string.digits),
    "rand_text_numeric": _random_text(string.digits),
    "randstr": lambda random: random.text(27, string.ascii_letters + string.digits),
}
