"""Tier B: other spellings of HTML and of XML documents, checked by `harness.oracles.html` and `harness.oracles.xml`.

Regular expressions find tags, attributes and declarations here; no tree is built. A fragment that is injected into HTML
may begin inside a tag, after the quote that ends an attribute.
"""

import functools
import random
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from harness.oracles import html as html_oracle
from harness.oracles import xml as xml_oracle
from harness.perturbations.base import Perturbation, Respelling
from harness.perturbations.sites import Site, SiteRespelling, random_case

_TAG = re.compile(r"<(/?)([A-Za-z][^\s/>\"']*)")
# A fragment that begins inside a tag: the rest of the current attribute, up to the next one.
_INSIDE = re.compile(r"[^<>\"']*[\"'](?=[\s/]*[A-Za-z][\w:-]*\s*=)|[\w-]*(?=\s+on\w+\s*=)")
_ATTRIBUTE = re.compile(
    r"""(?P<gap>[\s/]*)(?P<name>[^\s"'<>/=]+)
    (?:(?P<equals>\s*=\s*)(?:"(?P<double>[^"]*)(?:"|\Z)|'(?P<single>[^']*)(?:'|\Z)|(?P<bare>[^\s"'>][^\s>]*)))?""",
    re.X,
)
_SCHEME = re.compile(r"\s*(?:javascript|data|vbscript)(?=:)", re.I)
_ACTIVE = re.compile(r"(?i)<script|\bon\w{3,}\s*=|script:|data:|srcdoc|&#")  # a text without any of these runs nothing
_RAW = frozenset("iframe noembed noframes script style textarea title xmp".split())  # their content is not markup
_IS_XML = re.compile(r"\s*<\?xml")  # for an XML parser, which is case-sensitive and strict about references


class _Part(NamedTuple):
    """A part of a tag: ``tag`` and ``name``, the ``gap`` before a name or the tag's end, ``equals``, ``value``."""

    kind: str
    start: int
    end: int
    bare: bool = False  # whether it is an unquoted value or follows one


@functools.lru_cache(maxsize=1024)
def _parts(text: str) -> tuple[_Part, ...]:
    """Returns the parts of every tag of a text, including a tag that the text begins in."""
    if text.startswith("<!-- wp:") or not _ACTIVE.search(text):  # the former holds its markup in JSON
        return ()
    inside = _INSIDE.match(text)
    parts = list(_attributes(text, inside.end())) if inside else []
    at = parts[-1].end if parts else 0
    while (tag := _TAG.search(text, at)) is not None:
        parts.append(_Part("tag", *tag.span(2)))
        parts += _attributes(text, tag.end())
        at = parts[-1].end
        if not tag[1] and tag[2].lower() in _RAW:
            end = re.compile(f"</{tag[2]}", re.I).search(text, at)
            at = end.start() if end else len(text)
    return tuple(parts)


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
        """Compares the pages that Lexbor parses."""
        return html_oracle.same(before, after)


def _schemes(text: str) -> Iterator[_Part]:
    """Yields the schemes of URLs that run script, in attributes or at the start of the text."""
    for part in [part for part in _parts(text) if part.kind == "value"] or [_Part("value", 0, len(text))]:
        if scheme := _SCHEME.match(text, part.start, part.end):
            yield part._replace(end=scheme.end())


class HtmlCase(_Html):
    """Changes the case of element names, attribute names and URL schemes."""

    name = "html-case"

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Returns the names of tags and attributes, and the schemes."""
        if _IS_XML.match(text):
            return []
        parts = [part for part in _parts(text) if part.kind in ("tag", "name")] + list(_schemes(text))
        return sorted(Site(start, end, (random_case(text[start:end], rng),)) for _, start, end, _ in parts)


class HtmlEntity(_Html):
    """Writes characters of attribute values as character references."""

    name = "html-entity"

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Returns the characters of values, except those of existing references."""
        values, html = (part for part in _parts(text) if part.kind == "value"), not _IS_XML.match(text)
        return [site for part in values for site in _references(text, part.start, part.end, html)]


