"""Tier A: other encodings of the same request, each of which a strict decoder can invert exactly."""

import random
import re
from dataclasses import replace
from typing import TypeVar

from harness.data.http_request import Place, Request, Span
from harness.oracles import encoding as oracle
from harness.perturbations.base import Perturbation
from harness.perturbations.codec import decode
from harness.perturbations.message import Edit, Insertion, Message

T = TypeVar("T")
_DIGITS = b"0123456789ABCDEFabcdef"
_BYTES = frozenset(range(256))
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_RESERVED = frozenset(b":/?#[]@!$&'()*+,;=%")
_UNIT, _BROKEN = re.compile(rb"[^%]|%..", re.S), re.compile(rb"%(?![0-9A-Fa-f]{2})")
_HEX = tuple([spelling % byte for byte in range(256)] for spelling in (b"%%%02X", b"%%%02x"))
_VALUE = {b"%" + bytes((high, low)): int(bytes((high, low)), 16) for high in _DIGITS for low in _DIGITS}
# Which bytes of a value may change between literal and percent-encoded (RFC 3986, 2.2 and 6.2.2): in paths and cookies
# no reserved character, in queries and forms none that separates the pairs.
_LITERAL = _UNRESERVED | frozenset(b"!$'()*,:@/?")
_ENCODABLE: dict[Place, frozenset[int]] = {
    "query": _BYTES - frozenset(b"%+&;#"), "form": _BYTES - frozenset(b"%+&;#"),
    "path": _BYTES - _RESERVED, "cookie": _UNRESERVED,
}  # fmt: skip
_DECODABLE: dict[Place, frozenset[int]] = {
    "query": _LITERAL, "form": _LITERAL, "path": _UNRESERVED, "cookie": _UNRESERVED,
}  # fmt: skip
_PERCENT = re.compile(rb"%..", re.S)
_FORM_LITERAL, _FORM_INNER = bytes(_LITERAL | frozenset(b"+")), bytes(_BYTES - frozenset(b"&;#"))
_PATH_LITERAL, _PATH_INNER = bytes(_UNRESERVED), bytes(_BYTES - _RESERVED)

_CHUNKED = b"Transfer-Encoding: chunked\r"
_SELF = [bytes((byte,)) for byte in range(256)]
_ESCAPABLE = frozenset(range(32, 127)) - frozenset(b'"\\')
_ESCAPE = re.compile(rb"(\\(?:u[0-9A-Fa-f]{4}|.))", re.S)


def _some(values: list[T], rng: random.Random) -> list[T]:
    """Returns a random subset: about 1/4, 1/2, 3/4 or all of the values, at least one if there are any."""
    # Bit masks: one bit is set with probability 1/2, two combined by AND give 1/4, by OR 3/4; -1 sets all bits.
    one, other = rng.getrandbits(len(values)), rng.getrandbits(len(values))
    mask = rng.choice((one & other, one, one | other, -1))
    return [value for at, value in enumerate(values) if mask >> at & 1] or values[:1]


class PercentEncoding(Perturbation):
    """Encodes bytes that need no encoding, decodes those that need none, changes the case of hex digits (RFC 3986)."""

    name = "percent-encoding"
    tier = "A"
    touches_attack = True

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        """Changes the spelling of the attack in every place that uses percent-encoding."""
        edits = []
        for place, (start, end) in message.slots:
            raw = message.payload[start:end]
            if place in _ENCODABLE and (place != "cookie" or b"%" in raw):
                edits.append(Edit(start, end, _respell(raw, place, rng)))
        return message.with_edits(edits) if edits else None

    def keeps_class(self, before: Message, after: Message) -> bool:
        """Whether a strict decoder reads the same bytes, and delimiters and everything else are the same."""
        return (
            len(before.spans) == len(after.spans)
            and all(
                old == new or _same_bytes(place, old, new)
                for (place, _), old, new in zip(before.slots, before.ranges, after.ranges, strict=True)
            )
            and oracle.same_elsewhere(before.payload, before.spans, after.payload, after.spans)
        )


