"""Tier C: renames parameters, changes the body's format, or sends the same parameters with another method."""

import random
import re
from collections.abc import Iterator
from typing import NamedTuple

from harness.data.http_request import Parameter, Place, Span
from harness.oracles import encoding as oracle
from harness.perturbations.base import Perturbation
from harness.perturbations.codec import decode, encode
from harness.perturbations.message import Edit, Insertion, Message
from harness.perturbations.order import whole_parts

_NAMES = (
    "account", "answer", "basket", "batch", "caption", "choice", "comment", "contact", "customer", "detail", "entry",
    "filter", "folder", "group", "invoice", "keyword", "label", "member", "memo", "number", "object", "option", "order",
    "owner", "phrase", "product", "profile", "project", "question", "reason", "record", "region", "remark", "scope",
    "search", "section", "source", "subject", "target", "term", "topic", "vendor", "word", "zone",
)  # fmt: skip
_PLAIN = re.compile(rb"[A-Za-z][A-Za-z0-9_-]{0,31}")
_RENAMABLE: frozenset[Place] = frozenset(("query", "form", "json", "multipart", "filename", "cookie"))

_FORM, _MULTIPART = b"application/x-www-form-urlencoded", b"multipart/form-data"
_PLACE: dict[bytes, Place] = {_FORM: "form", b"application/json": "json", _MULTIPART: "multipart"}
_STRING = rb'[ \t\r\n]*+"[^"\\\x00-\x1f]*+(?:\\.[^"\\\x00-\x1f]*+)*+"[ \t\r\n]*+'
_FLAT = re.compile(rb"[ \t\r\n]*+\{(?:" + _STRING + rb":" + _STRING + rb'(?:,(?=[ \t\r\n]*+")|(?=\})))++\}[ \t\r\n]*+')
_FIELD = re.compile(rb'\r\nContent-Disposition: form-data; name="[^"\r\n]*"\r\n\r\n', re.I)
_SENDABLE = re.compile(rb'[!"$-~]*=[!"$-~]*')  # a form that can become a query as it is


class ParameterRename(Perturbation):
    """Renames parameters, including the attack's; equal names stay equal."""

    name = "parameter-rename"
    tier = "C"

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        """Renames a few parameters with plain names; JSON keys only if the location of the attack is known."""
        request, spans, fixed = message.request, dict[bytes, set[Span]](), set()
        for parameter in request.parameters:
            name = request.text(parameter.name)
            if self._may_change(message, parameter):
                spans.setdefault(name, set()).add(parameter.name)
            else:
                fixed.add(name)
        names = sorted(name for name in spans if name not in fixed and _PLAIN.fullmatch(name))
        share = min(0.7, 6 / max(len(names), 1))
        new_names: dict[bytes, bytes] = {}
        for name in [name for name in names if rng.random() < share] or names[:1]:
            new_name = f"{rng.choice(_NAMES)}{rng.choice(('', rng.randint(1, 99)))}".encode()
            if new_name not in message.payload and new_name not in new_names.values():
                new_names[name] = new_name
        edits = [Edit(*span, new_name) for name, new_name in new_names.items() for span in spans[name]]
        return message.with_edits(edits) if edits else None

    def _may_change(self, message: Message, parameter: Parameter) -> bool:
        safe = message.located or parameter.place != "json"  # a JSON key may be an attack of unknown location
        return safe and parameter.place in _RENAMABLE and not message.overlaps_attack(*parameter.name)

    def keeps_class(self, before: Message, after: Message) -> bool:
        """Whether places and values are the same, names map one to one, and everything else is the same."""
        old, new = before.request.parameters, after.request.parameters
        values = [
            [(p.place, message.request.text(p.value)) for p in parameters]
            for message, parameters in ((before, old), (after, new))
        ]
        pairs = {(before.request.text(p.name), after.request.text(q.name)) for p, q in zip(old, new, strict=False)}
        one_to_one = len({a for a, _ in pairs}) == len({b for _, b in pairs}) == len(pairs)
        return (
            values[0] == values[1]
            and one_to_one
            and oracle.same_elsewhere(before.payload, _name_spans(old), after.payload, _name_spans(new))
        )


