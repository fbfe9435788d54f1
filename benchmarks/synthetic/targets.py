"""Checks of cores that name a command, a path or a host: shells' grammar, path resolution, URL resolution."""

import ipaddress
import re
from collections.abc import Callable, Iterator
from fnmatch import fnmatchcase
from typing import Any
from urllib.parse import unquote

from benchmarks.synthetic.cards import PROOF, Core
from benchmarks.synthetic.request import CONSTANT_HOST

FILLED = "kestrel7"  # a proof


def decodings(text: str, rounds: int = 3) -> list[str]:
    """The text, and what up to `rounds` percent-decodings make of it."""
    out = [text]
    for _ in range(rounds):
        out.append(unquote(re.sub("%u00", "%", out[-1]), "latin-1"))
    return list(dict.fromkeys(out))


# Command injection

_COMMANDS = set(
    "cat cd cmd curl echo env expr false git hostname id ls ping nslookup printf python3 rem reload sh sleep touch "
    "true type uname unset wget whoami ver".split()
)
_SHELL = ("first {}", "first {} last", "first '{}'", 'first "{}"', "first \"it is '{}'\"")
_HOST_CALL = re.compile(r"\b(?:system|exec|popen|ProcessBuilder|passthru)\b[^(]{0,20}\(|-be \$\{run\{|\{if:=.*`", re.I)


def command_injection(core: Core, text: str) -> str | None:
    """By bashlex: in a command line it makes a second command, a substitution or (as told) other options.

    Windows' command lines have a small tokenizer of their own. Where another language runs the command (OGNL, PHP,
    Python, Exim), only its call and the strings in it are looked at.
    """
    text = re.sub(r"^<\w+>.*</\w+>$", lambda m: re.sub(r"<[^>]*>", "", m[0]), text)  # the text of an XML message
    call = _HOST_CALL.search(text)
    inner = [a or b for a, b in re.findall(r"'([^']*)'|\"([^\"]*)\"", text[call.start() if call else 0 :])]
    if call:
        exim = re.findall(r"\$\{run\{(.*?)\}", text.replace("${substr{0}{1}{$spool_directory}}", "/"))
        php = re.findall(r"`(.*?)`", text)
        return None if any(_runs(part, 1) for part in inner + exim + php) else "the call has no command in it"
    if core.technique == "windows-cmd":
        usable = any(_windows(template.format(text)) for template in ("ping {}", 'ping "{}"', "{}"))
        return None if usable else "runs no second command under cmd.exe"
    if _runs(text, 1) or any(_runs(place.format(text), 2) for place in _SHELL):
        return None
    options = re.search(r"(?:^|\s)(?:-\w|--\w|ext::)", text)
    if options and (core.technique == "argument-injection" or any(_runs(part, 1) for part in inner)):
        return None
    return "runs no second command"


def _windows(line: str) -> bool:
    """Whether cmd.exe would see a known command after a separator outside of quotes, or behind ``%COMSPEC% /c``."""
    tokens = re.findall(r'"[^"]*"?|\^.|&&?|\|\|?|[^"&|^]+', line)
    parts, current = [""], 0
    for token in tokens:
        if token in ("&", "&&", "|", "||"):
            parts.append("")
            current += 1
        else:
            parts[current] += token
    if behind := re.fullmatch(r'%COMSPEC% /c "(.*)"', line, re.I):
        return _windows("ping & " + behind[1])
    names = [part.split()[0].lower() if part.split() else "" for part in parts]
    return any(name in _COMMANDS for name in names[1:])


