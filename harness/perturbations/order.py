"""Tier A: reorders what has no fixed order: header fields, members of a JSON object, parts of a multipart form."""

import random
import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence

from harness.data.http_request import Span
from harness.oracles import encoding as oracle
from harness.perturbations.base import Perturbation
from harness.perturbations.message import Insertion, Message

_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|[\[{\]},]', re.S)


class HeaderOrder(Perturbation):
    """Reorders header fields; fields of the same name keep their order (RFC 9110, 5.3)."""

    name = "header-order"
    tier = "A"
    needs_place = False

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        """Permutes whole lines."""
        request = message.request
        if not request.payload.endswith(b"\n", 0, request.head[1]):
            return None  # without a line end, the last line cannot be moved
        names = [request.text(header.name).lower() for header in request.headers]
        return _reorder(message, [header.line for header in request.headers], names, rng)

    def keeps_class(self, before: Message, after: Message) -> bool:
        """Whether the lines of each name are the same in the same order, as are the request line and the body."""
        (old, old_body), (new, new_body) = oracle.head_and_body(before.payload), oracle.head_and_body(after.payload)
        same_rest = (old[0], old_body) == (new[0], new_body)
        # A stable sort by name keeps the order of the fields that share a name.
        return same_rest and sorted(old[1:], key=oracle.field_name) == sorted(new[1:], key=oracle.field_name)


class JsonOrder(Perturbation):
    """Reorders members of the top-level object, which is unordered (RFC 8259, 1); equal names keep their order."""

    name = "json-order"
    tier = "A"

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        """Permutes whole members, unless a name such as ``@type`` controls how a deserialiser reads later members."""
        request = message.request
        body = request.text(request.body)
        value = oracle.json_read(body) if request.content_type.endswith(b"json") and not request.has_coding else None
        if not isinstance(value, tuple) or any(name.startswith(("@", "$")) for name, _ in value):
            return None
        return _reorder(message, _members(message.payload, request.body), [name for name, _ in value], rng)

    def keeps_class(self, before: Message, after: Message) -> bool:
        """Whether a parser reads the same members, equal names in the same order, and everything else is the same."""
        old, new = before.request.body, after.request.body
        return oracle.same_json(
            before.payload[slice(*old)], after.payload[slice(*new)], ignore_order=True
        ) and oracle.same_elsewhere(before.payload, [old], after.payload, [new])


class MultipartOrder(Perturbation):
    """Reorders the parts of a multipart form; parts of the same name keep their order (RFC 7578, 5.2)."""

    name = "multipart-order"
    tier = "A"

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        """Permutes whole parts."""
        parts = whole_parts(message)
        names = [oracle.part_name(part) for part in parts or ()]
        return _reorder(message, message.request.parts, names, rng) if parts else None

    def keeps_class(self, before: Message, after: Message) -> bool:
        """Whether a strict reader finds the same parts, equal names in the same order, and the rest is the same."""
        old, new = whole_parts(before), whole_parts(after)
        if old is None or new is None or sorted(old, key=oracle.part_name) != sorted(new, key=oracle.part_name):
            return False
        return oracle.same_elsewhere(before.payload, [before.request.body], after.payload, [after.request.body])


def whole_parts(message: Message) -> list[bytes] | None:
    """Returns the parts of a multipart form; None unless a strict and a tolerant reader find the same number."""
    request = message.request
    header = request.content_type_header
    if header is None or request.has_coding or request.content_type != b"multipart/form-data":
        return None
    parts = oracle.parts_read(request.text(header.value), request.text(request.body))
    return parts if parts is not None and len(parts) == len(request.parts) else None


def _members(payload: bytes, body: Span) -> list[Span]:
    """Returns the spans of the members of a valid JSON text's top-level object, without white space around them."""
    members, depth, begin = [], 0, -1
    for token in _TOKEN.finditer(payload, *body):
        mark = payload[token.start()]
        if begin < 0 and mark == 34:
            begin = token.start()
        elif mark in b"{[":
            depth += 1
        elif mark in b"}]":
            depth -= 1
        if begin >= 0 and (depth == 0 or (depth == 1 and mark == 44)):
            members.append((begin, begin + len(payload[begin : token.start()].rstrip(b" \t\r\n"))))
            begin = -1
    return members


def _reorder(
    message: Message, parts: Sequence[Span], names: Sequence[bytes | str], rng: random.Random
) -> Message | None:
    """Permutes parts of the payload; parts of one name keep their order. None if the attack crosses a part's edge."""
    if len(set(names)) < 2:
        return None
    edges = [edge for part in parts for edge in part]
    if any(bisect_right(edges, start) < bisect_left(edges, end) for start, end in message.spans):
        return None
    order = list(range(len(parts)))
    rng.shuffle(order)
    order = _keep_order_within_names(order, names)
    if order == sorted(order):
        order = _keep_order_within_names([*order[1:], order[0]], names)
    gaps = list(zip([0, *edges[1::2]], [*edges[::2], len(message.payload)], strict=True))
    pieces: list[Span | Insertion] = [gaps[0]]
    for index, gap in zip(order, gaps[1:], strict=True):
        pieces += (parts[index], gap)
    return message.from_pieces(pieces)


def _keep_order_within_names(order: Sequence[int], names: Sequence[bytes | str]) -> list[int]:
    """Returns the permutation with the indices of each name in ascending order."""
    ascending: dict[bytes | str, list[int]] = {}
    for index in sorted(order, reverse=True):
        ascending.setdefault(names[index], []).append(index)
    return [ascending[names[index]].pop() for index in order]


PERTURBATIONS: tuple[Perturbation, ...] = (HeaderOrder(), JsonOrder(), MultipartOrder())
