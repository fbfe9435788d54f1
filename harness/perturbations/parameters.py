"""Tier C: the same parameters under other names, in another body format, or sent by another method."""

import random
import re
from collections.abc import Iterator
from typing import NamedTuple

from harness.data.http_request import Parameter, Place, Span
from harness.oracles import encoding as oracle
from harness.perturbations.base import Perturbation
from harness.perturbations.codec import decode, encode, splits_escape
from harness.perturbations.message import Edit, Insertion, Message
from harness.perturbations.order import whole_parts

_NAMES = (
    "account", "answer", "basket", "batch", "caption", "choice", "comment", "contact", "customer", "detail", "entry",
    "filter", "folder", "group", "invoice", "keyword", "label", "member", "memo", "number", "object", "option", "order",
    "owner", "phrase", "product", "profile", "project", "question", "reason", "record", "region", "remark", "scope",
    "search", "section", "source", "subject", "target", "term", "topic", "vendor", "word", "zone",
)  # fmt: skip
_PLAIN = re.compile(rb"[A-Za-z][A-Za-z0-9_-]{0,31}")
_RENAMED: frozenset[Place] = frozenset(("query", "form", "json", "multipart", "filename", "cookie"))

_FORM, _MULTIPART = b"application/x-www-form-urlencoded", b"multipart/form-data"
_PLACE: dict[bytes, Place] = {_FORM: "form", b"application/json": "json", _MULTIPART: "multipart"}
_STRING = rb'[ \t\r\n]*+"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+"[ \t\r\n]*+'
_FLAT = re.compile(rb"[ \t\r\n]*+\{(?:" + _STRING + rb":" + _STRING + rb'(?:,(?=[ \t\r\n]*+")|(?=\})))++\}[ \t\r\n]*+')
_FIELD = re.compile(rb'\r\nContent-Disposition: form-data; name="[^"\r\n]*"\r\n\r\n', re.I)
_SENDABLE = re.compile(rb'[!"$-~]*=[!"$-~]*')  # what can move from a form into a target


class ParameterRename(Perturbation):
    """Other names for parameters, those of the attack and others; equal names stay equal."""

    name = "parameter-rename"
    tier = "C"

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        """Draws new names for a few plain ones; a key of JSON may be an attack whose place is not known."""
        request, spans, fixed = message.request, dict[bytes, set[Span]](), set()
        for parameter in request.parameters:
            name = request.text(parameter.name)
            if self._may_change(message, parameter):
                spans.setdefault(name, set()).add(parameter.name)
            else:
                fixed.add(name)
        names = sorted(name for name in spans if name not in fixed and _PLAIN.fullmatch(name))
        share = min(0.7, 6 / max(len(names), 1))
        renamed: dict[bytes, bytes] = {}
        for name in [name for name in names if rng.random() < share] or names[:1]:
            other = f"{rng.choice(_NAMES)}{rng.choice(('', rng.randint(1, 99)))}".encode()
            if other not in message.payload and other not in renamed.values():
                renamed[name] = other
        edits = [Edit(*span, other) for name, other in renamed.items() for span in spans[name]]
        return message.with_edits(edits) if edits else None

    def _may_change(self, message: Message, parameter: Parameter) -> bool:
        known = message.located or parameter.place != "json"
        return known and parameter.place in _RENAMED and not message.overlaps_attack(*parameter.name)

    def keeps_class(self, before: Message, after: Message) -> bool:
        """The same values stand in the same places, different names are different still, and all else stayed."""
        old, new = before.request.parameters, after.request.parameters
        read = [
            [(p.place, message.request.text(p.value)) for p in found]
            for message, found in ((before, old), (after, new))
        ]
        pairs = {(before.request.text(p.name), after.request.text(q.name)) for p, q in zip(old, new, strict=False)}
        one_to_one = len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)
        return (
            read[0] == read[1]
            and one_to_one
            and oracle.same_elsewhere(before.payload, _of(old), after.payload, _of(new))
        )


