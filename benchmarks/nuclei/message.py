"""A request in parts, as the scanner's HTTP client writes it (RFC 9112)."""

import re
from dataclasses import dataclass, field

from . import values
from .expressions import HOST

_ORIGIN = re.compile(r"(https?)://([^/?#\s]+)")
_OWN_HOST = re.compile(rf"{re.escape(HOST)}(?::\d+)?(?=[/?#]|\Z)")
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}
_ALWAYS_WITH_LENGTH = ("POST", "PUT", "PATCH")


@dataclass
class Message:
    """A request.

    Attributes:
        line: its request line.
        headers: the value of each header, None for a line that is not a header; of equal names the last one counts.
        body: its body.
        scheme, host: of its address, empty if the address has none.
    """

    line: str
    headers: dict[str, str | None] = field(default_factory=dict)
    body: str = ""
    scheme: str = ""
    host: str = ""

    def add_host(self, host: str) -> None:
        """Adds the header Host in front if there is none, and drops the default port from it."""
        name = next((name for name in self.headers if name.lower() == "host"), None)
        if name is None:
            name = "Host"
            self.headers = {name: self.host or host, **self.headers}
        self.headers[name] = (self.headers[name] or "").removesuffix(_DEFAULT_PORTS[self.scheme or "http"])

    def add_length(self) -> None:
        """Sets the header Content-Length to the length of the body, unless the body has a transfer coding."""
        names = {name.lower(): name for name in self.headers}
        if "transfer-encoding" in names:
            return
        size = len(values.to_bytes(self.body))
        name = names.get("content-length", "Content-Length")
        if size or self.line.split(" ")[0] in _ALWAYS_WITH_LENGTH:
            self.headers[name] = str(size)
        else:
            self.headers.pop(name, None)

    def to_bytes(self) -> bytes:
        """Returns the bytes of the request."""
        head = [self.line, *(name if value is None else f"{name}: {value}" for name, value in self.headers.items())]
        return values.to_bytes("\r\n".join([*head, "", self.body]))


def from_address(method: str, address: str) -> Message:
    """Returns a request for an address: a URL, or a path of the tested host."""
    origin = _ORIGIN.match(address)
    own_host = _OWN_HOST.match(address)
    target = address[origin.end() if origin else own_host.end() if own_host else 0 :]
    if not target.startswith(("/", "*")):
        target = f"/{target}"
    message = Message(f"{method} {target} HTTP/1.1")
    if origin:
        message.scheme, message.host = origin[1], origin[2].rpartition("@")[2]
    elif own_host:
        message.host = own_host[0]
    return message


def from_raw(text: str) -> Message:
    """Returns a request from its text.

    The target of an absolute address is its path, since the scanner connects to a host by itself, and the version is
    the scanner's. A body ends before the last CR LF of the text; one of a multipart message includes it.

    Raises:
        ValueError: the request line has no target or no version.
    """
    text = text.lstrip()
    blank = _BLANK_LINE.search(text)
    head, body = (text[: blank.start()], text[blank.end() :]) if blank else (text, "")
    first, *lines = head.split("\n")
    method, target = _request_line(first)
    message = Message("", body=body)
    if origin := _ORIGIN.match(target):
        message.scheme, message.host = origin[1], origin[2].rpartition("@")[2]
        target = target[origin.end() :]
        target = target if target.startswith("/") else f"/{target}"
    message.line = f"{method} {target or '/'} HTTP/1.1"
    multipart = False
    for line in filter(None, map(str.strip, lines)):
        name, colon, value = line.partition(":")
        message.headers[name] = value.strip() if colon else None
        multipart |= "Content-Type" in name and "multipart/" in value
    if not multipart:
        message.body = body.removesuffix("\r\n")
    return message


def _request_line(line: str) -> tuple[str, str]:
    """Returns method and target of a request line; the target is empty in a line such as ``GET HTTP/1.1``.

    Raises:
        ValueError: the line has no target or no version.
    """
    method, _, rest = line.strip().partition(" ")
    target, _, version = rest.strip().rpartition(" ")
    if not version.startswith("HTTP/"):
        raise ValueError("a request line without target or version")
    return method, target.rstrip()
