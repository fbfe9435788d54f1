"""Payload bytes as text: decoding for comparisons, and escaping so that hostile bytes can be printed safely."""

import re
from urllib.parse import unquote_to_bytes

MAX_DECODINGS = 5  # only hostile inputs need more to reach a fixed point
MAX_CHARACTERS = 80  # of a name in a report
_VERSION = re.compile(rb"\A([^\r\n]*) HTTP/\d(?:\.\d)?(?=\r?\n|\Z)")
_SPECIAL = re.compile(r"[\\`*~$<>&|\[\]#!@]|(?<!\w)_|_(?!\w)|:(?=//)|(?<=www)\.")


def decoded(payload: bytes) -> bytes:
    """Returns the payload percent-decoded to a fixed point, with plus signs decoded as spaces."""
    for _ in range(MAX_DECODINGS):
        if b"%" not in payload and b"+" not in payload:
            break
        result = unquote_to_bytes(payload.replace(b"+", b" "))
        if result == payload:
            break
        payload = result
    return payload


def readable(payload: bytes) -> bytes:
    """Returns the decoded payload without the HTTP version in its request line, which would be part of every path."""
    return _VERSION.sub(rb"\1", decoded(payload), count=1)


def one_line(value: bytes | str, most: int = MAX_CHARACTERS) -> str:
    r"""Returns a value as one line of printable text.

    An escape byte is written as ``\x1b``, a space at either end as ``␣``. Text longer than ``most`` characters is cut
    and ends in an ellipsis.
    """
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
    line = "".join(c if c.isprintable() else _escape(c) for c in text[: most + 1])
    left, right = (len(line) - len(rest) for rest in (line.lstrip(" "), line.rstrip(" ")))
    line = "␣" * left + line.strip(" ") + "␣" * (right if left < len(line) else 0)
    return line if len(line) <= most else line[: most - 1] + "…"


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is not valid UTF-8, decoded by surrogateescape
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def markdown(text: str) -> str:
    """Escapes text for Markdown: no markup, link, cell border or line break is interpreted."""
    return " ".join(_SPECIAL.sub(lambda match: f"&#{ord(match[0])};", one_line(text, len(text) * 10)).split())
