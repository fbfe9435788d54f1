"""Tier B: other spellings of HTML and of XML documents, checked by `harness.oracles.html` and `harness.oracles.xml`.

What reads the text here are regular expressions for tags, attributes and declarations, which build no tree. What is
injected into HTML may begin inside a tag, after the quote that ends an attribute.
"""

import functools
import random
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.oracles import html as html_oracle
from harness.oracles import xml as xml_oracle
from harness.perturbations.base import Perturbation, Respelling
from harness.perturbations.sites import Site, SiteRespelling, cased

_TAG = re.compile(r"<(/?)([A-Za-z][^\s/>\"']*)")
_INSIDE = re.compile(r"[^<>\"']*[\"'](?=[\s/]*[A-Za-z][\w:-]*\s*=)|[\w-]*(?=\s+on\w+\s*=)")  # of a tag, up to its next
_ATTRIBUTE = re.compile(
    r"""(?P<gap>[\s/]*)(?P<name>[^\s"'<>/=]+)
    (?:(?P<equals>\s*=\s*)(?:"(?P<double>[^"]*)(?:"|\Z)|'(?P<single>[^']*)(?:'|\Z)|(?P<bare>[^\s"'>][^\s>]*)))?""",
    re.X,
)
_SCHEME = re.compile(r"\s*(?:javascript|data|vbscript)(?=:)", re.I)
_ACTIVE = re.compile(r"(?i)<script|\bon\w{3,}\s*=|script:|data:|srcdoc|&#")  # or else nothing of it runs
_RAW = frozenset("iframe noembed noframes script style textarea title xmp".split())  # their content is no markup
_IS_XML = re.compile(r"\s*<\?xml")  # a document for an XML parser, which minds case and reads references strictly


class _Part(NamedTuple):
    """A part of a tag: ``tag`` and ``name``, the ``gap`` before a name or the tag's end, ``equals``, ``value``."""

    kind: str
    start: int
    end: int
    bare: bool = False  # whether an unquoted value is, or stands before it


@functools.lru_cache(maxsize=1024)
def _parts(text: str) -> tuple[_Part, ...]:
    """The parts of every tag of a text, also of the one that it begins in."""
    if text.startswith("<!-- wp:") or not _ACTIVE.search(text):  # the former's markup stands in JSON
        return ()
    inside = _INSIDE.match(text)
    found = list(_attributes(text, inside.end())) if inside else []
    at = found[-1].end if found else 0
    while (tag := _TAG.search(text, at)) is not None:
        found.append(_Part("tag", *tag.span(2)))
        found += _attributes(text, tag.end())
        at = found[-1].end
        if not tag[1] and tag[2].lower() in _RAW:
            end = re.compile(f"</{tag[2]}", re.I).search(text, at)
            at = end.start() if end else len(text)
    return tuple(found)


def _attributes(text: str, at: int) -> Iterator[_Part]:
    bare = False
    while (match := _ATTRIBUTE.match(text, at)) is not None and match.end() > at:
        yield _Part("gap", *match.span("gap"), bare)
        yield _Part("name", *match.span("name"))
        if match["equals"] is not None:
            yield _Part("equals", *match.span("equals"))
        bare = match["bare"] is not None
        for kind in ("double", "single", "bare"):
            if match[kind] is not None:
                yield _Part("value", *match.span(kind), bare)
        at = match.end()
    end = re.compile(r"\s*(?=>)").match(text, at)
    if end is not None:
        yield _Part("gap", *end.span(), True)


class _Html(SiteRespelling):
    classes = frozenset(("cross-site-scripting",))

    def same(self, before: str, after: str) -> bool:
        """By Lexbor."""
        return html_oracle.same(before, after)


def _schemes(text: str) -> Iterator[_Part]:
    """Where URLs that run script begin: in attributes, or as the whole text."""
    for part in [part for part in _parts(text) if part.kind == "value"] or [_Part("value", 0, len(text))]:
        if scheme := _SCHEME.match(text, part.start, part.end):
            yield part._replace(end=scheme.end())