def _of(parameters: tuple[Parameter, ...]) -> list[Span]:
    return sorted({p.name for p in parameters})


class Piece(NamedTuple):
    """A part of a value: where it stands, and the text it stands for."""

    span: Span
    text: str


class BodyFormat(Perturbation):
    """The same parameters as a form, as JSON or as multipart."""

    name = "body-format"
    tier = "C"
    touches_attack = True  # alone of its tier: what the attack decodes to stays, and takes the new format's encoding

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        """Writes names and values, one for one, in one of the two other formats."""
        request, old = message.request, message.request.content_type
        header, pairs = request.typed, _pairs(message)
        if header is None or pairs is None or message.overlaps_attack(*header.line):
            return None
        ascii_only = all(piece.text.isascii() for _, pieces in pairs for piece in pieces)
        kinds = [kind for kind in _PLACE if kind != old and (ascii_only or b"application/json" not in (kind, old))]
        if not kinds:
            return None
        kind, boundary = rng.choice(kinds), b"%012x" % rng.getrandbits(48)
        told = kind + b"; boundary=" + boundary if kind == _MULTIPART else kind
        edits, at = [Edit(*header.value, told)], request.body[0]
        for index, (name, pieces) in enumerate(pairs):
            edits.append(Edit(at, pieces[0].span[0], _opening(kind, name, boundary, first=index == 0)))
            edits += [Edit(*piece.span, encode(_PLACE[kind], piece.text) or b"") for piece in pieces if piece.text]
            at = pieces[-1].span[1]
        edits.append(Edit(at, request.body[1], _closing(kind, boundary)))
        return message.with_edits(edits)

    def keeps_class(self, before: Message, after: Message) -> bool:
        """Strict readers find the same names and values in both, and the same attack in them; all else stayed."""
        old, new = before.request, after.request
        first, second = old.typed, new.typed
        if first is None or second is None:
            return False
        read = oracle.fields_read(old.text(first.value), old.text(old.body))
        ascii_only = all(value.isascii() for _, value in read or ())
        return (
            read is not None
            and read == oracle.fields_read(new.text(second.value), new.text(new.body))
            and (ascii_only or b"application/json" not in (old.content_type, new.content_type))
            and _attacks(before) == _attacks(after)
            and oracle.same_elsewhere(old.payload, [first.value, old.body], new.payload, [second.value, new.body])
        )


def _attacks(message: Message) -> list[str | None]:
    return [decode(slot.place, raw) for slot, raw in zip(message.slots, message.ranges, strict=True)]


def _pairs(message: Message) -> list[tuple[str, list[Piece]]] | None:
    """Plain names and decoded values of a body that is nothing but such pairs; None where it is more."""
    request = message.request
    place, body = _PLACE.get(request.content_type), request.text(request.body)
    found = request.body_parameters
    if not found or any(p.place != place or not _PLAIN.fullmatch(request.text(p.name)) for p in found):
        return None
    if place == "form":
        plain = body.count(b"&") == len(found) - 1 and all(p.value[0] > p.name[1] for p in found)
    elif place == "json":
        plain = _FLAT.fullmatch(body) is not None
    else:
        parts = whole_parts(message)
        plain = parts is not None and all(_FIELD.match(part) for part in parts)
    edges = [request.body[0], *(edge for p in found for edge in p.value), request.body[1]]
    if not plain or any(message.overlaps_attack(*between) for between in zip(edges[::2], edges[1::2], strict=True)):
        return None
    pairs = [(request.text(p.name).decode(), list(_pieces(message, p))) for p in found]
    return None if any(piece.text == _BROKEN for _, pieces in pairs for piece in pieces) else pairs


_BROKEN = "\N{REPLACEMENT CHARACTER}"


def _pieces(message: Message, parameter: Parameter) -> Iterator[Piece]:
    """The value, cut where the attack begins and ends."""
    start, end = parameter.value
    edges = sorted({start, end, *(edge for span in message.attack_within(start, end) for edge in span)})
    for first, last in zip(edges, edges[1:] or edges, strict=False):
        cut = splits_escape(parameter.place, message.payload, start, first)
        text = None if cut else decode(parameter.place, message.payload[first:last])
        yield Piece((first, last), _BROKEN if text is None else text)


