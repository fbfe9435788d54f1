"""Masks for what names one host, session or moment: long tokens, numbers, the Host header. For all payloads at once."""

from collections.abc import Collection

import numpy as np

from harness.data.byte_runs import Indices, Mask, expand, following, lower, runs, windows
from harness.data.decoding import Buffer

RULES = ("case", "host", "tokens", "digits", "space")
SHORTEST_TOKEN = 8  # letters and digits
# First characters, in lower case, of serialised objects as text, which tell the language: base64 of Java's AC ED 00 05,
# of .NET's BinaryFormatter and of pickle protocols 2 to 5, and Java's in hexadecimal (CRS 944200 and 944210; OWASP,
# Deserialization Cheat Sheet). A masked token keeps them.
_MAGIC = tuple(np.frombuffer(text, np.uint8) for text in (b"ro0ab", b"aaeaa", b"gasv", b"gaj", b"gan", b"aced0"))
_LONGEST_MAGIC = max(map(len, _MAGIC))
_HOST = np.zeros(256, dtype=np.bool_)  # characters of a host and port (RFC 9110, 7.2), and white space around them
_HOST[list(b" \t\r\n.-:[]_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")] = True


def mask(buffer: Buffer, hosts: tuple[Indices, Indices], rules: Collection[str]) -> None:
    """Folds case, masks the values of Host headers, long tokens and numbers, and shortens white space.


    Args:
        buffer: changed in place.
        hosts: starts and ends of the Host header lines in it.
        rules: names of `RULES`.
    """
    if "case" in rules:
        buffer.data = lower(buffer.data)
    data = buffer.data
    gone = np.zeros(len(data), dtype=np.bool_)
    if "host" in rules:
        _mask_hosts(buffer, hosts, gone)
    digit = data - np.uint8(48) < 10
    letter = (data | 32) - np.uint8(97) < 26
    start, end = runs(digit | letter)
    literal = (data[start] == 48) & ((data[start + 1] | 32) == 120) & (end - start > 2)
    kept = np.zeros(len(data), dtype=np.bool_)  # bytes that the masks leave as they are, hexadecimal literals at first
    kept[expand(start[literal], (end - start)[literal])[0]] = True
    if "tokens" in rules:
        _mask_tokens(buffer, digit, letter, (start[~literal], end[~literal]), gone, kept)
    if "digits" in rules:
        _mask_numbers(buffer, digit, gone, kept)
    if "space" in rules:
        _shorten_space(buffer, gone)
    buffer.remove(np.flatnonzero(gone))


def _shorten_space(buffer: Buffer, gone: Mask) -> None:
    """Makes a run of white space one line feed if it has a line end, otherwise one tab if it has a tab, or one space.

    Line ends separate commands, and browsers drop them and tabs from URLs (WHATWG URL), so these are part of attacks.
    """
    data = buffer.data
    at = np.flatnonzero((data - np.uint8(9) < 5) | (data == 32))
    byte = data[at]
    begins = np.append(True, np.diff(at) != 1)[: len(at)]
    run = np.cumsum(begins) - 1
    shown = np.full(int(begins.sum()), 32, dtype=np.uint8)
    shown[run[byte == 9]] = 9
    shown[run[(byte == 10) | (byte == 13)]] = 10
    data[at[begins]] = shown
    gone[at[~begins]] = True


def _rest(start: Indices, end: Indices, kept: int) -> Indices:
    """Returns the positions of runs after their first ``kept`` bytes."""
    longer = np.flatnonzero(end - start > kept)
    return expand(start[longer] + kept, (end - start)[longer] - kept)[0]