class HtmlCase(_Html):
    """Changes the case of elements' and attributes' names, and of URL schemes."""

    name = "html-case"

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Names of tags and attributes, schemes."""
        if _IS_XML.match(text):
            return []
        parts = [part for part in _parts(text) if part.kind in ("tag", "name")] + list(_schemes(text))
        return sorted(Site(start, end, (cased(text[start:end], rng),)) for _, start, end, _ in parts)


class HtmlEntity(_Html):
    """Writes characters of attributes' values as character references."""

    name = "html-entity"

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Characters of values, but for those of references."""
        values, html = (part for part in _parts(text) if part.kind == "value"), not _IS_XML.match(text)
        return [site for part in values for site in _references(text, part.start, part.end, html)]


def _references(text: str, start: int, end: int, html: bool) -> Iterator[Site]:
    """ASCII letters, digits and (in HTML) punctuation, each with its references, but for what is in a reference."""
    characters = re.compile(r"[&%]#?\w*;?|([!-~])" if html else r"[&%]#?[\w.-]*;?|([A-Za-z0-9])")
    for match in characters.finditer(text, start, end):
        if match[1] is None:
            continue
        code, following = ord(match[1]), text[match.end() : match.end() + 1]
        spellings = [f"&#{code};", f"&#x{code:x};", f"&#{code:04d};", f"&#x{code:04X};"]
        if html and not re.match(r"[0-9A-Fa-f;]", following):
            spellings += [f"&#{code}", f"&#X{code:X}"]
        yield Site(*match.span(), spellings)


class HtmlWhitespace(_Html):
    """Writes other white space in tags, and some within URL schemes, which browsers take out."""

    name = "html-whitespace"

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Gaps between attributes, around equals signs and before a tag's end, and schemes."""
        found = []
        for kind, start, end, bare in _parts(text):
            if kind == "gap":
                spellings = ["  ", "\t", "\n", " \n"] + ([] if bare else ["/", " / "])
                found.append(Site(start, end, [s for s in spellings if s != text[start:end]]))
            elif kind == "equals":
                found.append(Site(start, end, [s for s in ("=", " =", "= ", "\n=\t") if s != text[start:end]]))
        for _, start, end, bare in _schemes(text):
            cut = rng.randint(start + 1, end - 1)
            found.append(Site(cut, cut, () if bare else ("\t", "\n")))
        return sorted(found)


_XML = frozenset(("xml-external-entity",))
_LITERAL = r"\"[^\"]*\"|'[^']*'"
_MARKUP = re.compile(
    rf"""(?P<declaration><\?[\w-]+(?:\s+[\w-]+\s*=\s*(?:{_LITERAL}))*\s*\?>)
    |(?P<doctype><!DOCTYPE(?:[^\[\]<>"']|{_LITERAL}|\[(?:[^\]"']|{_LITERAL})*\])*>)
    |(?P<skipped><\?.*?\?>|<!--.*?-->|<!\[CDATA\[.*?\]\]>|</[^>]*>|<!.)
    |(?P<tag><[^\s<>/!?]+(?:[^<>"']|{_LITERAL})*>)
    |(?P<text>[^<]+)""",
    re.X | re.S,
)
_ENTITY = re.compile(rf"<!ENTITY\s+(?:%\s+)?([^\s\"'%]+)\s+(?:(?:SYSTEM\s+|PUBLIC\s+(?:{_LITERAL})\s+)?({_LITERAL}))")
_OUTSIDE = re.compile(r"<!DOCTYPE\s+[^\s\[>]+\s+(?:SYSTEM|PUBLIC)|<!ENTITY\s+%\s+\S+\s+(?:SYSTEM|PUBLIC)")
_PAIR = re.compile(rf"(\s+)([^\s=\"'<>/?]+)(\s*=\s*)({_LITERAL})")


class _Xml(SiteRespelling):
    classes = _XML

    def same(self, before: str, after: str) -> bool:
        """By expat."""
        return xml_oracle.same(before, after)


def _markup(text: str) -> Iterator[re.Match[str]]:
    """The pieces of a document; none of a text that is none."""
    return _MARKUP.finditer(text if text.lstrip().startswith("<") else "")


