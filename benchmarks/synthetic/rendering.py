"""Renders a core into an HTTP/1.1 request (RFC 9112) with cues, and returns the exact byte ranges of its attack.

Everything but the cues is drawn from the sample's own random stream, so that two renderings of a sample with different
cues differ in the cues alone. The slot is drawn independently of the class.
"""

import base64
import json
import random
from dataclasses import dataclass, replace
from typing import Literal
from urllib.parse import quote_from_bytes
from xml.sax.saxutils import escape

from .cards import Core, Endpoint

Slot = Literal["query", "form", "json", "cookie", "header", "field", "xml", "upload", "raw"]

# Weights of the slots by form. Values may go into bodies, and documents and uploads into parameters, so that the format
# of a body reveals little about the class.
_SLOTS: dict[str, tuple[tuple[Slot, ...], tuple[float, ...]]] = {
    "value": (("query", "form", "json", "cookie", "header", "field", "xml", "upload"), (34, 18, 13, 5, 5, 9, 7, 9)),
    "document": (("raw", "query", "form", "json", "field", "upload"), (12, 18, 22, 22, 10, 16)),
    "file": (("upload", "json", "form", "raw"), (32, 28, 30, 10)),
}
_PART_NAMES = ("import.xml", "notes.txt", "data.csv", "logo.png", "report.pdf", "list.json")
_PART_TYPES = ("application/octet-stream", "text/plain", "text/xml", "image/png")
_HEADERS = ("X-Forwarded-For", "Referer", "X-Request-Id", "Accept-Language", "X-Client-Id", "Origin", "X-Api-Version")
_COMPANIONS = (
    ("lang", "en"), ("page", "2"), ("sort", "asc"), ("limit", "20"), ("view", "list"), ("tab", "main"), ("step", "1"),
    ("mode", "edit"), ("format", "html"), ("action", "save"), ("type", "default"), ("token", "a81f3c"), ("uid", "1042"),
    ("submit", "Send"), ("year", "2023"), ("category", "7"), ("status", "open"), ("theme", "light"), ("name", "guest"),
    ("title", "Monthly"), ("note", "ok"),
)  # fmt: skip
# In a share of the renderings the attacked parameter gets another, ordinary name: real names reveal some classes.
_PARAMETERS = ("id", "q", "data", "value", "item", "ref", "key", "content", "field", "input", "text", "param")
_RENAMING_RATE = 0.4
_LABELS = ("www", "app", "m", "web1", "my", "node3", "srv", "a2", "desk", "id5", "zone", "host9")
_SAFE = ("", "/:", "-._~!$'()*,;:@/?", "-._~!'()*,;:@/?<>\"{}[]|\\^`=$")
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
CONSTANT_HOST = "target.example"


@dataclass(frozen=True)
class CueValues:
    """The value of each cue in one rendering; None if the cue is absent."""

    host: str | None = None
    client: str | None = None
    prefix: str | None = None
    proof: str | None = None
    token: str | None = None
    padding: str | None = None
    order: str | None = None


@dataclass(frozen=True)
class Rendering:
    """A request, the byte ranges of its attack, the slot that holds the attack, and the proof token."""

    payload: bytes
    spans: tuple[tuple[int, int], ...]
    slot: Slot
    proof: str


class _Buffer:
    """Collects the bytes of a request, and which of them belong to the attack."""

    def __init__(self) -> None:
        self._parts: list[tuple[bytes, bool]] = []

    def add(self, text: str | bytes, attack: bool = False) -> "_Buffer":
        self._parts.append((text if isinstance(text, bytes) else text.encode("latin-1"), attack))
        return self

    def extend(self, other: "_Buffer") -> "_Buffer":
        self._parts += other._parts
        return self

    def __len__(self) -> int:
        return sum(len(part) for part, _ in self._parts)

    def finish(self) -> tuple[bytes, tuple[tuple[int, int], ...]]:
        spans, at = [], 0
        for part, attack in self._parts:
            if attack and part:
                spans.append((at, at + len(part)))
            at += len(part)
        return b"".join(part for part, _ in self._parts), tuple(spans)


