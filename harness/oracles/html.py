"""HTML parsed by Lexbor: counts the nodes of a page that run script, and decides whether two texts make the same page.

Lexbor builds the tree of the HTML standard (https://html.spec.whatwg.org/#parsing), as browsers do.
"""

import functools
import html
import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import unquote

from harness.oracles import xml
from harness.oracles.script import javascript, skeleton

CONTEXTS = (
    "<div>{}</div>", '<input value="{}">', "<input value='{}'>", "<input value={}>", "<textarea>{}</textarea>",
    "<title>{}</title>", '<a href="{}">x</a>', "<!-- {} -->", "<style>{}</style>", '<script>v = "{}"</script>',
    "<select><option>{}</option></select>", "<{}>", '<iframe src="{}">', "<body class='{}'>",
)  # fmt: skip
# What a site may do to a text before it echoes it: nothing, decode it, or escape it, which does not stop a URL.
_WRITERS: tuple[Callable[[str], str], ...] = (str, html.unescape, unquote, html.escape)
_IN_JSON = re.compile(r"\s*<!-- wp:")  # blocks of an editor, whose markup is inside JSON, which is not parsed here
_URI = re.compile(r"(?i)(?:javascript:|data:(?:text/html|image/svg|,|text/javascript|application/(?:x-)?javascript))")
_LINKS = frozenset("action background data formaction from href poster src to values xlink:href".split())
_END = "the end"  # text at the end of a page: it is missing from the tree if the tag before it is never closed
_CLOSING = re.compile(r"</([A-Za-z][^\s/>]*+)[^>]*+>")
_DOCUMENT = re.compile(r"\s*<\?xml|\s*<svg[^>]*\sxmlns=")  # a file that an XML parser reads

Node = tuple[object, ...]


class Page(NamedTuple):
    """Number of nodes that run script, and the tree: (parent, tag, attributes or text) of every node in order."""

    scripts: int
    tree: tuple[Node, ...]


class _Injection(NamedTuple):
    """How a site writes a text, the context it inserts it into, and the resulting page."""

    write: Callable[[str], str]
    context: str
    page: Page


def scripts(page: str) -> int:
    """Returns the number of a page's nodes that run balanced script."""
    return read(page).scripts


def injects(text: str, context: str) -> bool:
    """Whether a text, inserted into a context (a page with ``{}``), adds a node that runs script."""
    return scripts(context.format(text)) > _benign(context)


def same(before: str, after: str) -> bool:
    """Whether both texts make the same page, in the first context in which ``before`` runs script.

    Both must also close the same elements: a closing tag that leaves one context has no effect in another.
    """
    injection = _injection(before)
    if injection is None or read(injection.context.format(injection.write(after)) + _END) != injection.page:
        return False
    if _closed(before) != _closed(after):
        return False
    return not _DOCUMENT.match(before) or xml.canonical(before) == xml.canonical(after) is not None


def _closed(text: str) -> list[str]:
    complete = text[: text.rfind(">") + 1]  # in the rest, every tag would be searched for an end that it lacks
    return [name.lower() for name in _CLOSING.findall(complete)]


@functools.lru_cache(maxsize=4096)
def _injection(text: str) -> _Injection | None:
    """Returns the first combination of writer and context in which a text runs script, or None."""
    if _IN_JSON.match(text):
        return None
    for write in _WRITERS:
        for context in CONTEXTS:
            page = read(context.format(write(text)) + _END)
            if page.scripts > _benign(context) and _END in str(page.tree[-3:]):
                return _Injection(write, context, page)
    return None


@functools.cache
def _benign(context: str) -> int:
    return scripts(context.format("x"))


def read(page: str) -> Page:
    """Returns a page as Lexbor parses it.

    Names of elements and attributes are in lower case and character references are resolved. From URLs in attributes,
    characters that browsers strip are removed, and the scheme is in lower case
    (https://url.spec.whatwg.org/#concept-basic-url-parser).
    """
    from selectolax.lexbor import LexborHTMLParser

    root = LexborHTMLParser(page).root
    count, numbers = 0, dict[int, int]()
    tree: list[Node] = []
    for number, node in enumerate(() if root is None else root.traverse(include_text=True)):
        numbers[node.mem_id] = number
        parent = numbers.get(node.parent.mem_id) if node.parent is not None else None
        if not node.is_element_node:
            tree.append((parent, node.tag, node.comment_content if node.is_comment_node else node.text_content))
            continue
        attributes = {name.lower(): value or "" for name, value in node.attributes.items()}
        count += _runs(node, attributes)
        tree.append((parent, node.tag, tuple((name, _url(name, value)) for name, value in attributes.items())))
    return Page(count, tuple(tree))


def _runs(node: Any, attributes: dict[str, str]) -> int:
    """Returns how many balanced scripts an element runs."""
    count = 0
    if node.tag == "script" and "src" not in attributes and "json" not in attributes.get("type", ""):
        text = node.text() or ""
        count += bool(text.strip()) and skeleton(text) is not None
    for name, value in attributes.items():
        if (name, node.tag) in (("srcdoc", "iframe"), ("src", "script")):
            count += 1
        elif re.fullmatch(r"on[a-z]{3,}", name):
            count += javascript("{}", value)
        elif name in _LINKS and (match := _URI.match(re.sub(r"[\x00-\x20]", "", value))):
            count += match[0].lower() != "javascript:" or javascript("{}", unquote(value.strip()[11:]))
    return count


def _url(name: str, value: str) -> str:
    if name not in _LINKS:
        return value
    bare = re.sub(r"[\t\r\n]", "", value.strip("".join(map(chr, range(33)))))
    return re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*:", lambda m: m[0].lower(), bare)
