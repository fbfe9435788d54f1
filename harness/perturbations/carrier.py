"""Tier C: another host, client, path prefix, or benign padding around the same attack.

If the location of the attack is unknown, it may be in any header or in the path. Then only values that cannot hold an
attack are replaced (a plain host name, a well-known client, an ordinary path), and additions do not touch what exists.
"""

import random
import re
from collections.abc import Sequence

from harness.data.http_request import Span
from harness.oracles import encoding as oracle
from harness.perturbations.base import Perturbation
from harness.perturbations.message import Edit, Message

_WORDS = (
    "alpha", "bureau", "depot", "garden", "harbor", "island", "journal", "library", "market", "mirror", "office",
    "orchard", "parcel", "river", "school", "studio", "ticket", "valley", "window", "workshop",
)  # fmt: skip
_ZONES = ("example", "test", "invalid", "example.com", "example.net", "example.org")  # RFC 2606
_NETS = ("192.0.2", "198.51.100", "203.0.113")  # RFC 5737
_RESERVED = re.compile(
    rb"(?:[a-z0-9-]+\.)*(?:example(?:\.com|\.net|\.org)?|test|invalid)(?::\d+)?"
    rb"|(?:192\.0\.2|198\.51\.100|203\.0\.113)\.\d{1,3}(?::\d+)?"
)
_HOST = re.compile(rb"[A-Za-z0-9.-]+(?::\d{1,5})?")
_REQUESTERS = frozenset(("server-side-request-forgery", "open-redirect"))  # a host name alone may be their attack

_CLIENTS = (
    "curl/7.{}.{}", "Wget/1.{}.{}", "python-requests/2.{}.{}", "Go-http-client/1.{}", "okhttp/4.{}.{}", "axios/1.{}.{}",
    "Java/17.{}.{}", "aiohttp/3.{}.{}", "libwww-perl/6.{}", "PostmanRuntime/7.{}.{}", "Apache-HttpClient/4.{}.{}",
    "node-fetch/2.{}.{}", "Dart/3.{}", "Ruby/3.{}.{}", "GuzzleHttp/7.{}.{}", "HTTPie/3.{}.{}", "insomnia/9.{}.{}",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/1{}.0.{}.0 Safari/537.36",
    "Mozilla/5.0 (X11; Linux x86_64; rv:1{0}.0) Gecko/20100101 Firefox/1{0}.0",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.{} (KHTML, like Gecko) Version/17.{} Safari/605",
)  # fmt: skip
_KNOWN_CLIENT = re.compile(
    rb"[A-Za-z][A-Za-z-]{1,24}/\d[\d.]{0,12}"
    rb"|Mozilla/5\.0 \((?:X11; Linux x86_64|Windows NT 1\d\.0; Win64; x64|Macintosh; Intel Mac OS X [\d_.]+)"
    rb"(?:; rv:[\d.]+)?\)(?: [A-Z][A-Za-z]+/[\d.]+| \(KHTML, like Gecko\))*"
)

_PREFIXES = ("api", "app", "area", "base", "de", "gateway", "intranet", "live", "old", "prod", "service", "stage", "v1")
_SEGMENT = re.compile(rb"/(?:[A-Za-z0-9_~-][A-Za-z0-9._~-]*(?=/|\Z)|\Z)")
_ORDINARY = re.compile(rb"(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?")

_PAIRS = ("_={}", "cb={}", "utm_source=newsletter{}", "nocache={}", "tz={}", "ts=17{}", "build={}", "trace=t{}")
_FIELDS = (
    "DNT: 1", "Cache-Control: no-cache", "Pragma: no-cache", "Accept-Language: en-US,en;q=0.{0}", "Priority: u={0}",
    "Upgrade-Insecure-Requests: 1", "X-Request-Id: {1:06x}", "Sec-GPC: 1", "Save-Data: on", "X-Trace: t-{1}",
)  # fmt: skip
_PAIR = re.compile(rb"[?&]?[a-z_]+=\w+")