def _references(text: str, start: int, end: int, html: bool) -> Iterator[Site]:
    """Yields ASCII letters, digits and (in HTML) punctuation with their references; skips existing references."""
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
    """Replaces white space in tags, and adds white space to URL schemes, which browsers remove."""

    name = "html-whitespace"

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Returns the gaps between attributes, around equals signs and before the end of a tag, and the schemes."""
        sites = []
        for kind, start, end, bare in _parts(text):
            if kind == "gap":
                spellings = ["  ", "\t", "\n", " \n"] + ([] if bare else ["/", " / "])
                sites.append(Site(start, end, [s for s in spellings if s != text[start:end]]))
            elif kind == "equals":
                sites.append(Site(start, end, [s for s in ("=", " =", "= ", "\n=\t") if s != text[start:end]]))
        for _, start, end, bare in _schemes(text):
            cut = rng.randint(start + 1, end - 1)
            sites.append(Site(cut, cut, () if bare else ("\t", "\n")))
        return sorted(sites)


_XML = frozenset(("xml-external-entity",))
_LITERAL = r"\"[^\"]*+\"|'[^']*+'"
_MARKUP = re.compile(
    # Linear time: quantifiers are possessive, and what is never closed, which no XML parser accepts, goes to the end.
    rf"""(?P<declaration><\?[\w-]++(?:\s++[\w-]++\s*+=\s*+(?:{_LITERAL}))*+\s*+\?>)
    |(?P<doctype><!DOCTYPE(?:[^\[\]<>"']++|{_LITERAL}|\[(?:[^\]"']++|{_LITERAL})*+\])*+>)
    |(?P<skipped><\?.*?(?:\?>|\Z)|<!--.*?(?:-->|\Z)|<!\[CDATA\[.*?(?:\]\]>|\Z)|</[^<>]*+>|<!.)
    |(?P<tag><[^\s<>/!?="']++(?:[^<>"']++|{_LITERAL})*+>)
    |(?P<text>[^<]++)""",
    re.X | re.S,
)
_ENTITY = re.compile(rf"<!ENTITY\s+(?:%\s+)?([^\s\"'%]+)\s+(?:(?:SYSTEM\s+|PUBLIC\s+(?:{_LITERAL})\s+)?({_LITERAL}))")
_OUTSIDE = re.compile(r"<!DOCTYPE\s+[^\s\[>]+\s+(?:SYSTEM|PUBLIC)|<!ENTITY\s+%\s+\S+\s+(?:SYSTEM|PUBLIC)")
_PAIR = re.compile(rf"(?<!\s)(\s++)([^\s=\"'<>/?]++)(\s*+=\s*+)({_LITERAL})")


class _Xml(SiteRespelling):
    classes = _XML

    def same(self, before: str, after: str) -> bool:
        """Compares the documents that expat reads."""
        return xml_oracle.same(before, after)


def _markup(text: str) -> Iterator[re.Match[str]]:
    """Yields the pieces of a document; none if the text is not a document."""
    return _MARKUP.finditer(text if text.lstrip().startswith("<") else "")


def _requoted(literal: str) -> list[str]:
    """Returns the literal in the other kind of quotes; an empty list if it contains that kind."""
    quote = "'" if literal[0] == '"' else '"'
    return [] if quote in literal else [quote + literal[1:-1] + quote]


class XmlEntity(_Xml):
    """Writes characters of text, attributes and entities as references, and text as CDATA sections."""

    name = "xml-entity"

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Returns letters and digits of text, attributes and entity values; text without references as a whole."""
        sites: list[Site] = []
        for match in _markup(text):
            start, end = match.span()
            if match.lastgroup == "text" and start and text[end:].strip():
                plain = match[0].strip() and "&" not in match[0] and rng.random() < 0.3
                section = [Site(start, end, (f"<![CDATA[{match[0]}]]>",))] if plain else []
                sites += section or _references(text, start, end, html=False)
            elif match.lastgroup == "tag":
                for pair in _PAIR.finditer(text, start, end):
                    sites += _references(text, pair.start(4) + 1, pair.end(4) - 1, html=False)
            elif match.lastgroup == "doctype":
                for entity in _ENTITY.finditer(text, start, end):
                    if not re.search(r"\b(?:SYSTEM|PUBLIC)\s", entity[0][: entity.start(2) - entity.start()]):
                        sites += _references(text, entity.start(2) + 1, entity.end(2) - 1, html=False)
        return sites


class XmlAttribute(_Xml):
    """Writes attributes and declarations with other quotes and white space, and attributes in another order."""

    name = "xml-attribute"

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Returns tags and declarations with attributes, and literals of the document type."""
        sites = []
        for match in _markup(text):
            if match.lastgroup in ("tag", "declaration"):
                pairs = list(_PAIR.finditer(match[0]))
                if pairs:
                    begin, end = match.start() + pairs[0].start(), match.start() + pairs[-1].end()
                    fixed_order = match.lastgroup == "declaration" and match[0].startswith("<?xml ")
                    order = pairs if fixed_order else rng.sample(pairs, len(pairs))
                    sites.append(Site(begin, end, ["".join(self._pair(pair, rng) for pair in order)]))
            elif match.lastgroup == "doctype":
                for literal in re.compile(rf"(?<=\s)(?:{_LITERAL})").finditer(text, *match.span()):
                    more_space = [f"{space}{literal[0]}" for space in (" ", "\n", "\t")]
                    sites.append(Site(*literal.span(), _requoted(literal[0]) * 3 + more_space))
        return sites

    @staticmethod
    def _pair(pair: re.Match[str], rng: random.Random) -> str:
        gap, name, _, literal = pair.groups()
        gap = rng.choice((gap, " ", "  ", "\n", "\t"))
        equals = rng.choice(("=", "=", " =", "= ", " = "))
        return f"{gap}{name}{equals}{rng.choice([literal, *_requoted(literal)])}"


class XmlName(Respelling):
    """Renames the entities of a document, if nothing outside of it can refer to them."""

    name = "xml-name"
    classes = _XML

    def respell(self, text: str, rng: random.Random) -> str | None:
        """Renames every entity in its declaration and in all references to it."""
        names = list(dict.fromkeys(match[1] for match in _ENTITY.finditer(text)))
        if not names or _OUTSIDE.search(text) or not text.lstrip().startswith("<"):
            return None
        new_names = {name: "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(2, 7))) for name in names}
        if len({*new_names.values(), *names}) < 2 * len(names):
            return None
        any_name = "|".join(map(re.escape, sorted(names, key=len, reverse=True)))
        places = re.compile(rf"(?<=[&%])({any_name})(?=;)|(?<=<!ENTITY)(\s+(?:%\s+)?)({any_name})(?=\s)")
        return places.sub(lambda m: (m[2] or "") + new_names[m[1] or m[3]], text)

    def same(self, before: str, after: str) -> bool:
        """Compares the documents that expat reads."""
        return xml_oracle.same(before, after)


PERTURBATIONS: tuple[Perturbation, ...] = (
    HtmlCase(), HtmlEntity(), HtmlWhitespace(), XmlEntity(), XmlAttribute(), XmlName()
)  # fmt: skip