def _quoted(literal: str) -> list[str]:
    """The literal in the other quotes, where it holds none of them."""
    quote = "'" if literal[0] == '"' else '"'
    return [] if quote in literal else [quote + literal[1:-1] + quote]


class XmlEntity(_Xml):
    """Writes characters of text, attributes and entities as references, and text as CDATA sections."""

    name = "xml-entity"

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Letters and digits of text, of attributes and of entities' values; text without references."""
        found: list[Site] = []
        for match in _markup(text):
            start, end = match.span()
            if match.lastgroup == "text" and start and text[end:].strip():
                plain = match[0].strip() and "&" not in match[0] and rng.random() < 0.3
                section = [Site(start, end, (f"<![CDATA[{match[0]}]]>",))] if plain else []
                found += section or _references(text, start, end, html=False)
            elif match.lastgroup == "tag":
                for pair in _PAIR.finditer(text, start, end):
                    found += _references(text, pair.start(4) + 1, pair.end(4) - 1, html=False)
            elif match.lastgroup == "doctype":
                for entity in _ENTITY.finditer(text, start, end):
                    if not re.search(r"\b(?:SYSTEM|PUBLIC)\s", entity[0][: entity.start(2) - entity.start()]):
                        found += _references(text, entity.start(2) + 1, entity.end(2) - 1, html=False)
        return found


class XmlAttribute(_Xml):
    """Writes attributes and declarations with other quotes and white space, and attributes in another order."""

    name = "xml-attribute"

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Tags, declarations that hold attributes, and literals of the document type."""
        found = []
        for match in _markup(text):
            if match.lastgroup in ("tag", "declaration"):
                pairs = list(_PAIR.finditer(match[0]))
                if pairs:
                    begin, end = match.start() + pairs[0].start(), match.start() + pairs[-1].end()
                    ordered = match.lastgroup == "declaration" and match[0].startswith("<?xml ")
                    drawn = pairs if ordered else rng.sample(pairs, len(pairs))
                    found.append(Site(begin, end, ["".join(self._pair(pair, rng) for pair in drawn)]))
            elif match.lastgroup == "doctype":
                for literal in re.compile(rf"(?<=\s)(?:{_LITERAL})").finditer(text, *match.span()):
                    spaced = [f"{space}{literal[0]}" for space in (" ", "\n", "\t")]
                    found.append(Site(*literal.span(), _quoted(literal[0]) * 3 + spaced))
        return found

    @staticmethod
    def _pair(pair: re.Match[str], rng: random.Random) -> str:
        gap, name, _, literal = pair.groups()
        gap = rng.choice((gap, " ", "  ", "\n", "\t"))
        equals = rng.choice(("=", "=", " =", "= ", " = "))
        return f"{gap}{name}{equals}{rng.choice([literal, *_quoted(literal)])}"


class XmlName(Respelling):
    """Gives a document's own entities other names, where nothing outside of it can refer to them."""

    name = "xml-name"
    classes = _XML

    def respell(self, text: str, rng: random.Random) -> str | None:
        """Renames every entity, in its declaration and wherever it is in use."""
        names = list(dict.fromkeys(match[1] for match in _ENTITY.finditer(text)))
        if not names or _OUTSIDE.search(text) or not text.lstrip().startswith("<"):
            return None
        drawn = {name: "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 7))) for name in names}
        if len({*drawn.values(), *names}) < 2 * len(names):
            return None
        anyone = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
        places = re.compile(rf"(?<=[&%])({anyone})(?=;)|(?<=<!ENTITY)(\s+(?:%\s+)?)({anyone})(?=\s)")
        return places.sub(lambda m: (m[2] or "") + drawn[m[1] or m[3]], text)

    def same(self, before: str, after: str) -> bool:
        """By expat."""
        return xml_oracle.same(before, after)


PERTURBATIONS: tuple[Perturbation, ...] = (
    HtmlCase(), HtmlEntity(), HtmlWhitespace(), XmlEntity(), XmlAttribute(), XmlName()
)  # fmt: skip