def _mask_hosts(buffer: Buffer, hosts: tuple[Indices, Indices], gone: Mask) -> None:
    """Removes the values of Host headers, except those that are not a host name or address, which may be attacks."""
    start, end = hosts
    value = following(np.flatnonzero(buffer.data == 58), start, len(buffer.data)) + 1
    index, line = expand(value, np.maximum(end - value, 0))
    byte = buffer.data[index]
    plain = np.ones(len(start), dtype=np.bool_)
    plain[line[~_HOST[byte]]] = False
    gone[index[plain[line] & (byte != 13) & (byte != 10)]] = True


def _mask_tokens(
    buffer: Buffer, digit: Mask, letter: Mask, words: tuple[Indices, Indices], gone: Mask, kept: Mask
) -> None:
    """Makes long tokens ``a0``: runs of at least `SHORTEST_TOKEN` letters and digits that change between the two twice.

    So ``system32`` and ``50000union`` are not tokens. Tokens that begin a serialised object keep its first characters.
    """
    data = buffer.data
    start, end = words
    long = end - start >= SHORTEST_TOKEN
    start, end = start[long], end[long]
    changes = np.flatnonzero(digit[1:] & letter[:-1] | letter[1:] & digit[:-1])
    mixed = np.searchsorted(changes, end - 1) - np.searchsorted(changes, start) >= 2
    start, end = start[mixed], end[mixed]
    head = lower(windows(data, start, _LONGEST_MAGIC))
    magic = np.zeros(len(start), dtype=np.int64)
    for text in _MAGIC:
        magic[(head[:, : len(text)] == text).all(axis=1)] = len(text)
    plain = start[magic == 0]
    data[plain], data[plain + 1] = 97, 48
    shown = np.where(magic > 0, magic, 2)
    kept[expand(start, end - start)[0]] = True
    gone[expand(start + shown, end - start - shown)[0]] = True


def _mask_numbers(buffer: Buffer, digit: Mask, gone: Mask, kept: Mask) -> None:
    """Makes runs of digits ``0``, and keeps special-purpose addresses (RFC 6890)."""
    data = buffer.data
    start, end = runs(digit)
    masked = ~kept[start] & ~_special_addresses(buffer, start, end)
    start, end = start[masked], end[masked]
    data[start] = 48
    gone[_rest(start, end, 1)] = True


def _special_addresses(buffer: Buffer, start: Indices, end: Indices) -> Mask:
    """Returns which runs of digits belong to an IPv4 address of a special purpose (RFC 6890, 2.2.2), bool (runs,)."""
    data = buffer.data
    out = np.zeros(len(start), dtype=np.bool_)
    joined = (start[1:] == end[:-1] + 1) & (data[end[:-1]] == 46)  # one dot between a run and the next
    if len(start) < 4:
        return out
    quad = joined[:-2] & joined[1:-1] & joined[2:]
    quad[1:] &= ~joined[:-3]
    quad[:-1] &= ~joined[3:]
    first = np.flatnonzero(quad)
    part = [_small_number(buffer, start[first + i], end[first + i]) for i in range(4)]
    a, b, c = part[0], part[1], part[2]
    legal = np.stack(part).max(axis=0) < 256
    special = (a == 0) | (a == 10) | (a == 127) | (a == 169) & (b == 254) | (a == 172) & (b >= 16) & (b < 32)
    special |= (a == 192) & ((b == 168) | (b == 0) & ((c == 0) | (c == 2)))
    special |= (a == 198) & ((b == 18) | (b == 19) | (b == 51) & (c == 100)) | (a == 203) & (b == 0) & (c == 113)
    special |= (a == 100) & (b >= 64) & (b < 128)
    for i in range(4):
        out[first[legal & special] + i] = True
    return out


def _small_number(buffer: Buffer, start: Indices, end: Indices) -> Indices:
    """Returns the values of runs of digits, 1000 for those of more than three."""
    out = np.zeros(len(start), dtype=np.int64)
    for place in range(3):
        at = start + place
        out = np.where(at < end, out * 10 + buffer.data[np.minimum(at, len(buffer.data) - 1)] - 48, out)
    return np.where(end - start > 3, 1000, out)
