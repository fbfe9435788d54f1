"""Locates the parts of HTTP requests in all payloads at once, and drops or exchanges parts.

The parts are those of `http_request.Request`, which reads one payload at a time: method, path, query, header lines and
body. Every step here works on the joined bytes of all payloads, so that a payload costs a few microseconds.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.data.byte_runs import Bytes, Indices, Mask, NameTable, expand, following, lower, windows
from harness.data.payloads import Payloads

Spans = Sequence[Sequence[int]]
MappedSpans = tuple[tuple[int, ...], ...]

KINDS = (
    "method",
    "path",
    "query",
    "version",
    "host",
    "client",
    "cookie",
    "referer",
    "content",
    "authorization",
    "header",
    "body",
    "separator",
    "authority",  # scheme and authority of a target in absolute form (RFC 9112, 3.2.2)
)
CODES = {name: code for code, name in enumerate(KINDS)}
LINE_KINDS = ("host", "client", "cookie", "referer", "content", "authorization", "header")

# Header fields that a client program sets by itself, whatever is requested: those of RFC 9110 (7.6.1 connection, 10.1
# request context, 12.5 content negotiation), RFC 9111 (caching), RFC 9218 (priority), the client hints of RFC 8942,
# and those of the Fetch and Upgrade Insecure Requests specifications. ``Sec-`` and ``Accept-`` are told by prefix.
_CLIENT = (
    "accept", "cache-control", "connection", "device-memory", "dnt", "downlink", "dpr", "ect", "expect", "from",
    "http2-settings", "keep-alive", "pragma", "priority", "proxy-connection", "rtt", "save-data", "te", "upgrade",
    "upgrade-insecure-requests", "user-agent", "viewport-width", "width",
)  # fmt: skip
_KIND_OF_NAME = {
    "host": "host",
    "cookie": "cookie",
    "cookie2": "cookie",
    "referer": "referer",
    "authorization": "authorization",
    "proxy-authorization": "authorization",
    "transfer-encoding": "content",
    "trailer": "content",
    **dict.fromkeys(_CLIENT, "client"),
}
_KIND_OF_PREFIX = {b"sec-": "client", b"accept-": "client", b"content-": "content"}
_NAMES = NameTable([name.encode() for name in _KIND_OF_NAME])
_CODE_OF_NAME = np.array([CODES[kind] for kind in _KIND_OF_NAME.values()], dtype=np.uint8)

_TOKEN = np.zeros(256, dtype=np.bool_)  # token characters (RFC 9110, 5.6.2)
_TOKEN[list(b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")] = True
_SCHEME = np.zeros(256, dtype=np.bool_)  # characters of a scheme (RFC 3986, 3.1)
_SCHEME[list(b"+-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")] = True
_LONGEST_METHOD = 32
_NO_KIND = 255


@dataclass(frozen=True)
class Fields:
    """The parts of payloads: segments that cover every byte of every payload exactly once, in order.

    A header line is one segment with its line end. Line ends of the request line, the empty line, spaces between and
    the ``?`` before a query are separators. A payload that is not an HTTP request is one ``body``; an empty payload has
    no segment.

    Attributes:
        owner: int64 (segments,), index of the payload.
        kind: uint8 (segments,), index in `KINDS`.
        start, stop: int64 (segments,), byte offsets in the payload.
    """

    owner: Indices
    kind: Bytes
    start: Indices
    stop: Indices

    def of(self, *kinds: str) -> Mask:
        """Returns which segments are of one of these kinds, bool (segments,)."""
        return np.isin(self.kind, [CODES[kind] for kind in kinds])


def locate(payloads: Payloads) -> Fields:
    """Returns the parts of all payloads; see `Fields`."""
    data, bounds = payloads.data, payloads.offsets
    marks = np.full(len(data), _NO_KIND, dtype=np.uint8)  # at the first byte of each segment, its kind
    if len(data):
        marks[bounds[:-1][payloads.lengths > 0]] = CODES["body"]
        _mark_requests(data, bounds, marks)
    begin = np.flatnonzero(marks != _NO_KIND)
    owner = np.searchsorted(bounds, begin, side="right") - 1
    stop = np.append(begin[1:], len(data))
    return Fields(owner, marks[begin], begin - bounds[owner], stop - bounds[owner])


@dataclass(frozen=True)
class _Lines:
    """The lines of all payloads: start, end of the content, end with line feed; whether a lone CR makes it invalid."""

    start: Indices
    content: Indices
    end: Indices
    owner: Indices
    invalid: Mask


def _lines(data: Bytes, bounds: Indices) -> _Lines:
    is_end = np.zeros(len(data) + 1, dtype=np.bool_)
    np.equal(data, 10, out=is_end[1:])
    is_end[bounds] = True
    end = np.flatnonzero(is_end[1:]) + 1
    start = np.concatenate([[0], end[:-1]])
    ended = data[end - 1] == 10
    content = end - ended
    content -= ended & (content > start) & (data[content - 1] == 13)
    returns = np.flatnonzero(data == 13)
    line = np.searchsorted(end, returns, side="right")
    invalid = np.zeros(len(end), dtype=np.bool_)
    invalid[line[~(ended[line] & (returns == content[line]))]] = True
    owner = np.searchsorted(bounds, start, side="right") - 1
    return _Lines(start, content, end, owner, invalid)


def _mark_requests(data: Bytes, bounds: Indices, marks: Bytes) -> None:
    """Marks the first byte of each segment of each request with its kind."""
    lines = _lines(data, bounds)
    count, n = len(lines.start), len(bounds) - 1
    is_first = lines.start == bounds[lines.owner]
    first = np.zeros(n, dtype=np.int64)  # each payload's first line
    first[lines.owner[is_first]] = np.flatnonzero(is_first)
    blank = np.full(n, count)  # the empty line that ends each head
    empty = np.flatnonzero((lines.content == lines.start) & (lines.end > lines.start) & ~is_first)
    blank[lines.owner[empty][::-1]] = empty[::-1]  # in reverse, so that the first one of a payload stays

    number = np.arange(count)
    headers = np.flatnonzero(~is_first & (number < blank[lines.owner]))
    valid, name_end = _header_names(data, lines, headers)
    is_request = bounds[1:] > bounds[:-1]
    is_request[lines.owner[headers[~valid]]] = False
    is_request[lines.owner[np.flatnonzero(is_first & lines.invalid)]] = False
    _mark_request_lines(data, lines, first, is_request, marks)

    in_request = is_request[lines.owner[headers]]
    headers, name_end = headers[in_request], name_end[in_request]
    marks[lines.start[headers]] = _header_kinds(data, lines.start[headers], name_end)
    ends = blank[is_request & (blank < count)]
    marks[lines.start[ends]] = CODES["separator"]
    body = lines.end[ends]
    marks[body[body < bounds[lines.owner[ends] + 1]]] = CODES["body"]


def _header_names(data: Bytes, lines: _Lines, headers: Indices) -> tuple[Mask, Indices]:
    """Returns which lines are header fields, and the ends of their names."""
    start, content = lines.start[headers], lines.content[headers]
    colon = following(np.flatnonzero(data == 58), start, len(data))
    white = following(np.flatnonzero((data - np.uint8(9) < 5) | (data == 32)), start, len(data))
    name_end = np.minimum(colon, white)
    valid = (colon < content) & (name_end > start) & ~lines.invalid[headers]
    if (spaced := valid & (white < colon)).any():  # only spaces and tabs may stand before the colon
        blanks = _blanks(data)
        between = np.searchsorted(blanks, colon[spaced]) - np.searchsorted(blanks, white[spaced])
        valid[spaced] = between == colon[spaced] - white[spaced]
    return valid, name_end


def _blanks(data: Bytes) -> Indices:
    return np.flatnonzero((data == 32) | (data == 9))


def _header_kinds(data: Bytes, start: Indices, name_end: Indices) -> Bytes:
    names = lower(windows(data, start, NameTable.WIDTH))
    known = _NAMES.find(names, name_end - start)
    kinds = np.where(known >= 0, _CODE_OF_NAME[known], np.uint8(CODES["header"]))
    for prefix, kind in _KIND_OF_PREFIX.items():
        length = len(prefix)
        begins = (names[:, :length] == np.frombuffer(prefix, np.uint8)).all(axis=1) & (name_end - start > length)
        kinds[begins] = CODES[kind]
    return kinds


def _mark_request_lines(data: Bytes, lines: _Lines, first: Indices, is_request: Mask, marks: Bytes) -> None:
    """Marks the parts of the request lines, and unsets ``is_request`` where the first line is not one."""
    rows = np.flatnonzero(is_request)
    start, content, end = lines.start[first[rows]], lines.content[first[rows]], lines.end[first[rows]]
    token = _TOKEN[windows(data, start, _LONGEST_METHOD + 1)]
    method_end = start + np.where(token.all(axis=1), 0, token.argmin(axis=1))
    valid = (method_end > start) & (method_end < content)
    valid &= data[np.where(valid, method_end, 0)] == 32

    stripped = _stripped(data, method_end + 1, content)
    tail = windows(data, stripped - 9, 9)
    long = _is_version(tail) & (stripped - 9 > method_end)
    short = ~long & _is_version(tail[:, 2:]) & (stripped - 7 > method_end)
    target, target_end = method_end + 1, np.where(long, stripped - 9, np.where(short, stripped - 7, content))
    versioned = long | short
    bare = np.flatnonzero(valid & ~versioned)
    valid[bare] = _is_bare_target(data, target[bare], target_end[bare])
    is_request[rows[~valid]] = False

    start, end, method_end, stripped = start[valid], end[valid], method_end[valid], stripped[valid]
    versioned, target, target_end = versioned[valid], target[valid], target_end[valid]
    path = _path_starts(data, target, target_end)
    mark = np.minimum(following(np.flatnonzero(data == 63), target, len(data)), target_end)
    has_query = mark < target_end
    separator = CODES["separator"]
    marks[start] = CODES["method"]
    marks[method_end] = separator
    marks[target[path > target]] = CODES["authority"]
    marks[path[path < mark]] = CODES["path"]
    marks[mark[has_query]] = separator
    marks[mark[mark + 1 < target_end] + 1] = CODES["query"]
    marks[target_end[target_end < end]] = separator
    marks[target_end[versioned] + 1] = CODES["version"]
    marks[stripped[versioned & (stripped < end)]] = separator


def _stripped(data: Bytes, start: Indices, end: Indices) -> Indices:
    """Returns the ends of the ranges without their trailing spaces and tabs, at least the start."""
    last = data[np.maximum(end - 1, 0)]
    trailing = np.flatnonzero((end > start) & ((last == 32) | (last == 9)))
    if not len(trailing):
        return end
    blanks = _blanks(data)
    begins = np.concatenate([[True], np.diff(blanks) != 1])
    run = np.maximum.accumulate(np.where(begins, np.arange(len(blanks)), 0))
    out = end.copy()
    out[trailing] = np.maximum(blanks[run[np.searchsorted(blanks, end[trailing] - 1)]], start[trailing])
    return out


def _is_version(tail: Bytes) -> Mask:
    """Whether windows of 7 or 9 bytes are a space and ``HTTP/1`` or ``HTTP/1.1``, with any digits."""
    out: Mask = (tail[:, :6] == np.frombuffer(b" HTTP/", np.uint8)).all(axis=1) & (tail[:, 6] - np.uint8(48) < 10)
    if tail.shape[1] == 9:
        out &= (tail[:, 7] == 46) & (tail[:, 8] - np.uint8(48) < 10)
    return out


def _is_bare_target(data: Bytes, start: Indices, end: Indices) -> Mask:
    """Whether targets without a version after them look like one: a path, ``*`` or an HTTP URL without `` HTTP/``."""
    head = lower(windows(data, start, 8))
    length = end - start
    out: Mask = (length > 0) & (head[:, 0] == 47) | (length == 1) & (head[:, 0] == 42)
    for scheme in (b"http://", b"https://"):
        size = len(scheme)
        out |= (length >= size) & (head[:, :size] == np.frombuffer(scheme, np.uint8)).all(axis=1)
    blanks = np.flatnonzero(data == 32)
    low, high = np.searchsorted(blanks, start), np.searchsorted(blanks, end)
    index, row = expand(low, high - low)
    inner = (lower(windows(data, blanks[index], 6)) == np.frombuffer(b" http/", np.uint8)).all(axis=1)
    inner &= blanks[index] + 6 <= end[row]
    out[row[inner]] = False
    return out


def _path_starts(data: Bytes, start: Indices, end: Indices) -> Indices:
    """Returns where paths start: after the scheme and the authority of a target in absolute form (RFC 9112, 3.2.2)."""
    out = start.copy()
    letter = np.flatnonzero((end > start) & (lower(data[np.minimum(start, len(data) - 1)]) - np.uint8(97) < 26))
    if not len(letter):
        return out
    colon = following(np.flatnonzero(data == 58), start[letter], len(data))
    slashes = (windows(data, colon + 1, 2) == 47).all(axis=1) & (colon + 3 <= end[letter])
    letter, colon = letter[slashes], colon[slashes]
    index, row = expand(start[letter], colon - start[letter])
    scheme = np.ones(len(letter), dtype=np.bool_)
    scheme[row[~_SCHEME[data[index]]]] = False
    letter, colon = letter[scheme], colon[scheme]
    stops = np.flatnonzero((data == 47) | (data == 63))
    out[letter] = np.minimum(following(stops, colon + 3, len(data)), end[letter])
    return out


_CONTENT_TYPE = np.frombuffer(b"content-type", np.uint8)
_FORM_TYPE = np.frombuffer(b"application/x-www-form-urlencoded", np.uint8)
_JSON = np.frombuffer(b"json", np.uint8)


def typed_bodies(payloads: Payloads, fields: Fields) -> tuple[Mask, Mask]:
    """Returns which payloads have a body of parameters, and which one in JSON, by the first Content-Type header.

    Returns:
        Whether the media type is that of a form (WHATWG URL, 5), and whether it ends in ``json``, bool (n,) each.
    """
    is_form, is_json = np.zeros((2, len(payloads)), dtype=np.bool_)
    data, segment = payloads.data, np.flatnonzero(fields.kind == CODES["content"])
    owner = fields.owner[segment]
    start = payloads.offsets[owner] + fields.start[segment]
    names = lower(windows(data, start, 13))
    is_type = (names[:, :12] == _CONTENT_TYPE).all(axis=1) & np.isin(names[:, 12], (58, 32, 9))
    segment, owner, start = segment[is_type], owner[is_type], start[is_type]
    first = np.append(True, owner[1:] != owner[:-1])[: len(owner)]
    segment, owner, start = segment[first], owner[first], start[first]
    if not len(segment):
        return is_form, is_json
    start = following(np.flatnonzero(data == 58), start, len(data)) + 1
    stop = payloads.offsets[owner] + fields.stop[segment]
    stop = np.minimum(stop, following(np.flatnonzero((data == 59) | (data == 13) | (data == 10)), start, len(data)))
    at, line = expand(start, stop - start)
    ink = np.flatnonzero((data[at] != 32) & (data[at] != 9))[::-1]  # in reverse, so that the first of a line stays
    start = stop.copy()
    start[line[ink]] = at[ink]
    stop = _stripped(data, start, stop)
    text = lower(windows(data, start, len(_FORM_TYPE)))
    is_form[owner] = (stop - start == len(_FORM_TYPE)) & (text == _FORM_TYPE).all(axis=1)
    is_json[owner] = (stop - start >= 4) & (lower(windows(data, stop - 4, 4)) == _JSON).all(axis=1)
    return is_form, is_json


def keep(
    payloads: Payloads, fields: Fields, mask: Mask, spans: Spans | None = None
) -> tuple[Payloads, MappedSpans | None]:
    """Returns the payloads without the segments where the mask is false.

    Args:
        payloads: n payloads.
        fields: their parts, see `locate`.
        mask: bool (segments,), which to keep.
        spans: per payload flat byte offsets (start, end, start, end ...).

    Returns:
        The payloads, and the spans in them; a span loses the bytes that were dropped, and goes with its last byte.
    """
    kept = np.flatnonzero(mask)
    return assemble(payloads, fields, kept, fields.owner[kept], spans)


def replace(
    payloads: Payloads, fields: Fields, donors: Indices, kinds: tuple[str, ...], spans: Spans | None = None
) -> tuple[Payloads, MappedSpans | None]:
    """Returns the payloads with their header lines of some kinds replaced by those of other payloads.

    The donor's lines of a kind stand where the payload's first line of the kind stood, after the request line if there
    was none. A payload stays as it is if it or its donor is not a request with a complete head.

    An attack goes with the line that it is in: of the attacks of `synthetic`, 0.8 % are in lines of kind ``client``,
    and none in ``host``.

    Args:
        payloads: n payloads.
        fields: their parts, see `locate`.
        donors: int64 (n,), the index of the payload whose lines each payload takes.
        kinds: distinct kinds, of `LINE_KINDS`.
        spans: per payload flat byte offsets (start, end, start, end ...).

    Returns:
        The payloads, and the spans in them; bytes of a span in a replaced line are no longer in it.

    Raises:
        ValueError: a kind is not one of header lines.
    """
    if others := sorted(set(kinds) - set(LINE_KINDS)):
        raise ValueError(f"{', '.join(others)} cannot be exchanged; the kinds of header lines are {LINE_KINDS}.")
    start = payloads.offsets[fields.owner] + fields.start
    anchor = _after_request_line(payloads, fields, start)
    exchanged = (anchor >= 0) & (anchor >= 0)[donors]
    gone = fields.of(*kinds) & exchanged[fields.owner]
    sources, keys, rows = [np.flatnonzero(~gone)], [2 * np.flatnonzero(~gone) + 1], [fields.owner[~gone]]
    receivers = np.flatnonzero(exchanged)
    for kind in kinds:
        segment = np.flatnonzero(fields.kind == CODES[kind])
        owner = fields.owner[segment]
        place = anchor.copy()
        place[owner[::-1]] = segment[::-1]  # in reverse, so that the first line of each payload stays
        low, high = np.searchsorted(owner, donors[receivers]), np.searchsorted(owner, donors[receivers], side="right")
        index, receiver = expand(low, high - low)
        sources.append(segment[index])
        keys.append(2 * place[receivers][receiver])
        rows.append(receivers[receiver])
    order = np.argsort(np.concatenate(keys), kind="stable")
    own = np.concatenate([np.full(len(part), not number) for number, part in enumerate(sources)])
    return assemble(
        payloads, fields, np.concatenate(sources)[order], np.concatenate(rows)[order], spans, carried=own[order]
    )


def _after_request_line(payloads: Payloads, fields: Fields, start: Indices) -> Indices:
    """Returns each payload's first segment after the request line, int64 (n,), -1 without an empty line after it."""
    out = np.full(len(payloads), -1)
    feeds = np.flatnonzero(payloads.data == 10)
    line_end = following(feeds, payloads.offsets[:-1], len(payloads.data))
    after = np.searchsorted(start, line_end + 1)
    is_blank = (fields.kind == CODES["separator"]) & (start > line_end[fields.owner])
    complete = fields.owner[is_blank]
    out[complete] = after[complete]
    return out


