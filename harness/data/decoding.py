"""Decoding of all payloads at once, in one buffer of bytes in which every rule only overwrites and removes bytes."""

from collections.abc import Collection, Mapping
from html.entities import html5
from typing import Protocol

import numpy as np

from harness.data.byte_runs import Bytes, Indices, Mask, NameTable, expand, lower, runs, windows
from harness.data.payloads import Payloads

MAX_ROUNDS = 8  # only hostile inputs need more to reach a fixed point
SHORTEST_BASE64 = 16  # characters, 12 bytes: one random run in 90,000 of this length is text
_PADDING = 4  # zero bytes after the last payload, so that a rule may look ahead


class Buffer:
    """The bytes of payloads with a zero byte before each and after the last, which no rule matches or removes.

    So no match crosses from one payload into the next.

    Attributes:
        data: uint8, writable.
        starts: int64 (n + 1,), where payloads start; the zero byte after payload i is at ``starts[i + 1] - 1``.
        marks: int64 (any,), further positions that are carried along: a mark stays before the byte that it stood
            before, or before the next one that is left.
    """

    def __init__(self, payloads: Payloads, marks: Indices) -> None:
        """Copies the payloads; ``marks`` are offsets in the joined bytes, with the row of each added to them."""
        self.starts = payloads.offsets + np.arange(1, len(payloads) + 2)
        self.data = np.zeros(int(self.starts[-1]) + _PADDING, dtype=np.uint8)
        is_byte = np.zeros(len(self.data), dtype=np.bool_)
        is_byte[1 : self.starts[-1]] = True
        is_byte[self.starts - 1] = False
        self.data[is_byte] = payloads.data
        self.marks = marks + 1

    @staticmethod
    def position(payloads: Payloads, offsets: Indices) -> Indices:
        """Returns where bytes of the joined payloads are in a new buffer of them, int64 (m,)."""
        return offsets + np.searchsorted(payloads.offsets, offsets, side="right")

    def remove(self, gone: Indices) -> None:
        """Removes the bytes at ascending positions."""
        if not len(gone):
            return
        stays = np.ones(len(self.data), dtype=np.bool_)
        stays[gone] = False
        self.data = self.data[stays]
        self.starts = self.starts - np.searchsorted(gone, self.starts)
        self.marks = self.marks - np.searchsorted(gone, self.marks)

    def payloads(self) -> Payloads:
        """Returns the bytes without the zero bytes between."""
        is_byte = np.zeros(len(self.data), dtype=np.bool_)
        is_byte[1 : self.starts[-1]] = True
        is_byte[self.starts - 1] = False
        return Payloads(self.data[is_byte], self.starts - np.arange(1, len(self.starts) + 1))


class Rule(Protocol):
    """Decodes the buffer in place once, and returns whether anything changed."""

    def __call__(self, buffer: Buffer) -> bool:
        """See the class."""
        ...


def decode(buffer: Buffer, rules: Collection[str]) -> None:
    """Applies rules (names of `RULES`) to the buffer in turn, until nothing changes or `MAX_ROUNDS` are over."""
    chosen = [rule for name, rule in RULES.items() if name in rules]
    changes, seen = 0, [-1] * len(chosen)  # a rule need not run again if nothing has changed since it did
    for _ in range(MAX_ROUNDS):
        for number, rule in enumerate(chosen):
            if seen[number] < changes:
                seen[number] = changes
                changes += rule(buffer)


_JSON_ESCAPE = np.zeros(256, dtype=np.uint8)
_JSON_ESCAPE[list(b'"\\/bfnrt')] = list(b'"\\/\b\f\n\r\t')


def unescape_json(buffer: Buffer, at: Indices) -> None:
    r"""Decodes ``\"``, ``\n`` and the other escapes of one character (RFC 8259, 7).

    Args:
        buffer: changed in place.
        at: positions of all backslashes in JSON, ascending.
    """
    begins = np.append(True, np.diff(at) != 1)[: len(at)]
    run = np.maximum.accumulate(np.where(begins, np.arange(len(at)), 0))
    at = at[(np.arange(len(at)) - run) % 2 == 0]  # of a run of backslashes, each second one is escaped
    escaped = _JSON_ESCAPE[buffer.data[at + 1]]
    at, escaped = at[escaped > 0], escaped[escaped > 0]
    buffer.data[at] = escaped
    buffer.remove(at + 1)


