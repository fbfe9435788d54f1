"""Payload bytes as text: decoded for comparison, and spelled so that hostile bytes stay text wherever they show."""

import re
from urllib.parse import unquote_to_bytes

MOST_ROUNDS = 5  # of decoding; a fixed point comes earlier in all but hostile inputs
LONGEST_SHOWN = 80  # characters of a name in a report
_VERSION = re.compile(rb"\A([^\r\n]*) HTTP/\d(?:\.\d)?(?=\r?\n|\Z)")
_SPECIAL = re.compile(r"[\\`*~$<>&|\[\]#!@]|(?<!\w)_|_(?!\w)|:(?=//)|(?<=www)\.")


def decoded(payload: bytes) -> bytes:
    """Returns the payload percent-decoded to a fixed point, a plus sign read as a space."""
    for _ in range(MOST_ROUNDS):
        if b"%" not in payload and b"+" not in payload:
            break
        after = unquote_to_bytes(payload.replace(b"+", b" "))
        if after == payload:
            break
        payload = after
    return payload


def readable(payload: bytes) -> bytes:
    """Returns the decoded payload without the version that ends its request line, which would cling to every path."""
    return _VERSION.sub(rb"\1", decoded(payload), count=1)


def shown(value: bytes | str, most: int = LONGEST_SHOWN) -> str:
    r"""Returns a value as one line of printable text.

    An escape byte is spelled ``\x1b``, a space at either end ``␣``, and an ellipsis stands where the text is cut.
    """
    text = value.decode("utf-8", "surrogateescape") if isinstance(value, bytes) else value
    spelled = "".join(c if c.isprintable() else _escape(c) for c in text[: most + 1])
    left, right = (len(spelled) - len(cut) for cut in (spelled.lstrip(" "), spelled.rstrip(" ")))
    spelled = "␣" * left + spelled.strip(" ") + "␣" * (right if left < len(spelled) else 0)
    return spelled if len(spelled) <= most else spelled[: most - 1] + "…"


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:  # a byte that is no UTF-8
        code -= 0xDC00
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 65536 else f"\\U{code:08x}"


def markdown(text: str) -> str:
    """Returns text that Markdown shows as it is: no markup, no link, no cell border, no line break."""
    return " ".join(_SPECIAL.sub(lambda match: f"&#{ord(match[0])};", shown(text, len(text) * 10)).split())