def _opening(kind: bytes, name: str, boundary: bytes, first: bool) -> bytes:
    """What stands before a value: the end of the one before it, and the name."""
    if kind == _FORM:
        return (b"" if first else b"&") + name.encode() + b"="
    if kind == _MULTIPART:
        mark = b"--" + boundary if first else b"\r\n--" + boundary
        return mark + b'\r\nContent-Disposition: form-data; name="' + name.encode() + b'"\r\n\r\n'
    return (b'{"' if first else b'", "') + name.encode() + b'": "'


def _closing(kind: bytes, boundary: bytes) -> bytes:
    return {_FORM: b"", _MULTIPART: b"\r\n--" + boundary + b"--\r\n"}.get(kind, b'"}')


class Method(Perturbation):
    """The pairs of a query as a form, or those of a form as a query; their bytes stay, and so does the attack."""

    name = "method"
    tier = "C"

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        """GET with a query becomes POST with a form, or the other way round."""
        request = message.request
        method, query, (start, end) = request.text(request.method), request.text(request.query), request.body
        framing = [*request.fields(b"content-type"), *request.lengths]
        cuts = ((at, at) for at in (request.query[1], request.head[1], start))
        fixed = [request.method, (request.path[1], request.query[0]), *cuts, *(field.line for field in framing)]
        whole = request.version[0] < request.version[1] and request.head[1] < start
        if request.coded or not whole or any(message.overlaps_attack(*span) for span in fixed):
            return None
        pieces: list[Span | Insertion]
        if method == b"GET" and b"=" in query and b"#" not in query and start == end and not framing:
            told = b"Content-Type: %b\r\nContent-Length: %d\r\n" % (_FORM, len(query))
            pieces = [Insertion(b"POST"), (request.method[1], request.path[1]), (request.query[1], request.head[1])]
            return message.from_pieces([*pieces, Insertion(told), (request.head[1], start), request.query])
        known = method == b"POST" and request.content_type == _FORM and request.sized and len(framing) == 2
        if (
            not known
            or query
            or request.path[1] < request.target[1]
            or not _SENDABLE.fullmatch(request.text((start, end)))
        ):
            return None
        pieces = [Insertion(b"GET"), (request.method[1], request.path[1]), Insertion(b"?"), (start, end)]
        at = request.path[1]
        for line in sorted(field.line for field in framing):
            pieces.append((at, line[0]))
            at = line[1]
        return message.from_pieces([*pieces, (at, start)])

    def keeps_class(self, before: Message, after: Message) -> bool:
        """The same pairs, byte for byte, are in the other part; the path and all other fields stayed."""
        sent = [_sent(message) for message in (before, after)]
        methods = {message.payload.partition(b" ")[0] for message in (before, after)}
        return sent[0] == sent[1] is not None and methods == {b"GET", b"POST"}


def _sent(message: Message) -> tuple[bytes, bytes, bytes, list[bytes]] | None:
    """Path, pairs, version and other fields of a request whose pairs are in its query or in its form, not in both."""
    (line, *fields), body = oracle.head_and_body(message.payload)
    path, mark, query = line.partition(b" ")[2].rpartition(b" ")[0].partition(b"?")
    told = {oracle.field_name(field): field.partition(b":")[2].strip() for field in fields}
    form = told.get(b"content-type", b"").partition(b";")[0].strip().lower() == _FORM
    if bool(mark) == bool(body) or form != bool(body) or (form and told.get(b"content-length") != b"%d" % len(body)):
        return None
    rest = [f for f in fields if oracle.field_name(f) not in (b"content-type", b"content-length")]
    return path, query or body, line.rpartition(b" ")[2], rest


PERTURBATIONS: tuple[Perturbation, ...] = (ParameterRename(), BodyFormat(), Method())