_HEX = np.full(256, 255, dtype=np.uint8)
_HEX[list(b"0123456789ABCDEF")] = np.arange(16)
_HEX[list(b"abcdef")] = np.arange(10, 16)


def _percent(buffer: Buffer) -> bool:
    """``%3C`` is ``<`` (RFC 3986, 2.1; WHATWG URL, percent-decode; ModSecurity t:urlDecode)."""
    return _bytes_of_hex(buffer, np.flatnonzero(buffer.data == 37), 1)


def _escaped_bytes(buffer: Buffer, at: Indices) -> bool:
    return _bytes_of_hex(buffer, at[(buffer.data[at + 1] | 32) == 120], 2)


def _bytes_of_hex(buffer: Buffer, at: Indices, lead: int) -> bool:
    """Decodes two hexadecimal digits after ``lead`` characters at some positions to a byte."""
    high, low = _HEX[buffer.data[at + lead]], _HEX[buffer.data[at + lead + 1]]
    valid = (high | low) < 16
    at = at[valid]
    buffer.data[at] = high[valid] << np.uint8(4) | low[valid]
    buffer.remove((at[:, None] + np.arange(1, lead + 2)).ravel())
    return bool(len(at))


def _percent_u(buffer: Buffer) -> bool:
    """``%u003C`` is ``<``: a non-standard encoding of IIS (ModSecurity t:urlDecodeUni)."""
    at = np.flatnonzero(buffer.data == 37)
    return _code_points(buffer, at[(buffer.data[at + 1] | 32) == 117])


def _escapes(buffer: Buffer) -> bool:
    r"""``\u003c`` and ``\x3c`` are ``<`` (ECMA-262, 12.9.4; RFC 8259, 7; ModSecurity t:jsDecode)."""
    at = np.flatnonzero(buffer.data == 92)
    changed = _code_points(buffer, at[(buffer.data[at + 1] | 32) == 117])
    return _escaped_bytes(buffer, np.flatnonzero(buffer.data == 92) if changed else at) or changed


def _code_points(buffer: Buffer, at: Indices) -> bool:
    """Decodes four hexadecimal digits after two characters at some positions to UTF-8.

    Full-width forms of ASCII characters, U+FF01 to U+FF5E, become these, as in ModSecurity.
    """
    if not len(at):
        return False
    digits = _HEX[windows(buffer.data, at + 2, 4)]
    valid = (digits < 16).all(axis=1)
    at, digits = at[valid], digits[valid].astype(np.int64)
    code = digits @ np.array([4096, 256, 16, 1])
    code = np.where((code >= 0xFF01) & (code <= 0xFF5E), code - 0xFEE0, code)
    return _write(buffer, at, np.full(len(at), 6), code)


def _write(buffer: Buffer, at: Indices, length: Indices, code: Indices) -> bool:
    """Replaces matches by the UTF-8 bytes of code points, of which no match may be shorter."""
    size = 1 + (code >= 0x80) + (code >= 0x800) + (code >= 0x10000)
    lead = np.array([0, 0, 0xC0, 0xE0, 0xF0])[size]
    for byte in range(4):
        rows = size > byte
        shifted = code[rows] >> 6 * (size[rows] - 1 - byte)
        buffer.data[at[rows] + byte] = lead[rows] | shifted if byte == 0 else 0x80 | (shifted & 0x3F)
    buffer.remove(expand(at + size, length - size)[0])
    return bool(len(at))


