"""Checks of cores with a command, a path or a host, by shell grammar, path resolution and URL resolution.

Each check returns None for a valid core, or the reason why it is not.
"""

import ipaddress
import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

from harness import oracles

from .cards import PROOF, Core
from .rendering import CONSTANT_HOST

EXAMPLE_PROOF = "kestrel7"


# Command injection


def command_injection(core: Core, text: str) -> str | None:
    """By bashlex: in a command line the core adds a command, a substitution or, by its technique, other options.

    A small tokenizer reads Windows command lines. If another language runs the command (OGNL, PHP, Python, Exim), only
    its call and the strings in it are checked.
    """
    text = re.sub(r"^<\w+>.*</\w+>$", lambda m: re.sub(r"<[^>]*>", "", m[0]), text)  # the text of an XML message
    call = oracles.shell.CALL.search(text)
    inner = [a or b for a, b in re.findall(r"'([^']*)'|\"([^\"]*)\"", text[call.start() if call else 0 :])]
    if call:
        exim = re.findall(r"\$\{run\{(.*?)\}", text.replace("${substr{0}{1}{$spool_directory}}", "/"))
        php = re.findall(r"`(.*?)`", text)
        return (
            None if any(oracles.shell.runs(part, 1) for part in inner + exim + php) else "the call has no command in it"
        )
    if core.technique == "windows-cmd":
        usable = any(_windows(template.format(text)) for template in ("ping {}", 'ping "{}"', "{}"))
        return None if usable else "runs no second command under cmd.exe"
    if oracles.shell.runs(text, 1) or any(
        oracles.shell.runs(place.format(text), 2) for place in oracles.shell.CONTEXTS
    ):
        return None
    options = re.search(r"(?:^|\s)(?:-\w|--\w|ext::)", text)
    if options and (core.technique == "argument-injection" or any(oracles.shell.runs(part, 1) for part in inner)):
        return None
    return "runs no second command"


def _windows(line: str) -> bool:
    """Whether cmd.exe would run a known command after a separator outside of quotes, or after ``%COMSPEC% /c``."""
    tokens = re.findall(r'"[^"]*"?|\^.|&&?|\|\|?|[^"&|^]+', line)
    parts, current = [""], 0
    for token in tokens:
        if token in ("&", "&&", "|", "||"):
            parts.append("")
            current += 1
        else:
            parts[current] += token
    if comspec := re.fullmatch(r'%COMSPEC% /c "(.*)"', line, re.I):
        return _windows("ping & " + comspec[1])
    names = [part.split()[0].lower() if part.split() else "" for part in parts]
    return any(name in oracles.shell.COMMANDS for name in names[1:])


# Path traversal


def path_traversal(core: Core, text: str) -> str | None:
    """Decoded up to three times and passed through the usual filters, the path leaves the root or is absolute."""
    escapes = oracles.paths.escapes((core.filename or text).replace(PROOF, EXAMPLE_PROOF))
    return None if escapes else "stays inside the root"


# Open redirect


def open_redirect(core: Core, text: str) -> str | None:
    """Resolved as by browsers (WHATWG URL), after the site's own decoding, the URL names another host.

    The site may resolve dot segments and drop matrix parameters before it redirects, as the affected products do.
    """
    if any(host and host != CONSTANT_HOST for value in oracles.paths.decodings(text, 2) for host in _targets(value)):
        return None
    return "stays on the site's own host"


def _targets(value: str) -> Iterator[str | None]:
    value = value.replace("\xef\xbf\xbd", "")  # U+FFFD, which some products strip
    value = re.sub(r"[\t\r\n]", "", value.strip("".join(map(chr, range(33))))).replace("\\", "/")
    yield _host(value)
    if not re.match(r"\w+:", value):
        parts: list[str] = []
        for part in re.sub(r";[^/]*", "", value.split("?")[0]).removeprefix("/").split("/"):
            if part == ".." and parts:
                parts.pop()
            elif part not in ("..", "."):
                parts.append(part)
        yield _host("/" + "/".join(parts))


def _host(value: str) -> str | None:
    match = re.match(r"(?i)(?:https?:/*|//+)([^/?#]+)", value)
    authority = match[1].rsplit("@", 1)[-1] if match else ""
    host = re.fullmatch(r"((?:[\w-]+\.)+[\w-]+|\[[\da-f:.]+\])(?::\d*)?", authority, re.I)
    return host[1].lower() if host else None


# Server-side request forgery

_RESERVED = re.compile(r"(?:^|\.)(?:test|example|invalid|localhost|example\.(?:com|net|org))\.?$")
_URL_HOST = re.compile(r"(?i)(?:[a-z][a-z\d+.-]*:)?//+(?:[^/?#\s'\"<>]*@)?(\[[\da-f:.]+\]|[\w.%-]+)")
_BARE_HOST = re.compile(r"(?i)(?:^|@|[=?]to=)(\[[\da-f:.]+\]|[\w-]+(?:\.[\w-]+)*)(?=[:/?#\]]|$)")
_KINDS = {
    "loopback-port": {"loopback"}, "cloud-metadata": {"metadata"}, "internal-address": {"private", "name"},
    "alternate-ip-notation": {"alternate"},
}  # fmt: skip


def request_forgery(core: Core, text: str) -> str | None:
    """The core names a host of its technique's kind (loopback, metadata, private, other notation) or a local file.

    For other techniques any host is valid that represents an attacker's or an internal one, as every host of the cards.
    """
    kinds = {kind for value in oracles.paths.decodings(text, 2) for kind in _host_kinds(value)}
    valid_kinds = _KINDS.get(core.technique, {"loopback", "metadata", "private", "name", "alternate", "file"})
    return None if kinds & valid_kinds else f"has no target of the kind {' or '.join(sorted(valid_kinds))}"


def _host_kinds(text: str) -> Iterator[str]:
    import socket

    if re.search(r"(?i)\b(?:file|netdoc):/*\w", text):
        yield "file"
    for host in [*_URL_HOST.findall(text), *_BARE_HOST.findall(text)]:
        name = unquote(host.strip("[]").lower())
        if name == "localhost":
            yield "loopback"
        elif _RESERVED.search(name):
            yield "name"
        try:
            address: Any = ipaddress.ip_address(name)
        except ValueError:
            if not re.fullmatch(r"(?:0x[\da-f]+|\d+)(?:\.(?:0x[\da-f]+|\d+)){0,3}", name):
                continue
            try:
                address = ipaddress.ip_address(socket.inet_aton(name))
            except OSError:
                continue
            yield "alternate"
        if ipv4_address := getattr(address, "ipv4_mapped", None):
            address = ipv4_address
            yield "alternate"
        if host.startswith("[") or "%" in host:
            yield "alternate"
        if str(address) == "169.254.169.254":
            yield "metadata"
        yield (
            "loopback"
            if address.is_loopback or address.is_unspecified
            else "private"
            if address.is_private
            else "public"
        )