class Host(Perturbation):
    """Replaces the Host by a reserved name (RFC 2606) or a documentation address (RFC 5737)."""

    name = "host"
    tier = "C"
    needs_place = False

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        """Replaces a plain host name; a request with a target in absolute form, which names the host too, stays."""
        request = message.request
        fields = list(request.fields(b"host"))
        if len(fields) != 1 or message.overlaps_attack(*fields[0].line) or request.path[0] != request.target[0]:
            return None
        if not (message.located or _names_a_host(message, fields[0].value)):
            return None
        port = rng.choice(("", "", "", ":8080", ":8443"))
        if rng.random() < 0.2:
            host = f"{rng.choice(_NETS)}.{rng.randint(1, 254)}"
        else:
            host = f"{rng.choice(_WORDS)}{rng.choice(('', '-', '.'))}{rng.choice(_WORDS)}.{rng.choice(_ZONES)}"
        return message.with_edits([Edit(*fields[0].value, (host + port).encode())])

    def keeps_class(self, before: Message, after: Message) -> bool:
        """Whether only the Host line differs, and now names a reserved host."""
        field = _changed_field(before, after)
        return field is not None and field[0] == b"host" and _RESERVED.fullmatch(field[1]) is not None


def _names_a_host(message: Message, value: Span) -> bool:
    """Whether a value is only a host name, and no attack of the class can consist of a host name alone."""
    may_be_attack = not message.classes or message.classes & _REQUESTERS
    return not may_be_attack and _HOST.fullmatch(message.payload, *value) is not None


def _changed_field(before: Message, after: Message) -> tuple[bytes, bytes] | None:
    """Returns (lower-case name, new value) of the only header field that differs or is new; None for other changes."""
    (old, old_body), (new, new_body) = oracle.head_and_body(before.payload), oracle.head_and_body(after.payload)
    at = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), len(old))
    additions = len(new) - len(old)
    if old_body != new_body or not 0 < at < len(new) or additions not in (0, 1):
        return None
    if old[at + 1 - additions :] != new[at + 1 :]:
        return None
    name = oracle.field_name(new[at])
    valid = name not in map(oracle.field_name, old) if additions else name == oracle.field_name(old[at])
    return (name, new[at].partition(b":")[2].strip()) if valid else None


class Client(Perturbation):
    """Replaces the User-Agent by one of another family with a version, or adds one if there is none."""

    name = "client"
    tier = "C"
    needs_place = False

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        """Replaces the field's value, or adds the field."""
        header = message.request.header(b"user-agent")
        old = message.request.text(header.value) if header else b""
        index, version = rng.randrange(len(_CLIENTS)), (rng.randint(10, 39), rng.randrange(100))
        agent = _CLIENTS[index].format(*version).encode()
        if header is None:
            return _with_field(message, b"User-Agent: " + agent, rng)
        if message.overlaps_attack(*header.line) or not (message.located or _KNOWN_CLIENT.fullmatch(old)):
            return None
        if _family(agent) == _family(old):
            agent = _CLIENTS[index - 1].format(*version).encode()
        return message.with_edits([Edit(*header.value, agent)])

    def keeps_class(self, before: Message, after: Message) -> bool:
        """Whether only the User-Agent line differs, and now names a well-known client."""
        field = _changed_field(before, after)
        return field is not None and field[0] == b"user-agent" and _KNOWN_CLIENT.fullmatch(field[1]) is not None


def _family(agent: bytes) -> bytes:
    """Returns a client's product name: the last one of a User-Agent, which for a browser is not ``Mozilla``."""
    return agent.rpartition(b" ")[2].partition(b"/")[0]


