"""Helper functions of the template language that have one inert value.

Each returns the bytes of github.com/projectdiscovery/dsl, ``dsl.go``; ``docs/sources.md`` lists the differences. Every
name may be written without its underscores. Functions that only matchers use, and those that need a network, a random
key or a regular expression of an untrusted template, are unknown.
"""

import base64
import binascii
import hashlib
import hmac
import html
import html.entities
import re
import string
from collections.abc import Callable, Sequence

from . import archives, json_text, times
from .values import TemplateRandom, Unknown, Value, checked_length, to_bytes, to_short_string, to_string, to_text

# White space of Go's ``unicode.IsSpace``; Python's str.strip also removes the separators \x1c to \x1f.
_SPACE = "\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000" + "".join(map(chr, range(0x2000, 0x200B)))
_UNRESERVED = "-_.!~*'()"  # punctuation that url_encode keeps
_KNOWN_PORTS = ("", "80", "443", "8080", "8081", "8443", "53")


def call(name: str, arguments: Sequence[Value], random: TemplateRandom) -> Value:
    """Returns the result of a helper function.

    Raises:
        Unknown: the function is not supported, rejects its arguments, or returns too long a value.
    """
    function = _FUNCTIONS.get(name)
    if function is None:
        raise Unknown(f"unknown helper function {name}()")
    try:
        value = function(random, *arguments) if function in _RANDOM.values() else function(*arguments)
    except (ValueError, TypeError, OverflowError, IndexError, KeyError, ZeroDivisionError) as error:
        raise Unknown(f"{name}() does not accept its arguments") from error
    checked_length(len(to_string(value)))
    return value


def _count(value: Value) -> int:
    """Returns a whole number from a number or its text."""
    return int(to_string(value))


def _number(value: Value) -> float:
    if not isinstance(value, float):
        raise TypeError("not a number")
    return value


def _text(value: Value) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _base64_decode(text: Value) -> str:
    data = to_bytes(text).replace(b"\r", b"").replace(b"\n", b"")
    return to_text(base64.b64decode(data, validate=True))


def _base64_lines(text: Value) -> str:
    return base64.encodebytes(to_bytes(text)).decode() or "\n"


def _hash(name: str) -> Callable[[Value], str]:
    return lambda text: hashlib.new(name, to_bytes(text), usedforsecurity=False).hexdigest()


def _hmac(name: Value, text: Value, key: Value) -> str:
    algorithm = {"sha1": "sha1", "sha256": "sha256", "sha512": "sha512"}[_text(name).replace("-", "")]
    return hmac.new(to_bytes(_text(key)), to_bytes(_text(text)), algorithm).hexdigest()


def _murmur3(value: Value) -> str:
    """Returns the MurmurHash3 (32 bits, seed 0) of a value as a signed number."""
    data, hashed, mask = to_bytes(to_short_string(value)), 0, 0xFFFFFFFF
    for at in range(0, len(data), 4):
        block = int.from_bytes(data[at : at + 4], "little") * 0xCC9E2D51 & mask
        hashed ^= (block << 15 | block >> 17) * 0x1B873593 & mask
        if at + 4 <= len(data):
            hashed = ((hashed << 13 | hashed >> 19) & mask) * 5 + 0xE6546B64 & mask
    hashed ^= len(data)
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        hashed = (hashed ^ hashed >> shift) * factor & mask
    return str(hashed - 2**32 if hashed >= 2**31 else hashed)


def _url_encode(text: Value, everything: Value = False) -> str:
    kept = "" if everything is True else _UNRESERVED

    def encode(character: str) -> str:
        # Like Go, which reads the text as UTF-8: a byte that is not becomes U+FFFD.
        data = b"\xef\xbf\xbd" if "\udc80" <= character <= "\udcff" else character.encode()
        return "".join(f"%{byte:02X}" for byte in data)

    return re.sub(rf"[^A-Za-z0-9{re.escape(kept)}]", lambda match: encode(match[0]), to_string(text))


def _url_decode(text: Value) -> str:
    decoded = re.sub(rb"%([0-9A-Fa-f]{2})", lambda match: bytes.fromhex(match[1].decode()), to_bytes(text))
    return to_text(decoded)


def _hex_encode(data: Value, form: Value = "") -> str:
    digits = to_bytes(data).hex() if isinstance(data, str) else ""
    return re.sub("(..)", r"\\x\1", digits) if to_string(form).lower() == "x" else digits


def _hex_decode(text: Value) -> str:
    return to_text(binascii.unhexlify(to_bytes(text)))


def _entity_names() -> dict[str, str]:
    """Returns the entity of each character: the shortest of its names, a lower-case one if several are as short."""
    names = sorted((name for name in html.entities.html5 if name.endswith(";")), key=lambda name: (-len(name), name))
    return {html.entities.html5[name]: f"&{name}" for name in names}


_ENTITIES = _entity_names()
_ENTITY = re.compile("|".join(re.escape(text) for text in sorted(_ENTITIES, key=len, reverse=True)))