def assemble(
    payloads: Payloads,
    fields: Fields,
    segments: Indices,
    rows: Indices,
    spans: Spans | None,
    carried: Mask | None = None,
) -> tuple[Payloads, MappedSpans | None]:
    """Returns payloads that are put together from segments.

    Args:
        payloads: n payloads.
        fields: their parts, in order; bytes outside of them are dropped.
        segments: int64 (m,), indices of segments in the order of the output.
        rows: int64 (m,), ascending, the payload of the output that each belongs to.
        spans: per payload flat byte offsets; the last payloads may lack them.
        carried: bool (m,), which segments carry the spans of their payload along; all by default. A segment may carry
            spans once.

    Returns:
        n payloads, and the spans in them, ascending and without empty ones.
    """
    start = payloads.offsets[fields.owner] + fields.start
    length = (fields.stop - fields.start)[segments]
    index, _ = expand(start[segments], length)
    offsets = np.zeros(len(payloads) + 1, dtype=np.int64)
    np.cumsum(np.bincount(rows, weights=length, minlength=len(payloads)), out=offsets[1:])
    out = Payloads(payloads.data[index], offsets)
    if spans is None:
        return out, None
    at = np.full(len(start) + 1, -1)  # where each segment is in the output
    begin = np.cumsum(length) - length
    carriers = slice(None) if carried is None else carried
    at[segments[carriers]] = begin[carriers]
    edges, counts = flat_spans(spans)
    edges += np.repeat(payloads.offsets[:-1][: len(spans)], counts)
    # Spans are cut at the edges of segments, each piece moves with its segment, and pieces that meet are joined again.
    first, last = edges[::2], edges[1::2]
    low = np.maximum(np.searchsorted(start, first, side="right") - 1, 0)
    high = np.searchsorted(start, last)
    segment, span = expand(low, np.where(last > first, high - low, 0))
    piece_start = np.maximum(first[span], start[segment])
    piece_stop = np.minimum(last[span], start[segment] + (fields.stop - fields.start)[segment])
    stays = (at[segment] >= 0) & (piece_stop > piece_start)
    segment, piece_start, piece_stop = segment[stays], piece_start[stays], piece_stop[stays]
    shift = at[segment] - start[segment]
    return out, rows_of_spans(piece_start + shift, piece_stop + shift, out.offsets)