def _name_spans(parameters: tuple[Parameter, ...]) -> list[Span]:
    return sorted({p.name for p in parameters})


class Piece(NamedTuple):
    """A part of a value: its span and its decoded text."""

    span: Span
    text: str


class BodyFormat(Perturbation):
    """Sends the parameters of the body as a form, as JSON or as multipart."""

    name = "body-format"
    tier = "C"
    touches_attack = True  # the only one in tier C: the decoded attack stays, but its encoding is the new format's

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        """Writes all names and values in one of the two other formats."""
        request, old = message.request, message.request.content_type
        header, pairs = request.content_type_header, _pairs(message)
        if header is None or pairs is None or message.overlaps_attack(*header.line):
            return None
        ascii_only = all(piece.text.isascii() for _, pieces in pairs for piece in pieces)
        kinds = [kind for kind in _PLACE if kind != old and (ascii_only or b"application/json" not in (kind, old))]
        if not kinds:
            return None
        kind, boundary = rng.choice(kinds), b"%012x" % rng.getrandbits(48)
        media_type = kind + b"; boundary=" + boundary if kind == _MULTIPART else kind
        edits, at = [Edit(*header.value, media_type)], request.body[0]
        for index, (name, pieces) in enumerate(pairs):
            edits.append(Edit(at, pieces[0].span[0], _opening(kind, name, boundary, first=index == 0)))
            edits += [Edit(*piece.span, encode(_PLACE[kind], piece.text) or b"") for piece in pieces if piece.text]
            at = pieces[-1].span[1]
        edits.append(Edit(at, request.body[1], _closing(kind, boundary)))
        return message.with_edits(edits)

    def keeps_class(self, before: Message, after: Message) -> bool:
        """Whether strict readers find the same names, values and attack, and everything else is the same."""
        old, new = before.request, after.request
        first, second = old.content_type_header, new.content_type_header
        if first is None or second is None:
            return False
        fields = oracle.fields_read(old.text(first.value), old.text(old.body))
        ascii_only = all(value.isascii() for _, value in fields or ())
        return (
            fields is not None
            and fields == oracle.fields_read(new.text(second.value), new.text(new.body))
            and (ascii_only or b"application/json" not in (old.content_type, new.content_type))
            and _attacks(before) == _attacks(after)
            and oracle.same_elsewhere(old.payload, [first.value, old.body], new.payload, [second.value, new.body])
        )


def _attacks(message: Message) -> list[str | None]:
    return [decode(slot.place, raw) for slot, raw in zip(message.slots, message.ranges, strict=True)]


def _pairs(message: Message) -> list[tuple[str, list[Piece]]] | None:
    """Returns plain names and decoded values of a body that holds only such pairs; None for any other body."""
    request = message.request
    place, body = _PLACE.get(request.content_type), request.text(request.body)
    parameters = request.body_parameters
    if not parameters or any(p.place != place or not _PLAIN.fullmatch(request.text(p.name)) for p in parameters):
        return None
    if place == "form":
        plain = body.count(b"&") == len(parameters) - 1 and all(p.value[0] > p.name[1] for p in parameters)
    elif place == "json":
        plain = _FLAT.fullmatch(body) is not None
    else:
        parts = whole_parts(message)
        plain = parts is not None and all(_FIELD.match(part) for part in parts)
    edges = [request.body[0], *(edge for p in parameters for edge in p.value), request.body[1]]
    if not plain or any(message.overlaps_attack(*between) for between in zip(edges[::2], edges[1::2], strict=True)):
        return None
    pairs = [(request.text(p.name).decode(), list(_pieces(message, p))) for p in parameters]
    return None if any(piece.text == _UNDECODABLE for _, pieces in pairs for piece in pieces) else pairs