def _html_escape(text: Value, all_characters: Value = False) -> str:
    escaped = _ENTITY.sub(lambda match: _ENTITIES[match[0]], to_string(text))
    if all_characters is not True and to_string(all_characters) not in ("1", "true"):
        return escaped
    return re.sub(r"(&\w+;)|(.)", lambda match: match[1] or f"&#{ord(match[2])};", escaped, flags=re.S)


def _repeat(text: Value, count: Value) -> str:
    if (times_ := _count(count)) < 0:
        raise ValueError("negative count")
    checked_length(len(to_string(text)) * times_)
    return to_string(text) * times_


def _replace(text: Value, old: Value, new: Value) -> str:
    old, new = to_string(old), to_string(new)
    checked_length(len(to_string(text)) + to_string(text).count(old) * max(len(new) - len(old), 0))
    return to_string(text).replace(old, new)


def _padding(text: Value, pad: Value, length: Value, side: Value) -> str:
    data, unit, size = to_bytes(text), to_bytes(pad), int(float(to_string(length)))
    missing = checked_length(size) - len(data)
    if not size or not unit:
        raise ValueError("nothing to pad with")
    if missing <= 0:
        return to_text(data)
    filling = (unit * (missing // len(unit) + 1))[:missing]
    return to_text({"prefix": filling + data, "suffix": data + filling}[_text(side)])


def _substr(text: Value, start: Value, end: Value | None = None) -> str:
    data = to_bytes(text)
    first, last = _count(start), len(data) if end is None else _count(end)
    if not data or not 0 <= first <= last <= len(data):
        raise ValueError("no such part")
    return to_text(data[first:last])


def _index(value: Value, at: Value) -> str:
    items = value if isinstance(value, list) else [chr(byte) for byte in to_bytes(value)]
    if _count(at) < 0:
        raise ValueError("negative index")
    return items[_count(at)]


def _join(separator: Value, *parts: Value) -> str:
    if len(parts) == 1:
        if not isinstance(parts[0], list):
            raise TypeError("one element that is not a list")
        return _joined(to_string(separator), parts[0])
    if not parts or any(isinstance(part, list) for part in parts):
        raise TypeError("not elements")
    return _joined(to_string(separator), list(map(to_string, parts)))


def _joined(separator: str, texts: Sequence[str]) -> str:
    checked_length(sum(map(len, texts)) + len(separator) * max(len(texts) - 1, 0))
    return separator.join(texts)


def _split(text: Value, separator: Value, limit: Value = -1.0) -> list[str]:
    text, separator = to_string(text), to_string(separator)
    if limit == -1.0 and re.fullmatch(r"[-+]?\d+", separator):
        size = int(separator)
        return [text[at : at + size] for at in range(0, len(text), size)] if 0 < size < len(text) else [text]
    parts = _count(limit)
    if not parts or not separator:
        raise ValueError("no parts")
    return text.split(separator, parts - 1 if parts > 0 else -1)


def _several(function: Callable[[Sequence[str]], list[str]]) -> Callable[..., Value]:
    """Returns a function of the characters of one text, which returns a text, or of several texts."""

    def apply(first: Value, *others: Value) -> Value:
        return function([to_string(v) for v in (first, *others)]) if others else "".join(function(to_string(first)))

    return apply


def _to_number(text: Value) -> float:
    if not re.fullmatch(r"[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d{1,2})?", to_string(text)):
        raise ValueError("not a number")
    return float(to_string(text))


def _from_base(base: int, prefix: str) -> Callable[[Value], float]:
    return lambda text: float(int(to_string(text).removeprefix(prefix), base))


def _xor(*texts: Value) -> str:
    data = [to_bytes(_text(text)) for text in texts]
    if len(data) < 2 or len({len(part) for part in data}) > 1:
        raise ValueError("not several texts of the same length")
    total = 0
    for part in data:
        total ^= int.from_bytes(part)
    return to_text(total.to_bytes(len(data[0])))


def _change_case(change: Callable[[str], str]) -> Callable[[Value], str]:
    """Returns a function that changes the case of each character that has one counterpart, as Go does."""
    return lambda text: "".join(new if len(new := change(old)) == 1 else old for old in to_string(text))


def _any(test: Callable[[str, str], bool], lines: bool = False) -> Callable[..., bool]:
    """Returns a function that tells whether a text, or one of its lines, passes a test with any of the others."""

    def passes(text: Value, *others: Value) -> bool:
        if not others:
            raise TypeError("nothing to compare with")
        texts = to_string(text).split("\n") if lines else [to_string(text)]
        return any(test(one, to_string(other)) for one in texts for other in others)

    return passes


def _contains_all(text: Value, *others: Value) -> bool:
    return all(to_string(other) in to_string(text) for other in others)


def _remove(text: Value, characters: Value) -> str:
    return "".join(c for c in to_string(text) if c not in to_string(characters))


_PLAIN: dict[str, Callable[..., Value]] = {
    "base64": lambda text: base64.b64encode(to_bytes(text)).decode(),
    "base64_decode": _base64_decode,
    "base64_py": _base64_lines,
    "bin_to_dec": _from_base(2, "0b"),
    "concat": lambda *parts: _joined("", list(map(to_string, parts))),
    "contains": lambda text, part: to_string(part) in to_string(text),
    "contains_all": _contains_all,
    "contains_any": _any(lambda text, part: part in text),
    "count": lambda text, part: to_string(text).count(to_string(part)),
    "date_time": times.date_time,
    "dec_to_hex": lambda number: f"{int(_number(number)):x}",
    "deflate": lambda text: to_text(archives.deflate(to_bytes(_text(text)))),
    "ends_with": _any(str.endswith),
    "equals_any": _any(str.__eq__),
    "generate_jwt": json_text.generate_jwt,
    "getNetworkPort": lambda port, other: other if to_string(port) in _KNOWN_PORTS else port,
    "gzip": lambda text: to_text(archives.gzip_file(to_bytes(_text(text)))),
    "gzip_decode": lambda text, limit=None: to_text(archives.inflate(to_bytes(text), 31, limit)),
    "hex_decode": _hex_decode,
    "hex_encode": _hex_encode,
    "hex_to_dec": _from_base(16, "0x"),
    "hmac": _hmac,
    "html_escape": _html_escape,
    "html_unescape": lambda text: html.unescape(to_string(text)),
    "index": _index,
    "inflate": lambda text, limit=None: to_text(archives.inflate(to_bytes(text), -15, limit)),
    "join": _join,
    "json_minify": lambda text: json_text.minify(_text(text)),
    "len": lambda value: float(len(value) if isinstance(value, list) else len(to_bytes(value))),
    "line_ends_with": _any(str.endswith, lines=True),
    "line_starts_with": _any(str.startswith, lines=True),
    "md5": _hash("md5"),
    "mmh3": _murmur3,
    "oct_to_dec": _from_base(8, "0o"),
    "padding": _padding,
    "print_debug": lambda first, *others: True,
    "remove_bad_chars": _remove,
    "repeat": _repeat,
    "replace": _replace,
    "reverse": lambda text: to_string(text)[::-1],
    "sha1": _hash("sha1"),
    "sha256": _hash("sha256"),
    "sha512": _hash("sha512"),
    "sort": _several(sorted),
    "split": _split,
    "starts_with": _any(str.startswith),
    "substr": _substr,
    "to_bool": lambda value: to_string(value).lower() in ("true", "1"),
    "to_lower": _change_case(str.lower),
    "to_number": _to_number,
    "to_string": to_string,
    "to_unix_time": times.to_unix_time,
    "to_upper": _change_case(str.upper),
    "trim": lambda text, characters: to_string(text).strip(to_string(characters)),
    "trim_left": lambda text, characters: to_string(text).lstrip(to_string(characters)),
    "trim_prefix": lambda text, prefix: to_string(text).removeprefix(to_string(prefix)),
    "trim_right": lambda text, characters: to_string(text).rstrip(to_string(characters)),
    "trim_space": lambda text: to_string(text).strip(_SPACE),
    "trim_suffix": lambda text, suffix: to_string(text).removesuffix(to_string(suffix)),
    "uniq": _several(lambda items: list(dict.fromkeys(items))),
    "unix_time": times.unix_time,
    "url_decode": _url_decode,
    "url_encode": _url_encode,
    "wait_for": lambda seconds: bool(_number(seconds) >= 0),
    "xor": _xor,
    "zip": lambda *names_and_contents: to_text(
        archives.zip_file([to_bytes(_text(item)) for item in names_and_contents])
    ),
    "zlib": lambda text: to_text(archives.zlib_stream(to_bytes(_text(text)))),
    "zlib_decode": lambda text, limit=None: to_text(archives.inflate(to_bytes(text), 15, limit)),
}


def _random_text(alphabet: str) -> Callable[..., str]:
    def random_text(random: TemplateRandom, length: Value, bad_characters: Value = "") -> str:
        return random.text(int(_number(length)), _remove(alphabet, bad_characters))

    return random_text


def _rand_base(random: TemplateRandom, length: Value, alphabet: Value = "") -> str:
    characters = to_string(alphabet)
    return random.text(int(_number(length)), characters if characters.strip() else string.ascii_letters + string.digits)


def _rand_int(random: TemplateRandom, low: Value = 0.0, high: Value = 2.0**31 - 1) -> int:
    return random.number(int(_number(low)), int(_number(high)))


_RANDOM: dict[str, Callable[..., Value]] = {
    "rand_base": _rand_base,
    "rand_char": lambda random, alphabet="": _rand_base(random, 1.0, alphabet),
    "rand_int": _rand_int,
    "rand_ip": lambda random, *ranges: "192.0.2.10",
    "rand_text_alpha": _random_text(string.ascii_letters),
    "rand_text_alphanumeric": _random_text(string.ascii_letters + string.digits),
    "rand_text_numeric": _random_text(string.digits),
}
_FUNCTIONS = _PLAIN | _RANDOM
_FUNCTIONS |= {name.replace("_", ""): function for name, function in _FUNCTIONS.items()}
