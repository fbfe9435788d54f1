"""HTML by Lexbor: the nodes of a page that run script, and whether two texts make the same page of it.

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
# What a site may do before it echoes a text: nothing, undo an encoding, or escape it, which stops no URL.
_WRITERS: tuple[Callable[[str], str], ...] = (str, html.unescape, unquote, html.escape)
_IN_JSON = re.compile(r"\s*<!-- wp:")  # the blocks of an editor: their markup stands in JSON, which is not read here
_URI = re.compile(r"(?i)(?:javascript:|data:(?:text/html|image/svg|,|text/javascript|application/(?:x-)?javascript))")
_LINKS = frozenset("action background data formaction from href poster src to values xlink:href".split())
_END = "the end"  # of a page; it is lost, with the tag before, where that tag is never closed
_CLOSING = re.compile(r"</([A-Za-z][^\s/>]*)[^>]*>")
_DOCUMENT = re.compile(r"\s*<\?xml|\s*<svg[^>]*\sxmlns=")  # what is sent as a file and read by an XML parser

Node = tuple[object, ...]


class Page(NamedTuple):
    """How many nodes run script, and the tree: (parent, tag, attributes or text) of every node in their order."""

    scripts: int
    tree: tuple[Node, ...]


class _Place(NamedTuple):
    """How a site writes the text, where it lands, and what the page is then."""

    write: Callable[[str], str]
    context: str
    page: Page


def scripts(page: str) -> int:
    """Returns the number of a page's nodes that run balanced script."""
    return read(page).scripts


def injects(text: str, context: str) -> bool:
    """Whether a text makes a node that runs script in a context (a page with ``{}`` in it)."""
    return scripts(context.format(text)) > _benign(context)


def same(before: str, after: str) -> bool:
    """Whether both make the same page, in the first context in which the one before runs script.

    They have to close the same elements too, as the tag that leaves one context counts for nothing in another.
    """
    place = _place(before)
    if place is None or read(place.context.format(place.write(after)) + _END) != place.page:
        return False
    if _closed(before) != _closed(after):
        return False
    return not _DOCUMENT.match(before) or xml.canonical(before) == xml.canonical(after) is not None


def _closed(text: str) -> list[str]:
    return [name.lower() for name in _CLOSING.findall(text)]


@functools.lru_cache(maxsize=4096)
def _place(text: str) -> _Place | None:
    if _IN_JSON.match(text):
        return None
    for write in _WRITERS:
        for context in CONTEXTS:
            page = read(context.format(write(text)) + _END)
            if page.scripts > _benign(context) and _END in str(page.tree[-3:]):
                return _Place(write, context, page)
    return None


@functools.cache
def _benign(context: str) -> int:
    return scripts(context.format("x"))


def read(page: str) -> Page:
    """Returns what Lexbor reads in a page.

    Names of elements and attributes come in lower case, character references resolved; URLs of attributes lose what
    browsers strip of them, and their scheme's case (https://url.spec.whatwg.org/#concept-basic-url-parser).
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
    """How often an element runs balanced script."""
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
