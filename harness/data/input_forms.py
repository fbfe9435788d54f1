"""Input forms: the payloads as a method reads them, as stored, decoded, in normal form, or as named fields.

Example: ``input_forms.apply("decoded", payloads).payloads`` returns the payloads without percent-encoding. The rules
and their sources are in docs/inputs.md. All of them work on the joined bytes of many payloads at once.
"""

from collections.abc import Collection, Iterator
from typing import NamedTuple

import numpy as np

from harness.data import decoding, masking
from harness.data.byte_runs import Indices, Mask, windows
from harness.data.decoding import Buffer
from harness.data.payloads import Payloads
from harness.data.request_fields import (
    CODES,
    Fields,
    MappedSpans,
    Spans,
    assemble,
    flat_spans,
    locate,
    rows_of_spans,
    typed_bodies,
)
from harness.errors import UserError, nearest

FORMS = ("raw", "decoded", "normal", "fields")
RULES = ("plus", "json", *decoding.RULES, *masking.RULES)
_BLOCK = 1 << 18  # bytes processed at a time: what the rules need for these fits into the cache of a processor

# The order of the fields: what can carry an attack comes first, for readers with a limit. Header lines name themselves.
_ORDER = (
    "path", "query", "authority", "body", "cookie", "referer", "header", "authorization", "content", "method", "client",
    "host",
)  # fmt: skip
_NAMED = ("path", "query", "authority", "body", "method")


class Formed(NamedTuple):
    """Payloads in a form, and per payload the flat byte offsets of its attack in it; None if they were not given."""

    payloads: Payloads
    spans: MappedSpans | None


def apply(form: str, payloads: Payloads, spans: Spans | None = None, rules: Collection[str] | None = None) -> Formed:
    """Returns payloads in a form.

    Args:
        form: one of `FORMS`.
        payloads: n payloads.
        spans: per payload the flat byte offsets of its attack (start, end, start, end ...); they are carried along. A
            span whose last byte is removed goes.
        rules: which of `RULES` to apply, all by default; those that the form does not have are ignored.

    Raises:
        UserError: there is no such form or rule.
    """
    if form not in FORMS:
        raise UserError(f"unknown input form {form!r}: {nearest(form, list(FORMS))}")
    chosen = frozenset(RULES if rules is None else rules)
    for rule in sorted(chosen - set(RULES)):
        raise UserError(f"unknown rule of input forms {rule!r}: {nearest(rule, list(RULES))}")
    if form == "raw":
        return Formed(payloads, None if spans is None else tuple(tuple(row) for row in spans))
    blocks = [
        _formed(form, block, None if spans is None else spans[low : low + len(block)], chosen)
        for low, block in _blocks(payloads)
    ]
    return Formed(
        _joined([block.payloads for block in blocks]),
        None if spans is None else tuple(row for block in blocks for row in block.spans or ()),
    )


def _blocks(payloads: Payloads) -> Iterator[tuple[int, Payloads]]:
    """Yields views of about `_BLOCK` bytes of the payloads, at least one payload each, with their first index."""
    low, offsets = 0, payloads.offsets
    while low < len(payloads):
        high = max(low + 1, int(np.searchsorted(offsets, offsets[low] + _BLOCK)))
        within = offsets[low : high + 1]
        yield low, Payloads(payloads.data[within[0] : within[-1]], within - within[0])
        low += len(within) - 1


def _joined(blocks: list[Payloads]) -> Payloads:
    if len(blocks) == 1:
        return blocks[0]
    lengths = [block.lengths for block in blocks]
    offsets = np.cumsum(np.concatenate([np.zeros(1, dtype=np.int64), *lengths]))
    return Payloads(np.concatenate([np.zeros(0, dtype=np.uint8), *(block.data for block in blocks)]), offsets)


def _formed(form: str, payloads: Payloads, spans: Spans | None, rules: frozenset[str]) -> Formed:
    fields = locate(payloads)
    is_form, is_json = (are[fields.owner] & fields.of("body") for are in typed_bodies(payloads, fields))
    parameters = fields.of("query") | is_form
    plus, backslashes = _inside(payloads, fields, parameters, 43), _inside(payloads, fields, is_json, 92)
    if form == "fields":
        separators = _inside(payloads, fields, parameters, 38)
        if "entities" in rules:
            separators = separators[~decoding.begins_reference(payloads.data, separators)]
        fields = _split(payloads, fields, separators)
    edges, counts = (None, None) if spans is None else flat_spans(spans)
    marks = [payloads.offsets[fields.owner] + fields.start + fields.owner]
    if edges is not None and counts is not None:
        rows = np.repeat(np.arange(len(payloads)), counts)
        marks.append(payloads.offsets[rows] + edges + rows)
    buffer = Buffer(payloads, np.concatenate(marks))
    # These two say what a byte means at one place, so they read the bytes as stored, once.
    if "plus" in rules:
        buffer.data[buffer.position(payloads, plus)] = 32
    if "json" in rules:
        decoding.unescape_json(buffer, buffer.position(payloads, backslashes))
    decoding.decode(buffer, rules)
    segments = len(fields.owner)
    if form != "decoded":
        host = fields.of("host")
        masking.mask(buffer, (buffer.marks[:segments][host], _ends(buffer, fields)[host]), rules)
    out = buffer.payloads()
    moved = None if edges is None else _moved(buffer, segments, out.offsets)
    if form != "fields":
        return Formed(out, moved)
    start, stop = buffer.marks[:segments] - buffer.starts[fields.owner], _ends(buffer, fields)
    return _as_fields(out, Fields(fields.owner, fields.kind, start, stop - buffer.starts[fields.owner]), moved)