_UNDECODABLE = "\N{REPLACEMENT CHARACTER}"


def _pieces(message: Message, parameter: Parameter) -> Iterator[Piece]:
    """Yields the value in pieces, split at the edges of the attack."""
    start, end = parameter.value
    edges = sorted({start, end, *(edge for span in message.attack_within(start, end) for edge in span)})
    for first, last in zip(edges, edges[1:] or edges, strict=False):
        cut = message.escapes.split(parameter.place, start, first)
        text = None if cut else decode(parameter.place, message.payload[first:last])
        yield Piece((first, last), _UNDECODABLE if text is None else text)


def _opening(kind: bytes, name: str, boundary: bytes, first: bool) -> bytes:
    """Returns what precedes a value: the end of the previous one, and the name."""
    if kind == _FORM:
        return (b"" if first else b"&") + name.encode() + b"="
    if kind == _MULTIPART:
        mark = b"--" + boundary if first else b"\r\n--" + boundary
        return mark + b'\r\nContent-Disposition: form-data; name="' + name.encode() + b'"\r\n\r\n'
    return (b'{"' if first else b'", "') + name.encode() + b'": "'


def _closing(kind: bytes, boundary: bytes) -> bytes:
    return {_FORM: b"", _MULTIPART: b"\r\n--" + boundary + b"--\r\n"}.get(kind, b'"}')


class Method(Perturbation):
    """Sends the pairs of a query as a form, or those of a form as a query, with the same bytes."""

    name = "method"
    tier = "C"

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        """Turns a GET with a query into a POST with a form, or the reverse."""
        request = message.request
        method, query, (start, end) = request.text(request.method), request.text(request.query), request.body
        framing = [*request.fields(b"content-type"), *request.content_lengths]
        cuts = ((at, at) for at in (request.query[1], request.head[1], start))
        fixed = [request.method, (request.path[1], request.query[0]), *cuts, *(field.line for field in framing)]
        complete = request.version[0] < request.version[1] and request.head[1] < start
        if request.has_coding or not complete or any(message.overlaps_attack(*span) for span in fixed):
            return None
        pieces: list[Span | Insertion]
        if method == b"GET" and b"=" in query and b"#" not in query and start == end and not framing:
            lines = b"Content-Type: %b\r\nContent-Length: %d\r\n" % (_FORM, len(query))
            pieces = [Insertion(b"POST"), (request.method[1], request.path[1]), (request.query[1], request.head[1])]
            return message.from_pieces([*pieces, Insertion(lines), (request.head[1], start), request.query])
        plain_form = (
            method == b"POST" and request.content_type == _FORM and request.has_exact_length and len(framing) == 2
        )
        if (
            not plain_form
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
        """Whether the same pairs, byte for byte, are in the other part, and path and all other fields are the same."""
        contents = [_content(message) for message in (before, after)]
        methods = {message.payload.partition(b" ")[0] for message in (before, after)}
        return contents[0] == contents[1] is not None and methods == {b"GET", b"POST"}


def _content(message: Message) -> tuple[bytes, bytes, bytes, list[bytes]] | None:
    """Returns path, pairs, version and other fields; None unless the pairs are in either the query or the form."""
    (line, *fields), body = oracle.head_and_body(message.payload)
    path, mark, query = line.partition(b" ")[2].rpartition(b" ")[0].partition(b"?")
    values = {oracle.field_name(field): field.partition(b":")[2].strip() for field in fields}
    form = values.get(b"content-type", b"").partition(b";")[0].strip().lower() == _FORM
    if bool(mark) == bool(body) or form != bool(body):
        return None
    if form and values.get(b"content-length") != b"%d" % len(body):
        return None
    rest = [f for f in fields if oracle.field_name(f) not in (b"content-type", b"content-length")]
    return path, query or body, line.rpartition(b" ")[2], rest


PERTURBATIONS: tuple[Perturbation, ...] = (ParameterRename(), BodyFormat(), Method())
