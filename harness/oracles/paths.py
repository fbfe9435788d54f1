"""Paths by posixpath and ntpath: decides whether a path leaves its root, and whether two paths are equivalent."""

import functools
import ntpath
import posixpath
import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

ROUNDS = 3  # maximum number of percent-decodings in a chain of servers
_TOP = (
    r"(?:bin|dev|etc|home|lib|mnt|opt|proc|root|srv|tmp|usr|var|C|windows|users|program files(?: \(x86\))?|programdata)"
)
_ABSOLUTE = re.compile(
    rf"(?i)/+(?:\./)*{_TOP}(?:/|$)|[a-z]:/|//[\w?.-]+/\S|~/\w|(?:file|php|data|zip|phar|jar|compress\.\w+|glob|expect):\S"
)
_BYPASSES: tuple[Callable[[str], str], ...] = (  # filters: what each of them removes from a path
    lambda path: path,
    lambda path: path.replace("../", ""),
    lambda path: path.replace("//", ""),
    lambda path: _without_tags(path),
    lambda path: re.sub(r"(?<![^/])\.{3,}(?![^/])", "../..", path),
    lambda path: re.sub(r"(?<! ) *+(\.\.) *+(?=/)", r"\1", path),
    lambda path: re.sub(r";[^/]*", "", path),
)
_HEAD = re.compile(r"(?is)((?:.*resource=)?(?:([a-z][a-z\d+.-]+):(?://[^/\\]*)?)?)([^\0?#]*)(.*)")


def _without_tags(path: str) -> str:
    head, end, rest = path.rpartition(">")  # in the rest, every tag would be searched for an end that it lacks
    return re.sub(r"[\r\n\t]", "", re.sub(r"<[^>]*>", "", head + end) + rest)


def decodings(text: str, rounds: int = ROUNDS) -> list[str]:
    """Returns the text and the distinct results of up to ``rounds`` percent-decodings."""
    out = [text]
    for _ in range(rounds):
        out.append(_decoded(out[-1]))
    return list(dict.fromkeys(out))


def _decoded(text: str) -> str:
    return unquote(re.sub("%u00", "%", text), "latin-1")


def escapes(value: str) -> bool:
    """Whether a value, decoded up to three times and passed through the usual filters, leaves the root or is absolute.

    A path into WEB-INF or META-INF after a matrix parameter counts too: servers deny these to clients, although they
    are inside the root.
    """
    return _way(value) is not None


def same(before: str, after: str) -> bool:
    """Whether both paths leave the root in the same way, over the same steps, to the same place.

    Paths of archive or stream wrappers are never the same, since it is not known here how a wrapper reads its path.
    """
    way = _way(before)
    if way is None or (route := _route(before, way)) is None:
        return False
    return _escapes(_decode_for(after, way), _BYPASSES[way.bypass]) and _route(after, way) == route


class _Way(NamedTuple):
    """How a value leaves the root: number of decodings, index of the filter, and whether it is a Windows path."""

    decodings: int
    bypass: int
    windows: bool


class _Route(NamedTuple):
    """Where a path leads: scheme and authority, resolved path, steps without empty ones and ``.``, and what follows."""

    head: str
    place: str
    steps: tuple[str, ...]
    tail: str


@functools.lru_cache(maxsize=4096)
def _way(value: str) -> _Way | None:
    for rounds, decoded in enumerate(decodings(value)):
        for bypass, undo in enumerate(_BYPASSES):
            if _escapes(decoded.replace("\\", "/").split("\x00")[0], undo):
                return _Way(rounds, bypass, "\\" in decoded or re.match("[A-Za-z]:", decoded) is not None)
    return None


def _escapes(path: str, undo: Callable[[str], str]) -> bool:
    if _ABSOLUTE.match(undo(path)) or _depth(undo(path)) < 0:
        return True
    hidden = re.search(r";|//|/\./", path) and re.search(r"/(?:WEB|META)-INF/", re.sub(r";[^/]*", "", path))
    return hidden is not None


def _depth(path: str) -> int:
    """Returns the lowest depth that a relative path reaches; the root is zero."""
    depth = least = 0
    for part in path.split("/"):
        depth += -1 if part == ".." else part not in ("", ".")
        least = min(least, depth)
    return least


def _decode_for(value: str, way: _Way) -> str:
    for _ in range(way.decodings):
        value = _decoded(value)
    return value.replace("\\", "/").split("\x00")[0]


@functools.lru_cache(maxsize=4096)
def _route(value: str, way: _Way) -> _Route | None:
    for _ in range(way.decodings):
        value = _decoded(value)
    parts = _HEAD.fullmatch(value)
    if parts is None or (parts[2] or "file").lower() != "file":
        return None
    flavour = ntpath if way.windows else posixpath
    path = parts[3].replace("\\", "/") if way.windows else parts[3]
    steps = [step for step in path.split("/") if step not in ("", ".")]
    place = flavour.normpath(_BYPASSES[way.bypass](path)) + ("/" if path.endswith("/") else "")
    return _Route(parts[1], place, tuple(steps), parts[4])
