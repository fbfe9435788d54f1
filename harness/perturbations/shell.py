"""Tier B: other spellings of shell commands, each checked by `harness.oracles.shell`.

A scanner without a grammar finds quotes, substitutions, separators and words here. An attack may begin inside quotes
and then leave them. So the text is read with and without an open quote, and the reading with the most separators
outside of quotes is used, unless the text begins with a known command.
"""

import functools
import random
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.oracles import shell as oracle
from harness.perturbations.base import Perturbation
from harness.perturbations.sites import Site, SiteRespelling

_UNQUOTED = re.compile(
    r"""(?P<separator>\$\(|[;&|\n()`]|[<>]\()
    |(?P<redirection>\d*[<>]+&?\d*-?)
    |(?P<comment>(?<![^\s;&|()`])\#[^\n]*)
    |(?P<expansion>\$(?:\{[^}]*\}|\w+|[@*\#?!$-]))
    |(?P<assignment>\b[A-Za-z_]\w*=)
    |(?P<word>[\w./:@%+-]+)
    |(?P<space>[\ \t]+)
    |(?P<other>\\.|.)""",
    re.S | re.X,
)
_RESERVED = frozenset("case do done elif else esac fi for function if in select then time until while".split())
_KNOWN = re.compile(r"(?:^|/)(?:cat|curl|echo|host(?:name)?|id|ls|nslookup|ping|sh|sleep|uname|wget|whoami)$")
# Not the text of a POSIX shell: calls in another language, and Windows.
_FOREIGN = re.compile(r"(?i)[\w\])]\(|%\w+%|\b[a-z]:\\|\$\{\w+\{|\b(?:cmd|type|rem|ver)\b|\{if:|^\s*<")


_CONTINUES = re.compile(r"[\w\[]")  # the name of a variable
_NO_WORDS = frozenset(("separator", "redirection", "comment", "assignment", "other"))


class _Token(NamedTuple):
    kind: str
    start: int
    end: int


def _of(text: str, token: _Token) -> str:
    return text[token.start : token.end]


@functools.lru_cache(maxsize=1024)
def _read(text: str) -> tuple[_Token, ...]:
    """Returns the tokens of the best reading; none if it holds no command."""
    if _FOREIGN.search(text):
        return ()
    best: tuple[_Token, ...] = ()
    most = 0
    for quote in ("", "'", '"'):
        tokens = tuple(_scan(text, quote))
        first = next((_of(text, token) for token in tokens if token.kind == "word"), "")
        score = sum(token.kind == "separator" for token in tokens) + (100 if not quote and _KNOWN.search(first) else 0)
        if score > most:
            best, most = tokens, score
    return best


def _scan(text: str, quote: str) -> Iterator[_Token]:
    """Yields the tokens outside of quotes; of quoted text, only substitutions in double quotes."""
    outer: list[tuple[str, str]] = []  # of each open substitution, the character that ends it and the quote around it
    at = 0
    while at < len(text):
        if quote == "'":
            at, quote = text.find("'", at) + 1 or len(text), ""
        elif text[at] == "`":
            yield _Token("separator", at, at + 1)
            if outer and outer[-1][0] == "`":
                quote = outer.pop()[1]
            else:
                outer.append(("`", quote))
                quote = ""
            at += 1
        elif text.startswith("$(", at):
            outer.append((")", quote))
            yield _Token("separator", at, at + 2)
            at, quote = at + 2, ""
        elif quote:
            quote = "" if text[at] == '"' else quote
            at += 2 if text[at] == "\\" else 1
        elif text[at] in "'\"":
            quote = text[at]
            yield _Token("quote", at, at + 1)
            at += 1
        else:
            token = _UNQUOTED.match(text, at)
            assert token is not None
            end = at + 1 if token.lastgroup == "separator" else token.end()
            yield _Token(token.lastgroup or "", at, end)
            if text[at] == ")" and outer and outer[-1][0] == ")":
                quote = outer.pop()[1]
            at = end


class _Shell(SiteRespelling):
    classes = frozenset(("command-injection",))

    def same(self, before: str, after: str) -> bool:
        """Compares the commands that bashlex reads."""
        return oracle.same(before, after)


class ShellQuote(_Shell):
    """Quotes a character of a word, or inserts empty quotes: the shell removes quotes before it runs a command."""

    name = "shell-quote"

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Returns the words outside of quotes, except reserved words and the values of assignments."""
        sites, before = [], ""
        for kind, start, end in _read(text):
            word, is_value, before = text[start:end], before == "assignment", kind
            if kind != "word" or len(word) < 2 or word in _RESERVED or is_value:
                continue
            cut = rng.randint(1, len(word) - 1)
            spellings = (f"''{word[cut]}", f"'{word[cut]}'", f'"{word[cut]}"', f"\\{word[cut]}")
            sites.append(Site(start, end, [word[:cut] + spelling + word[cut + 1 :] for spelling in spellings]))
        return sites


class ShellIfs(_Shell):
    """Writes the space between words as a tab or as ``$IFS``, whose value it is, and ``$IFS`` in other spellings."""

    name = "shell-ifs"

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Returns the spaces between the words of a command, and every ``$IFS``."""
        tokens, sites = _read(text), []
        for before, token, after in zip(tokens, tokens[1:], tokens[2:], strict=False):
            between_words = (
                not {before.kind, after.kind} & _NO_WORDS and not {_of(text, before), _of(text, after)} & _RESERVED
            )
            if token.kind == "expansion" and re.fullmatch(r"\$(?:IFS|\{IFS\})", _of(text, token)):
                sites.append(Site(token.start, token.end, self._spellings(text, token)))
            elif token.kind == "space" and between_words:
                sites.append(Site(token.start, token.end, ["\t", *self._spellings(text, token)]))
        return sites

    @staticmethod
    def _spellings(text: str, token: _Token) -> list[str]:
        bare = [] if _CONTINUES.match(text, token.end) else ["$IFS"]
        return [s for s in ("${IFS}", "$IFS$9", *bare) if s != _of(text, token)]


PERTURBATIONS: tuple[Perturbation, ...] = (ShellQuote(), ShellIfs())