def _respell(raw: bytes, place: Place, rng: random.Random) -> bytes:
    """Returns the value with a random subset of its bytes in another spelling; unchanged if its encoding is invalid."""
    if _BROKEN.search(raw):
        return raw
    units = _UNIT.findall(raw)
    distinct = sorted(set(units))
    escapes = rng.choice(_HEX)
    table = {unit: escapes[_VALUE[unit]] for unit in distinct if unit in _VALUE}
    literal = [unit for unit in distinct if unit[0] in _ENCODABLE[place]]
    decodable = [unit for unit in table if _VALUE[unit] in _DECODABLE[place]]
    if decodable and rng.random() < 0.7:
        table.update((unit, _SELF[_VALUE[unit]]) for unit in _some(decodable, rng))
    if place in ("query", "form"):
        table.update(dict.fromkeys((b" ", b"+", b"%20"), b"+" if rng.random() < 0.5 else b"%20"))
    if literal and (rng.random() < 0.7 or b"".join(map(table.get, units, units)) == raw):
        table.update((unit, escapes[unit[0]]) for unit in _some(literal, rng))
    return b"".join(map(table.get, units, units))


def _same_bytes(place: Place, before: bytes, after: bytes) -> bool:
    plus = place in ("query", "form")
    decoded = oracle.percent_decoded(before, plus)
    old, new = _PERCENT.sub(b"", before), _PERCENT.sub(b"", after)  # the bytes outside of escapes
    literal, inner = (_FORM_LITERAL, _FORM_INNER) if plus else (_PATH_LITERAL, _PATH_INNER)
    return (
        decoded is not None
        and decoded == oracle.percent_decoded(after, plus)
        and all(byte in old for byte in new.translate(None, literal))
        and old.translate(None, inner) == new.translate(None, inner)
    )


class HeaderCase(Perturbation):
    """Changes the case of header names, which is insignificant (RFC 9110, 5.1)."""

    name = "header-case"
    tier = "A"
    needs_place = False

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        """Writes all names outside of the attack in one random style."""
        headers = message.request.headers
        if not headers:
            return None
        index = rng.randrange(len(_CASES))
        attack_in_headers = message.overlaps_attack(headers[0].line[0], headers[-1].line[1])
        for change_case in (_CASES[index], _CASES[index - 1]):  # the second if the first changes nothing
            payload = bytearray(message.payload)
            for _, (start, end), _ in headers:
                if not attack_in_headers or not message.overlaps_attack(start, end):
                    payload[start:end] = change_case(message.payload[start:end])
            if payload != message.payload:
                break
        return replace(message, payload=bytes(payload))

    def keeps_class(self, before: Message, after: Message) -> bool:
        """Whether the messages differ in the case of header names only."""
        (old, old_body), (new, new_body) = oracle.head_and_body(before.payload), oracle.head_and_body(after.payload)
        return (
            (len(old), old[0], old_body) == (len(new), new[0], new_body)
            and len(before.payload) == len(after.payload)
            and all(a == b or _same_field(a, b) for a, b in zip(old, new, strict=True))
        )


def _same_field(line: bytes, other: bytes) -> bool:
    return oracle.field_name(line) == oracle.field_name(other) and line.partition(b":")[1:] == other.partition(b":")[1:]


def _alternate_case(name: bytes) -> bytes:
    return b"".join([_SELF[c].upper() if at % 2 else _SELF[c].lower() for at, c in enumerate(name)])


_CASES = (bytes.lower, bytes.upper, bytes.title, bytes.swapcase, _alternate_case)