# Character references whose character is ASCII, without the semicolon of most of them.
_REFERENCES = {name.rstrip(";").lower(): ord(text) for name, text in html5.items() if len(text) == 1 and text < "\x80"}
_BARE = frozenset({"amp", "gt", "lt", "quot"})  # those that HTML also reads without a semicolon
_REFERENCE_TABLE = NameTable([name.encode() for name in _REFERENCES])
_REFERENCE_CODE = np.array(list(_REFERENCES.values()))
_REFERENCE_BARE = np.array([name in _BARE for name in _REFERENCES])
_LONGEST_NUMBER = 16


def _entities(buffer: Buffer) -> bool:
    """``&lt;``, ``&#60;`` and ``&#x3c`` are ``<`` (HTML, 13.2.5.72 to 80; ModSecurity t:htmlEntityDecode).

    Names are read in any case, as in ModSecurity. Without a semicolon, a name is read as in an HTML attribute: not
    before ``=`` or a letter or digit, so that names of parameters after ``&`` stay.
    """
    at = np.flatnonzero(buffer.data == 38)
    return bool(len(at)) and _write(buffer, *_references(buffer.data, at))


def begins_reference(data: Bytes, at: Indices) -> Mask:
    """Returns at which ascending positions, of ``&``, a reference begins that the rule ``entities`` reads."""
    padded = np.append(data, np.zeros(_PADDING, dtype=np.uint8))
    return np.isin(at, _references(padded, at)[0])


def _references(data: Bytes, at: Indices) -> tuple[Indices, Indices, Indices]:
    """Returns the ascending positions, lengths and code points of the references at some positions of ``&``."""
    following_byte = data[at + 1]
    numeric = _numeric(data, at[following_byte == 35])
    named = _named(data, at[(following_byte | 32) - np.uint8(97) < 26])
    at, length, code = (np.concatenate(pair) for pair in zip(numeric, named, strict=True))
    order = np.argsort(at)
    return at[order], length[order], code[order]


def _numeric(data: Bytes, at: Indices) -> tuple[Indices, Indices, Indices]:
    """Returns the position, length and code point of the numeric references at some positions."""
    is_hex = (data[at + 2] | 32) == 120
    lead = 2 + is_hex
    digits = _HEX[windows(data, at + lead, _LONGEST_NUMBER)]
    base = np.where(is_hex, 16, 10)
    valid = digits < base[:, None]
    count = np.where(valid.all(axis=1), 0, valid.argmin(axis=1))  # longer numbers are not read
    code = np.zeros(len(at), dtype=np.int64)
    for column in range(_LONGEST_NUMBER):
        code = np.where(column < count, np.minimum(code, 0x110000) * base + digits[:, column], code)
    length = lead + count
    length += data[np.minimum(at + length, len(data) - 1)] == 59
    legal = (count > 0) & (code > 0) & (code <= 0x10FFFF) & ((code < 0xD800) | (code > 0xDFFF))
    return at[legal], length[legal], code[legal]


def _named(data: Bytes, at: Indices) -> tuple[Indices, Indices, Indices]:
    """Returns the position, length and code point of the named references at some positions."""
    names = lower(windows(data, at + 1, NameTable.WIDTH))
    inside = (names - np.uint8(97) < 26) | (names - np.uint8(48) < 10)
    count = np.where(inside.all(axis=1), 0, inside.argmin(axis=1))
    known = _REFERENCE_TABLE.find(names, count)
    after = data[at + 1 + count]
    closed = after == 59
    legal = (known >= 0) & (closed | _REFERENCE_BARE[known] & (after != 61))
    return at[legal], (1 + count + closed)[legal], _REFERENCE_CODE[known[legal]]


def _overlong(buffer: Buffer) -> bool:
    """``C0 BC`` is ``<``: an overlong form of an ASCII character (RFC 3629, 10; ModSecurity t:utf8toUnicode)."""
    at = np.flatnonzero(buffer.data >= 0xC0)
    if not len(at):
        return False
    b0, b1, b2, b3 = windows(buffer.data, at, 4).T
    two = ((b0 & 0xFE) == 0xC0) & ((b1 & 0xC0) == 0x80)
    three = (b0 == 0xE0) & ((b1 & 0xFE) == 0x80) & ((b2 & 0xC0) == 0x80)
    four = (b0 == 0xF0) & (b1 == 0x80) & ((b2 & 0xFE) == 0x80) & ((b3 & 0xC0) == 0x80)
    high = np.select([two, three, four], [b0, b1, b2])
    low = np.select([two, three, four], [b1, b2, b3])
    valid = two | three | four
    length = (2 * two + 3 * three + 4 * four)[valid]
    code = ((high[valid] & 1) << np.uint8(6) | low[valid] & 0x3F).astype(np.int64)
    return _write(buffer, at[valid], length, code)