def _runs(line: str, least: int) -> bool:
    """Whether bash would run at least `least` commands, or substitute one, and knows one of them."""
    import bashlex

    line = re.sub(r"\$\(([^()]*)\)", lambda m: f"$({m[1].replace('||', ';')})", line.strip())  # bashlex cannot
    try:
        trees = bashlex.parse(line.replace("$(<", "$(cat <"))
    except (bashlex.errors.ParsingError, NotImplementedError, AttributeError, TypeError, IndexError):
        return False
    names: list[str] = []
    substitutions = 0
    nodes = list(trees)
    while nodes:
        node = nodes.pop(0)
        if node.kind == "command":
            words = [part.word for part in node.parts if part.kind == "word"]
            names.append(_name(words[0]) if words else "")
        substitutions += node.kind in ("commandsubstitution", "processsubstitution")
        nodes = [
            *getattr(node, "parts", []),
            *getattr(node, "list", []),
            *([node.command] if hasattr(node, "command") else []),
            *nodes,
        ]
    known = sum(map(bool, names))
    return known >= 1 and (len(names) >= least or bool(substitutions))


def _name(word: str) -> str:
    """The known command that a word's expansion begins with, or nothing."""
    word = re.sub(r"\$(?:\{x\}|@)", "", word.removeprefix("{"))  # unset; a brace expansion
    name = re.split(r"\$|,|[\s<>]", word)[0].rsplit("/", 1)[-1].removesuffix(".exe")
    return next((command for command in _COMMANDS if fnmatchcase(command, name)), "")


# Path traversal

_TOP = (
    r"(?:bin|dev|etc|home|lib|mnt|opt|proc|root|srv|tmp|usr|var|C|windows|users|program files(?: \(x86\))?|programdata)"
)
_ABSOLUTE = re.compile(
    rf"(?i)/+(?:\./)*{_TOP}(?:/|$)|[a-z]:/|//[\w?.-]+/\S|~/\w|(?:file|php|data|zip|phar|jar|compress\.\w+|glob|expect):\S"
)
_BYPASSES: tuple[Callable[[str], str], ...] = (
    lambda path: path,
    lambda path: path.replace("../", ""),
    lambda path: path.replace("//", ""),
    lambda path: re.sub(r"<[^>]*>|[\r\n\t]", "", path),
    lambda path: re.sub(r"(?<![^/])\.{3,}(?![^/])", "../..", path),
    lambda path: re.sub(r" *(\.\.) *(?=/)", r"\1", path),
    lambda path: re.sub(r";[^/]*", "", path),
)


def path_traversal(core: Core, text: str) -> str | None:
    """Decoded up to three times, with slashes alike and one filter's bypass undone, it leaves the root or is absolute.

    A path into WEB-INF or META-INF behind a matrix parameter counts: servers keep these from clients, inside the root.
    """
    value = (core.filename or text).replace(PROOF, FILLED)
    for decoded in decodings(value):
        path = decoded.replace("\\", "/").split("\x00")[0]
        for undo in _BYPASSES:
            if _ABSOLUTE.match(undo(path)) or _depth(undo(path)) < 0:
                return None
        if re.search(r";|//|/\./", path) and re.search(r"/(?:WEB|META)-INF/", re.sub(r";[^/]*", "", path)):
            return None
    return "stays inside the root"


def _depth(path: str) -> int:
    """The least depth that a relative path reaches; the root is zero."""
    depth = least = 0
    for part in path.split("/"):
        depth += -1 if part == ".." else part not in ("", ".")
        least = min(least, depth)
    return least


# Open redirect


def open_redirect(core: Core, text: str) -> str | None:
    """Resolved as browsers do (WHATWG URL), after the site's own decoding, it names another host.

    The site may resolve dot segments and drop matrix parameters before it redirects, as the affected products do.
    """
    if any(host and host != CONSTANT_HOST for value in decodings(text, 2) for host in _targets(value)):
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
    """Names a host as its technique says: loopback, metadata, private, in other notation; or reads local files.

    Elsewhere any host will do that stands for an attacker's or an internal one, which is every host of the cards.
    """
    kinds = {kind for value in decodings(text, 2) for kind in _host_kinds(value)}
    wanted = _KINDS.get(core.technique, {"loopback", "metadata", "private", "name", "alternate", "file"})
    return None if kinds & wanted else f"has no target of the kind {' or '.join(sorted(wanted))}"


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
        if mapped := getattr(address, "ipv4_mapped", None):
            address = mapped
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