def render(sample: str, core: Core, endpoint: Endpoint, cues: CueValues) -> Rendering:
    """Renders one sample.

    Args:
        sample: its id, which seeds every choice other than the cues.
        core: the attack.
        endpoint: method, path and attacked parameter.
        cues: the values of the cues.
    """
    rng = random.Random(sample)
    random_proof = rng.choice(_LETTERS) + "".join(rng.choices(_LETTERS + "0123456789", k=7))
    proof = cues.proof or random_proof
    slot = _slot(rng, core)
    message = _Message(rng, core, endpoint, slot, proof)
    payload, spans = message.wire(cues).finish()
    return Rendering(payload, spans, slot, proof)


def _slot(rng: random.Random, core: Core) -> Slot:
    slots, weights = _SLOTS[core.form]
    slot = rng.choices(slots, weights)[0]
    text = core.text
    unprintable = any(ord(c) < 32 or ord(c) > 126 for c in text) and core.encoding is None
    if slot == "header" and (unprintable or text != text.strip() or len(text) > 200):
        return "query"
    if slot == "xml" and unprintable:
        return "form"
    return slot


class _Message:
    """One request; its initializer makes all random draws, in a fixed order that does not depend on the cues."""

    def __init__(self, rng: random.Random, core: Core, endpoint: Endpoint, slot: Slot, proof: str) -> None:
        self._slot = slot
        self._core = core
        if rng.random() < _RENAMING_RATE:
            endpoint = replace(endpoint, parameter=rng.choice(_PARAMETERS))
        self._endpoint = endpoint
        self._value = core.raw(proof)
        if core.encoding == "base64":
            self._value = base64.b64encode(self._value)
        self._filename = core.raw_filename(proof)
        in_url = slot in ("query", "cookie", "header")
        self._method = (
            ("GET" if rng.random() < 0.85 else "POST") if in_url else ("PUT" if rng.random() < 0.1 else "POST")
        )
        self._safe = rng.choice(_SAFE)
        used_names = (endpoint.parameter, "name" if core.filename else "")
        self._companions = [
            pair for pair in rng.sample(_COMPANIONS, k=rng.choice((0, 0, 1, 1, 2))) if pair[0] not in used_names
        ]
        self._place = rng.randint(0, len(self._companions))
        self._label = rng.choice(_LABELS)
        self._version = str(rng.randint(1, 9))
        self._header = rng.choice(_HEADERS)
        self._boundary = "".join(rng.choices(_LETTERS + "0123456789", k=rng.choice((6, 8, 12))))
        self._tag = rng.choice(("request", "data", "item", "form"))
        self._charset = rng.random() < 0.2
        self._cdata = rng.random() < 0.4
        self._token_rng = rng.getrandbits(32)
        self._part_name = rng.choice(_PART_NAMES)
        self._part_type = rng.choice(_PART_TYPES)

    def wire(self, cues: CueValues) -> _Buffer:
        """Writes the request with the given cues."""
        body, content_type = self._body()
        path = quote_from_bytes(self._endpoint.path.encode(), safe="/:;=@!$&'()*+,~%")
        head = _Buffer().add(f"{self._method} {cues.prefix or ''}{path}")
        if self._slot == "raw" and self._filename:
            head.add("/").add(quote_from_bytes(self._filename, safe=""), attack=True)
        query = self._query()
        padding = [cues.padding] if cues.padding else []
        if len(query):
            head.add("?").extend(query)
            head.add("".join(f"&{pad}" for pad in padding))
        else:
            head.add("".join(f"?{pad}" for pad in padding))
        head.add(" HTTP/1.1\r\n")
        for line in self._plain_headers(cues):
            head.add(line + "\r\n")
        if self._slot == "header":
            head.add(f"{self._header}: ").add(self._value, attack=True).add("\r\n")
        token = f"sid={self._token(cues.token)}" if cues.token else ""
        if self._slot == "cookie":
            head.add(f"Cookie: {token}{'; ' if token else ''}{self._endpoint.parameter}=")
            head.add(self._quoted("!()*-._~/:"), attack=True).add("\r\n")
        elif token:
            head.add(f"Cookie: {token}\r\n")
        if body is not None:
            head.add(f"Content-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n").extend(body)
        else:
            head.add("\r\n")
        return head

    def _query(self) -> _Buffer:
        if self._slot == "query":
            return self._pairs("&")
        in_url = self._companions if self._slot in ("cookie", "header") else []
        return _Buffer().add("&".join("=".join(pair) for pair in in_url))

    def _plain_headers(self, cues: CueValues) -> list[str]:
        """Returns Host, User-Agent and two more in the order of the cue; without the cue, only Host and User-Agent."""
        host = CONSTANT_HOST if cues.host is None else f"{self._label}.{cues.host}"
        lines = {"H": f"Host: {host}", "A": "Accept: */*", "D": "DNT: 1"}
        if cues.client is not None:
            lines["U"] = f"User-Agent: {cues.client.format(n=self._version)}"
        return [lines[initial] for initial in cues.order or "HU" if initial in lines]

    def _token(self, pattern: str) -> str:
        """Fills the format of a token with random characters from a stream of its own."""
        rng = random.Random(self._token_rng)
        alphabets = {"x": "0123456789abcdef", "X": "0123456789ABCDEF", "n": "0123456789", "a": _LETTERS}
        return "".join(rng.choice(alphabets.get(character, character)) for character in pattern)

    def _quoted(self, safe: str) -> str:
        return quote_from_bytes(self._value, safe=safe)

    def _pairs(self, separator: str) -> _Buffer:
        """Writes the parameters in order, the attacked one among its companions, percent-encoded (RFC 3986)."""
        wire = _Buffer()
        pairs: list[tuple[str, str, bool]] = [(name, value, False) for name, value in self._companions]
        pairs.insert(self._place, (self._endpoint.parameter, self._quoted(self._safe.replace("=", "")), True))
        if self._filename:
            pairs.insert(self._place, ("name", quote_from_bytes(self._filename, safe=""), True))
        for index, (name, value, attack) in enumerate(pairs):
            wire.add((separator if index else "") + f"{quote_from_bytes(name.encode(), safe='[]')}=").add(value, attack)
        return wire

    def _body(self) -> tuple[_Buffer | None, str]:
        if self._slot == "form":
            return self._pairs("&"), "application/x-www-form-urlencoded" + ("; charset=UTF-8" if self._charset else "")
        if self._slot == "json":
            return self._json(), "application/json"
        if self._slot == "xml":
            return self._xml(), "text/xml" if self._charset else "application/xml"
        if self._slot in ("field", "upload"):
            return self._multipart(), f"multipart/form-data; boundary={self._boundary}"
        if self._slot == "raw":
            kind = "application/xml" if self._core.form == "document" else "application/octet-stream"
            return self._raw(), kind
        return None, ""

    def _json(self) -> _Buffer:
        wire = _Buffer().add("{")
        pairs = [(name, json.dumps(value), False) for name, value in self._companions]
        pairs.insert(self._place, (self._endpoint.parameter, _json_string(self._value), True))
        if self._filename:
            pairs.insert(self._place, ("name", _json_string(self._filename), True))
        for index, (name, value, attack) in enumerate(pairs):
            wire.add((", " if index else "") + f"{json.dumps(name)}: ")
            wire.add('"').add(value[1:-1], attack).add('"')
        return wire.add("}")

    def _xml(self) -> _Buffer:
        wire = _Buffer().add(f"<{self._tag}>")
        for name, value in self._companions:
            wire.add(f"<{name}>{value}</{name}>")
        text = self._value.decode("latin-1")
        wire.add("<value>")
        if self._cdata and "]]>" not in text:
            wire.add("<![CDATA[").add(text, attack=True).add("]]>")
        else:
            wire.add(escape(text), attack=True)
        return wire.add(f"</value></{self._tag}>")

    def _multipart(self) -> _Buffer:
        """Writes a multipart form (RFC 7578) with the attack in a field or a file part."""
        wire = _Buffer()
        disposition = "\r\nContent-Disposition: form-data; name="
        for name, value in self._companions:
            wire.add(f'--{self._boundary}{disposition}"{name}"\r\n\r\n{value}\r\n')
        wire.add(f'--{self._boundary}{disposition}"{self._endpoint.parameter}"')
        if self._slot == "upload":
            filename = self._filename or self._part_name.encode()
            for character in (b'"', b"\r", b"\n"):
                filename = filename.replace(character, b"%%%02X" % ord(character))
            wire.add('; filename="').add(filename, attack=bool(self._filename))
            wire.add(f'"\r\nContent-Type: {self._part_type}')
        return wire.add("\r\n\r\n").add(self._value, attack=True).add(f"\r\n--{self._boundary}--\r\n")

    def _raw(self) -> _Buffer:
        return _Buffer().add(self._value, attack=True)


def _json_string(value: bytes) -> str:
    return json.dumps(value.decode("latin-1"))