class ChunkedBody(Perturbation):
    """Sends the body in chunks instead of with a Content-Length (RFC 9112, 7.1)."""

    name = "chunked-body"
    tier = "A"
    touches_attack = True  # a chunk boundary may split the attack; it does not become part of it
    needs_place = False

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        """Splits the body into up to eight chunks of random sizes."""
        request, (start, end) = message.request, message.request.body
        lines = [field.line for field in request.content_lengths]
        if (
            start == end
            or len(lines) != 1
            or not request.has_exact_length
            or request.has_coding
            or message.overlaps_attack(*lines[0])
        ):
            return None
        if request.text(request.version) != b"HTTP/1.1" or _has_lone_line_feed(request):
            return None
        cuts = sorted(rng.sample(range(start + 1, end), rng.randrange(min(8, end - start))))
        size_line = rng.choice((b"%x\r\n", b"%X\r\n"))
        pieces: list[Span | Insertion] = [(0, lines[0][0]), Insertion(_CHUNKED + b"\n"), (lines[0][1], start)]
        for first, last in zip([start, *cuts], [*cuts, end], strict=True):
            pieces += (Insertion(size_line % (last - first)), (first, last), Insertion(b"\r\n"))
        return message.from_pieces([*pieces, Insertion(b"0\r\n\r\n")])

    def keeps_class(self, before: Message, after: Message) -> bool:
        """Whether a strict reader joins the chunks to the same body, and attack and header (but for framing) stay."""
        (old, body), (new, chunks) = oracle.head_and_body(before.payload), oracle.head_and_body(after.payload)
        framing = [line for line in new if oracle.field_name(line) == b"transfer-encoding"]
        return (
            oracle.chunks_joined(chunks) == body
            and framing == [_CHUNKED]
            and [line for line in old if oracle.field_name(line) != b"content-length"]
            == [line for line in new if line not in framing]
            and b"".join(before.ranges) == b"".join(after.ranges)
        )


def _has_lone_line_feed(request: Request) -> bool:
    """Whether a line of the head ends in LF alone, which no strict reader accepts."""
    head = request.payload[: request.body[0]]
    return head.count(b"\n") != head.count(b"\r\n")


class JsonEscape(Perturbation):
    """Writes characters of the attack's JSON strings as escapes (RFC 8259, 7)."""

    name = "json-escape"
    tier = "A"
    touches_attack = True

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        """Escapes a random subset of the characters in the part of every string that belongs to the attack."""
        request = message.request
        strings = [parameter.value for parameter in request.body_parameters if parameter.place == "json"]
        if not strings or oracle.json_read(request.text(request.body)) is None:
            return None
        edits = []
        for string in strings:
            for start, end in message.attack_within(*string):
                raw = message.payload[start:end]
                if (start, end) == string or _whole_escapes(message, string[0], start, raw):
                    edits.append(Edit(start, end, _escape(raw, rng)))
        return message.with_edits(edits) if edits else None

    def keeps_class(self, before: Message, after: Message) -> bool:
        """Whether a parser reads the same value with members in the same order, and everything else is the same."""
        old, new = before.request.body, after.request.body
        return oracle.same_json(
            before.payload[slice(*old)], after.payload[slice(*new)], ignore_order=False
        ) and oracle.same_elsewhere(before.payload, [old], after.payload, [new])


def _whole_escapes(message: Message, start: int, at: int, raw: bytes) -> bool:
    """Whether a part of a string begins and ends outside of its escape sequences."""
    return not message.escapes.split("json", start, at) and decode("json", raw) is not None


def _escape(raw: bytes, rng: random.Random) -> bytes:
    spelling = rng.choice((b"\\u%04x", b"\\u%04X"))
    table = list(_SELF)
    for byte in _some(sorted(_ESCAPABLE.intersection(raw)), rng):
        table[byte] = b"\\/" if byte == 47 and rng.random() < 0.5 else spelling % byte
    pieces = _ESCAPE.split(raw) if b"\\" in raw else [raw]
    return b"".join([
        piece if at % 2 else b"".join([table[byte] for byte in piece]) for at, piece in enumerate(pieces)
    ])  # fmt: skip


PERTURBATIONS: tuple[Perturbation, ...] = (PercentEncoding(), HeaderCase(), ChunkedBody(), JsonEscape())