_SEXTET = np.full(256, 255, dtype=np.uint8)
_SEXTET[list(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")] = np.arange(64)
_SEXTET[list(b"-_")] = (62, 63)  # the alphabet for URLs and file names (RFC 4648, 5)
_IS_TEXT = np.zeros(256, dtype=np.bool_)
_IS_TEXT[[0, 9, 10, 13, *range(32, 127)]] = True  # NUL, since PHP writes it into the names of private properties


def _base64(buffer: Buffer) -> bool:
    """``PHNjcmlwdD5hbGVydCgpPC8`` is ``<script>alert()</`` (RFC 4648, 4 and 5; ModSecurity t:base64DecodeExt).

    A run of at least `SHORTEST_BASE64` characters of the alphabet is decoded if all that it encodes is printable ASCII
    or NUL, and its first byte is not NUL.
    """
    data = buffer.data
    alphanumeric = (data - np.uint8(48) < 10) | ((data | 32) - np.uint8(97) < 26)
    start, end = runs(alphanumeric | (data == 43) | (data == 47) | (data == 45) | (data == 95))
    length = end - start
    long = (length >= SHORTEST_BASE64) & (length % 4 != 1)
    start, length = start[long], length[long]
    octets, text = _groups(_SEXTET[windows(buffer.data, start, SHORTEST_BASE64)])
    readable = text.all(axis=1) & (octets[:, 0] != 0)  # rules most runs out
    start, length = start[readable], length[readable]
    if not len(start):
        return False

    # Four characters are a group; the last one is completed by zero bits, which also stand for no bytes.
    groups = -(-length // 4)
    first, run = expand(start, groups)
    number = first - start[run]
    at = start[run] + 4 * number
    size = np.minimum(length[run] - 4 * number, 4)
    sextets = np.where(np.arange(4) < size[:, None], _SEXTET[windows(buffer.data, at, 4)], np.uint8(0))
    octets, text = _groups(sextets)
    is_byte = np.arange(3) < (size - 1)[:, None]
    valid = np.ones(len(start), dtype=np.bool_)
    valid[run[(is_byte & ~text | ~is_byte & (octets != 0)).any(axis=1)]] = False
    at, size, octets, is_byte = (values[valid[run]] for values in (at, size, octets, is_byte))
    place = at[:, None] + np.arange(3)
    buffer.data[place[is_byte]] = octets[is_byte]
    rest = (at + size - 1)[:, None]  # each group loses its last character
    end, missing = (start + length)[valid], (-length % 4)[valid]
    equals = end[:, None] + np.arange(2)
    is_padding = (np.arange(2) < missing[:, None]) & (buffer.data[equals] == 61)
    is_padding[:, 1] &= is_padding[:, 0]
    buffer.remove(np.sort(np.concatenate([rest.ravel(), equals[is_padding]])))
    return bool(valid.any())


def _groups(sextets: Bytes) -> tuple[Bytes, Mask]:
    """Returns the bytes that groups of four 6-bit numbers encode, uint8 (m, 3/4 of the columns), and which are text."""
    a, b, c, d = (sextets[:, column::4] for column in range(4))
    octets = np.stack([a << 2 | b >> 4, b << 4 | c >> 2, c << 6 | d], axis=2).reshape(len(sextets), 3 * a.shape[1])
    return octets, _IS_TEXT[octets]


RULES: Mapping[str, Rule] = {
    "percent-u": _percent_u,
    "percent": _percent,
    "entities": _entities,
    "escapes": _escapes,
    "overlong": _overlong,
    "base64": _base64,
}
