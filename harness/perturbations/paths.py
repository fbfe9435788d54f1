"""Tier B: other spellings of a path that leaves its root, each checked by `harness.oracles.paths`.

A path is split into steps at its separators, which may be percent-encoded once or several times.
"""

import random
import re
from collections.abc import Iterator, Sequence

from harness.oracles import paths as oracle
from harness.perturbations.base import Perturbation
from harness.perturbations.sites import Site, SiteRespelling

_SEPARATOR = r"(?:/|\\|%(?:25)*(?:2f|5c))"
_SEPARATORS = re.compile(f"{_SEPARATOR}+", re.I)
_ONE = re.compile(_SEPARATOR, re.I)
_HEAD = re.compile(rf"(?i)(?:.*resource=)?(?:file:)?{_SEPARATOR}*(?:[a-z][:|]{_SEPARATOR}*)?(?:~{_SEPARATOR})?")
_SERVER = re.compile(rf"(?i){_SEPARATOR}{{2}}[^/\\%]+{_SEPARATOR}")  # of a UNC path
_TAIL = re.compile(r"(?i)[?#\0]|%(?:25)*(?:00|3f|23)|%u00")  # what follows is not part of the path
_LEADS_OUT = re.compile(rf"(?i)\.\.|%(?:25)*2e|(?:WEB|META)-INF|^(?:{_SEPARATOR}|[a-z]:|file:|~)")
_OTHER = re.compile(r"(?i)(?:.*resource=)?(?!file:)[a-z][a-z\d+.-]+:|[/\\]{2}\?")  # wrappers; \\?\ is taken literally


def _separators(text: str) -> Iterator[re.Match[str]]:
    """Yields the separators between steps: after scheme, server, drive, root; before query, fragment, zero byte."""
    if _OTHER.match(text) or not _LEADS_OUT.search(text):
        return iter(())
    head = _SERVER.match(text) or _HEAD.match(text)
    start = head.end() if head else 0
    tail = _TAIL.search(text, start)
    return _SEPARATORS.finditer(text, start, tail.start() if tail else len(text))


class _Path(SiteRespelling):
    classes = frozenset(("path-traversal",))

    def same(self, before: str, after: str) -> bool:
        """Compares where posixpath and ntpath resolve the paths."""
        return oracle.same(before, after)


class PathDot(_Path):
    """Inserts steps that do not move (``.``) between the others."""

    name = "path-dot"

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Returns the positions after separators; the new step has the separator's encoding."""
        sites = []
        for match in _separators(text):
            separator = _ONE.findall(match[0])[-1]
            dots = (".",) if len(separator) == 1 else (".", separator[:-2] + "2e")
            sites.append(Site(match.end(), match.end(), [dot + separator for dot in dots]))
        return sites


class PathSeparator(_Path):
    """Repeats separators, and in Windows paths swaps slash and backslash."""

    name = "path-separator"

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Returns the separators between steps."""
        windows = re.search(r"(?i)\\|%(?:25)*5c|^/?[a-z]:", text) is not None
        sites = []
        for match in _separators(text):
            if text.endswith("...", 0, match.start()):  # ``..../`` evades a filter that looks for this exact separator
                continue
            one = _ONE.findall(match[0])[-1]
            spellings = [match[0] + one, match[0] + one + one]
            if windows:
                swap = {"/": "\\", "\\": "/", "2f": "5c", "5c": "2f", "2F": "5C", "5C": "2F"}
                spellings += [one[:-2] + swap[one[-2:]]] * 2 if one[-2:] in swap else []
            sites.append(Site(match.start(), match.end(), spellings))
        return sites


PERTURBATIONS: tuple[Perturbation, ...] = (PathDot(), PathSeparator())