def _with_field(message: Message, line: bytes, rng: random.Random) -> Message | None:
    """Adds a header field at a random position after the first one; None if the request can take no further line."""
    request = message.request
    if request.version[0] == request.version[1] or not request.payload.endswith(b"\n", 0, request.head[1]):
        return None
    at = rng.choice([*(header.line[0] for header in request.headers[1:]), request.head[1]])
    return None if message.overlaps_attack(at, at) else message.with_edits([Edit(at, at, line + request.line_end)])


class PathPrefix(Perturbation):
    """Replaces the first segment of the path, or adds one before it."""

    name = "path-prefix"
    tier = "C"

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        """Adds a segment before an ordinary one, or replaces it if the attack is known to be elsewhere."""
        start, end = message.request.path
        lead = _SEGMENT.match(message.payload, start, end)
        ordinary = message.located or _ORDINARY.fullmatch(message.payload, start, end)
        if lead is None or message.overlaps_attack(*lead.span()) or not ordinary:
            return None
        prefix = f"/{rng.choice(_PREFIXES)}{rng.choice(('', '', rng.randint(2, 9)))}".encode()
        swap = message.located and lead.end() < end - 1 and rng.random() < 0.5
        return message.with_edits([Edit(start, lead.end() if swap else start, prefix)])

    def keeps_class(self, before: Message, after: Message) -> bool:
        """Whether only the first segment of the path differs."""
        old, new = before.request.path, after.request.path
        old_path, new_path = before.payload[slice(*old)].split(b"/"), after.payload[slice(*new)].split(b"/")
        same_rest = new_path[2:] in (old_path[1:], old_path[2:]) and new_path[0] == b"" and new_path[1].isalnum()
        return same_rest and oracle.same_elsewhere(before.payload, [old], after.payload, [new])


class Padding(Perturbation):
    """Adds one benign parameter or header field."""

    name = "padding"
    tier = "C"
    needs_place = False

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        """Appends a parameter to the query or the form, or adds a header field; its name must not exist yet."""
        part = rng.choice((None, *_parts(message)))
        if part is None:
            line = rng.choice(_FIELDS).format(rng.randint(1, 7), rng.getrandbits(24))
            exists = message.request.header(line.partition(":")[0].lower().encode()) is not None
            return None if exists else _with_field(message, line.encode(), rng)
        pair = rng.choice(_PAIRS).format(rng.getrandbits(24)).encode()
        if pair.partition(b"=")[0] + b"=" in message.payload:
            return None
        start, end = message.request.target if part == "query" else message.request.body
        mark = b"?" if part == "query" and b"?" not in message.payload[start:end] else b"&"
        return None if message.overlaps_attack(end, end) else message.with_edits([Edit(end, end, mark + pair)])

    def keeps_class(self, before: Message, after: Message) -> bool:
        """Whether the messages differ in one more parameter or header field only."""
        for old, new in (before.request.target, after.request.target), (before.request.body, after.request.body):
            old_part, new_part = before.payload[slice(*old)], after.payload[slice(*new)]
            if old_part != new_part:
                one_pair = new_part.startswith(old_part) and _PAIR.fullmatch(new_part[len(old_part) :]) is not None
                return one_pair and oracle.same_elsewhere(before.payload, [old], after.payload, [new])
        field = _changed_field(before, after)
        return field is not None and len(after.request.headers) == len(before.request.headers) + 1


def _parts(message: Message) -> Sequence[str]:
    """Returns which parts accept one more parameter: ``query`` (or a path without one), ``form``."""
    request = message.request
    target, query, body = request.text(request.target), request.text(request.query), request.text(request.body)
    has_path = request.path[0] < request.path[1] and target[request.path[0] - request.target[0]] == 47  # a slash
    parts = []
    if has_path and b"#" not in target and (b"=" in query or b"?" not in target):
        parts.append("query")
    if request.content_type == b"application/x-www-form-urlencoded" and not request.has_coding and b"=" in body:
        parts.append("form")
    return parts


PERTURBATIONS: tuple[Perturbation, ...] = (Host(), Client(), PathPrefix(), Padding())