def flat_spans(spans: Spans) -> tuple[Indices, Indices]:
    """Returns all offsets of all spans in one array, and how many each row has, int64 each."""
    counts = np.fromiter(map(len, spans), dtype=np.int64, count=len(spans))
    edges = np.fromiter((edge for row in spans for edge in row), dtype=np.int64, count=int(counts.sum()))
    return edges, counts


def rows_of_spans(start: Indices, stop: Indices, offsets: Indices) -> MappedSpans:
    """Returns spans in joined bytes as flat offsets per row, ascending, spans that touch joined.

    Args:
        start, stop: int64 (m,), spans that are not empty and do not cross rows.
        offsets: int64 (n + 1,), where the rows start.
    """
    order = np.argsort(start, kind="stable")
    start, stop = start[order], stop[order]
    row = np.searchsorted(offsets, start, side="right") - 1
    joined = np.zeros(len(start), dtype=np.bool_)
    joined[1:] = (start[1:] == stop[:-1]) & (row[1:] == row[:-1])
    last = np.append(~joined[1:], True)[: len(start)]
    start, stop, row = start[~joined], stop[last], row[~joined]
    edges = np.stack([start - offsets[row], stop - offsets[row]], axis=1).ravel().tolist()
    ends = np.concatenate([[0], np.cumsum(2 * np.bincount(row, minlength=len(offsets) - 1))]).tolist()
    return tuple([tuple(edges[low:high]) for low, high in itertools.pairwise(ends)])
