"""Strict readers of encodings and byte-by-byte comparisons of requests, which check what a perturbation left unchanged.

Nothing here is shared with the code that changes requests: no reader uses `data.http_request` or `perturbations.codec`.
"""

import json
import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, unquote_to_bytes

Span = tuple[int, int]
Pairs = list[tuple[str, str]]


def _reject_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")  # NaN and Infinity, which Python accepts


_JSON = json.JSONDecoder(
    object_pairs_hook=tuple, parse_int=str.encode, parse_float=str.encode, parse_constant=_reject_constant
)  # fmt: skip

_BLANK = re.compile(rb"\n\r?\n")
_LENGTH = re.compile(rb"\ncontent-length[ \t]*+:[ \t]*+(\d++)[ \t]*+(?=\r?\n)", re.I)
_BROKEN = re.compile(rb"%(?![0-9A-Fa-f]{2})")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,8})\r\n")
_BOUNDARY = re.compile(rb';[ \t]*boundary="?([^";,\s]{1,70})"?[ \t]*(?:;|\Z)', re.I)
_PART_NAME = re.compile(rb';[ \t]*name="([^"\r\n]*)"', re.I)
_FIELD_HEAD = re.compile(rb'\r\ncontent-disposition: form-data; name="([^"\r\n]*)"\r\n\r\n', re.I)


def percent_decoded(raw: bytes, plus: bool) -> bytes | None:
    """Returns the percent-decoded bytes (RFC 3986, 2.1), or None if the encoding is invalid.

    Args:
        raw: the encoded bytes.
        plus: whether ``+`` means a space, as in a form.
    """
    if _BROKEN.search(raw):
        return None
    return unquote_to_bytes(raw.replace(b"+", b" ") if plus else raw)


def chunks_joined(body: bytes) -> bytes | None:
    """Returns the content of a chunked body (RFC 9112, 7.1); None if it is not one or has extensions or trailers."""
    parts, at = [], 0
    while (size := _CHUNK.match(body, at)) is not None:
        at = size.end() + int(size[1], 16)
        parts.append(body[size.end() : at])
        if not parts[-1]:
            return b"".join(parts) if body[at:] == b"\r\n" else None
        if body[at : at + 2] != b"\r\n":
            return None
        at += 2
    return None


def json_read(body: bytes) -> object:
    """Returns the value of a JSON text (RFC 8259), or None if it is not valid JSON.

    Objects become tuples of pairs in their order; numbers become bytes, so that different spellings differ.
    """
    try:
        return _JSON.decode(body.decode())
    except (ValueError, RecursionError):
        return None


def same_json(before: bytes, after: bytes, ignore_order: bool) -> bool:
    """Whether two JSON texts have the same value, with ``ignore_order`` in any order of top-level names."""
    one, other = json_read(before), json_read(after)
    if ignore_order and isinstance(one, tuple) and isinstance(other, tuple):
        one, other = sorted(one, key=_name), sorted(other, key=_name)
    try:
        return one is not None and one == other
    except RecursionError:
        return False


def _name(member: tuple[str, object]) -> str:
    return member[0]


def fields_read(kind: bytes, body: bytes) -> Pairs | None:
    """Returns the names and values of a form, a flat JSON object of strings or a multipart body of plain fields.

    Args:
        kind: the value of Content-Type.
        body: the content.

    Returns:
        Names and values in their order, one character per byte (in JSON, per code point); None if the body is not
        strictly of that kind.
    """
    media = kind.partition(b";")[0].strip().lower()
    if media == b"application/x-www-form-urlencoded":
        return _form(body)
    if media == b"application/json":
        value = json_read(body)
        flat = isinstance(value, tuple) and all(isinstance(text, str) for _, text in value)
        return list(value) if flat and isinstance(value, tuple) else None
    parts = parts_read(kind, body) if media == b"multipart/form-data" else None
    heads = [_FIELD_HEAD.match(part) for part in parts or ()]
    if parts is None or not all(heads):
        return None
    return [
        (head[1].decode("latin-1"), part[head.end() :].decode("latin-1"))
        for head, part in zip(heads, parts, strict=True)
        if head
    ]


def _form(body: bytes) -> Pairs | None:
    if _BROKEN.search(body):
        return None
    try:
        return parse_qsl(body.decode("latin-1"), keep_blank_values=True, strict_parsing=True, encoding="latin-1")
    except ValueError:
        return None


def parts_read(kind: bytes, body: bytes) -> list[bytes] | None:
    """Returns the parts between the delimiters of a multipart body; None unless it is closed (RFC 2046, 5.1.1).

    Args:
        kind: the value of Content-Type.
        body: the content.
    """
    boundary = _BOUNDARY.search(kind)
    if boundary is None:
        return None
    first, *parts = (b"\r\n" + body).split(b"\r\n--" + boundary[1])
    if first or not parts or parts.pop() not in (b"--", b"--\r\n"):
        return None
    return parts if all(part.startswith(b"\r\n") for part in parts) else None


def part_name(part: bytes) -> bytes:
    """Returns the name of a part of a multipart form; empty if it has none (RFC 7578, 4.2)."""
    name = _PART_NAME.search(part.partition(b"\r\n\r\n")[0])
    return name[1] if name else b""


def head_and_body(payload: bytes) -> tuple[list[bytes], bytes]:
    """Returns the lines before the first empty line, without their line feeds, and the body after it."""
    blank = _BLANK.search(payload)
    if blank is None:
        return payload.split(b"\n"), b""
    return payload[: blank.start()].split(b"\n"), payload[blank.end() :]


def field_name(line: bytes) -> bytes:
    """Returns the field name of a header line in lower case."""
    return line.partition(b":")[0].strip().lower()


def same_elsewhere(before: bytes, old_spans: Sequence[Span], after: bytes, new_spans: Sequence[Span]) -> bool:
    """Whether two payloads are equal outside of the given ranges; a correct Content-Length may change to a correct one.

    Args:
        before, after: the payloads.
        old_spans, new_spans: ascending ranges of each, the same number.
    """
    if old_lengths := _lengths(before):
        if (new_lengths := _lengths(after)) is None:
            return False
        old_spans, new_spans = sorted([*old_spans, *old_lengths]), sorted([*new_spans, *new_lengths])
    return _outside(before, old_spans) == _outside(after, new_spans)


def _lengths(payload: bytes) -> list[Span] | None:
    """Returns the spans of the values of Content-Length, perhaps none; None if one is wrong."""
    blank = _BLANK.search(payload)
    start = blank.end() if blank else len(payload)
    spans = [field.span(1) for field in _LENGTH.finditer(payload, 0, start)]
    size = b"%d" % (len(payload) - start)
    return spans if all(payload[first:last] == size for first, last in spans) else None


def _outside(payload: bytes, spans: Sequence[Span]) -> list[bytes]:
    edges = [0, *(edge for span in spans for edge in span), len(payload)]
    return [payload[start:end] for start, end in zip(edges[::2], edges[1::2], strict=True)]