def _inside(payloads: Payloads, fields: Fields, chosen: Mask, byte: int) -> Indices:
    """Returns the positions of a byte in some of the segments, in the joined bytes."""
    at = np.flatnonzero(payloads.data == byte)
    segment = np.searchsorted(payloads.offsets[fields.owner] + fields.start, at, side="right") - 1
    return at[chosen[segment]]


def _split(payloads: Payloads, fields: Fields, at: Indices) -> Fields:
    """Returns the fields with segments split at the bytes at some positions, which become separators."""
    start = payloads.offsets[fields.owner] + fields.start
    segment = np.searchsorted(start, at, side="right") - 1
    inner = at + 1 < payloads.offsets[fields.owner[segment]] + fields.stop[segment]
    kind_at = np.full(len(payloads.data) + 1, 255, dtype=np.uint8)
    kind_at[start] = fields.kind
    kind_at[(at + 1)[inner]] = fields.kind[segment[inner]]
    kind_at[at] = CODES["separator"]
    begin = np.flatnonzero(kind_at != 255)
    owner = np.searchsorted(payloads.offsets, begin, side="right") - 1
    stop = np.append(begin[1:], len(payloads.data))
    return Fields(owner, kind_at[begin], begin - payloads.offsets[owner], stop - payloads.offsets[owner])


def _ends(buffer: Buffer, fields: Fields) -> Indices:
    """Returns where the segments end in the buffer: where the next one of the payload starts, or at its end."""
    start = buffer.marks[: len(fields.owner)]
    last = np.append(fields.owner[1:] != fields.owner[:-1], True)[: len(start)]
    return np.where(last, buffer.starts[fields.owner + 1] - 1, np.append(start[1:], 0)[: len(start)])


def _moved(buffer: Buffer, segments: int, offsets: Indices) -> MappedSpans:
    """Returns the spans, whose edges are the buffer's last marks, as offsets in the payloads."""
    edges = buffer.marks[segments:]
    edges = edges - (np.searchsorted(buffer.starts, edges, side="right"))
    start, stop = edges[::2], edges[1::2]
    filled = stop > start
    return rows_of_spans(start[filled], stop[filled], offsets)


def _as_fields(payloads: Payloads, fields: Fields, spans: MappedSpans | None) -> Formed:
    """Returns one line per field that is not empty, in the order of `_ORDER`, without white space at its ends."""
    data, n = payloads.data, len(payloads)
    shift = payloads.offsets[fields.owner]
    start, stop = fields.start + shift, fields.stop + shift
    blank = np.zeros(256, dtype=np.bool_)
    blank[[9, 10, 32]] = True
    start += (stop > start) & blank[windows(data, start, 1)[:, 0]]
    stop -= (stop > start) & blank[windows(data, stop - 1, 1)[:, 0]]

    # The names, the line end and an empty text are the segments of one more payload, from which all others take them.
    literals = [f"{name} ".encode() for name in _NAMED] + [b"\n", b""]
    ends = np.cumsum([len(text) for text in literals])
    sources = Payloads(
        np.concatenate([data, np.frombuffer(b"".join(literals), np.uint8)]),
        np.append(payloads.offsets, len(data) + ends[-1]),
    )
    everything = Fields(
        np.append(fields.owner, np.full(len(literals), n)),
        np.append(fields.kind, np.full(len(literals), CODES["separator"], dtype=np.uint8)),
        np.append(start - shift, np.append(0, ends[:-1])),
        np.append(stop - shift, ends),
    )
    rank = np.full(len(CODES), -1)
    rank[[CODES[kind] for kind in _ORDER]] = np.arange(len(_ORDER))
    first_literal = len(fields.owner)
    empty, feed = first_literal + len(literals) - 1, first_literal + len(literals) - 2
    name = np.full(len(CODES), empty)
    name[[CODES[kind] for kind in _NAMED]] = first_literal + np.arange(len(_NAMED))

    shown = np.flatnonzero((rank[fields.kind] >= 0) & (stop > start))
    shown = shown[np.argsort(fields.owner[shown] * len(CODES) + rank[fields.kind[shown]], kind="stable")]
    owner = fields.owner[shown]
    last = np.append(owner[1:] != owner[:-1], True)[: len(owner)]
    segments = np.stack([name[fields.kind[shown]], shown, np.where(last, empty, feed)], axis=1).ravel()
    lines, moved = assemble(sources, everything, segments, np.repeat(owner, 3), spans, carried=segments < first_literal)
    return Formed(lines[:n], None if moved is None else moved[:n])
