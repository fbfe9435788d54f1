"""Decodes and encodes values as their place in a request does: strict decoding, encoding in the style of the original.

Text stands for bytes: one character per byte (latin-1).
"""

import json
import re
from urllib.parse import quote_from_bytes, unquote_to_bytes
from xml.sax.saxutils import escape

from harness.data.http_request import Place

_PERCENT: frozenset[Place] = frozenset(("query", "form", "cookie", "path"))
_BROKEN = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_ESCAPED = re.compile(rb"%[0-9A-Fa-f]{2}")
_ENTITY = re.compile(r"&(?:#x([0-9A-Fa-f]{1,7})|#([0-9]{1,7})|(lt|gt|amp|quot|apos));")
_NO_XML_TEXT = re.compile(r"<|&(?!(?:#x[0-9A-Fa-f]{1,7}|#[0-9]{1,7}|lt|gt|amp|quot|apos);)")
_JSON_UNITS = re.compile(rb"(?:[^\\]|\\u[0-9A-Fa-f]{4}|\\[^u])*+", re.S)
_STRING = json.JSONDecoder(strict=False)
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'"}
_LITERAL = "-._~!$'()*,;:@/?"  # what may stand as it is in a query (RFC 3986, 3.4) and in a form
_TOLERATED = '<>"{}[]|\\^`='


def decode(place: Place, raw: bytes) -> str | None:
    """Returns the decoded text of a value, or None if its bytes are not valid in the place's encoding.

    Percent-encoding as in RFC 3986, with ``+`` for a space in queries and forms; JSON strings as in RFC 8259; XML
    text with the five named and any numeric entities; other places do not encode.
    """
    if place in _PERCENT:
        if _BROKEN.search(raw):
            return None
        return unquote_to_bytes(raw.replace(b"+", b" ") if place in ("query", "form") else raw).decode("latin-1")
    if place == "json":
        return _json(raw)
    if place == "xml":
        text = raw.decode("latin-1")
        return None if _NO_XML_TEXT.search(text) else _latin(_ENTITY.sub(_character, text))
    return raw.decode("latin-1")


def _json(raw: bytes) -> str | None:
    try:
        text = _STRING.decode(f'"{raw.decode()}"')
    except ValueError:
        return None
    return _latin(text) if isinstance(text, str) else None


def _latin(text: str) -> str | None:
    """Returns the text, or None if a character does not fit in one byte."""
    return text if text.isascii() or max(map(ord, text)) < 256 else None


def _character(match: re.Match[str]) -> str:
    if match[3]:
        return _NAMED[match[3]]
    code = int(match[1], 16) if match[1] else int(match[2])
    # Other codes below 128 are not allowed in XML; above 127 the bytes depend on the body's charset.
    decodable = code in (9, 10, 13) or 32 <= code < 128
    return chr(code) if decodable else "\N{REPLACEMENT CHARACTER}"


class Escapes:
    """Finds out whether offsets of a payload lie inside escape sequences; reads a value once for ascending offsets."""

    def __init__(self, payload: bytes) -> None:
        self._payload = payload
        self._read: dict[int, tuple[int, bool]] = {}  # by start of a value: offset read so far, whether it is inside

    def split(self, place: Place, start: int, at: int) -> bool:
        """Whether offset ``at``, in a value that starts at offset ``start``, may lie inside an escape sequence."""
        payload = self._payload
        if place in _PERCENT:
            return payload.rfind(b"%", max(start, at - 2), at) >= 0
        begin, inside = self._read.get(start, (start, False))
        if begin > at:
            begin, inside = start, False
        if place == "json":
            units = _JSON_UNITS.match(payload, begin, at)
            end = units.end() if units else begin  # the last offset that is outside of all sequences
            inside = end < at
        elif place == "xml":
            mark = max(opening := payload.rfind(b"&", begin, at), payload.rfind(b";", begin, at))
            end, inside = at, inside if mark < 0 else mark == opening
        else:
            return False
        self._read[start] = end, inside
        return inside


def _spelled_like(encoded: bytes, place: Place, like: bytes) -> bytes:
    if place in ("query", "form") and b"+" in like and b"%20" not in like:
        encoded = encoded.replace(b"%20", b"+")
    escapes = b"".join(_ESCAPED.findall(like))
    return _ESCAPED.sub(lambda m: m[0].lower(), encoded) if escapes != escapes.upper() else encoded


def encode(place: Place, text: str, like: bytes = b"") -> bytes | None:
    """Returns the encoded bytes of a text for a place, or None if the place cannot hold it.

    Args:
        place: where the value is inserted.
        text: characters up to U+00FF.
        like: the value that is replaced. Its style is kept: characters that are not escaped there, the spelling of a
            space and the case of hex digits.
    """
    if place == "other":
        return None
    if place in _PERCENT:
        literals = "".join(c for c in _LITERAL + _TOLERATED if c.encode() in like) if like else ""
        safe = literals.replace("=", "") if place == "cookie" else literals
        return _spelled_like(quote_from_bytes(text.encode("latin-1"), safe=safe).encode(), place, like)
    if place == "json":
        return json.dumps(text)[1:-1].encode()
    if place == "xml":
        return escape(text).encode("latin-1")
    raw = text.encode("latin-1")
    if place == "cdata":
        return None if b"]]>" in raw else raw
    if place == "header":
        return None if b"\r" in raw or b"\n" in raw or raw != raw.strip() else raw
    if place == "filename":
        return None if b'"' in raw or b"\r" in raw or b"\n" in raw else raw
    return raw
