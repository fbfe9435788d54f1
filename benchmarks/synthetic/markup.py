"""Checks of SQL, XML and HTML cores by sqlglot, expat and Lexbor; what balances, in a language of C's kind."""

import html
import json
import re
from typing import Any
from urllib.parse import unquote

from benchmarks.synthetic.cards import Core

_PAIRS = {")": "(", "]": "[", "}": "{"}
COMMENTS = r"//[^\n]*|/\*.*?\*/"
_ACTS = re.compile(  # a call, an assignment, a statement
    r"""[\w$\])"'`?.>]\(|[\w\])]``|[\w$\])"]\s*=(?![=>~])"""
    r"|\b(?:echo|print|throw|import|include|require|puts|MsgBox|Invoke-Expression)\b"
)


def skeleton(code: str, comments: str = COMMENTS) -> str | None:
    """Returns code with its strings emptied and comments gone, or None if a quote or a bracket is unbalanced."""
    string = r'"(?:\\.|[^"\\\n])*"' + r"|'(?:\\.|[^'\\\n])*'|`(?:\\.|[^`\\])*`"
    bare = re.sub(rf"({string})|{comments}", lambda m: m[1][0] * 2 if m[1] else " ", code, flags=re.S)
    stack: list[str] = []
    for character in re.sub("\"\"|''|``", "", bare):
        if character in "([{":
            stack.append(character)
        elif character in "\"'`" or (character in _PAIRS and (not stack or stack.pop() != _PAIRS[character])):
            return None
    return None if stack else bare


_KEYWORDS = r"(?<!\breturn)(?<!\bthrow)(?<!\bnew)(?<!\bvar)(?<!\blet)(?<!\btypeof)(?<!\bfunction)(?<!\bimport)"
_JUXTAPOSED = re.compile(rf"""(?:""|'')[ \t]*[\w"']|[\w)]{_KEYWORDS}[ \t]*(?:""|'')|[\w)]{_KEYWORDS}[ \t]+\w""")


def _javascript(place: str, code: str) -> bool:
    """Whether code acts in a place of a script and puts no two operands side by side, as prose does."""
    return acts(place, code) and not _JUXTAPOSED.search(skeleton(place.format(code) + "\n") or "")


def acts(place: str, code: str, comments: str = COMMENTS) -> bool:
    """Whether code put into a place of a program leaves it balanced and calls, assigns or throws there."""
    filled, benign = (skeleton(place.format(text) + "\n", comments) for text in (code, "x"))
    return filled is not None and len(_ACTS.findall(filled)) > len(_ACTS.findall(benign or ""))


# SQL injection

_SQL = {
    "numeric": ("SELECT a FROM t WHERE b = {}", "SELECT a FROM t WHERE (b = {})", "SELECT a FROM t WHERE b IN ({})"),
    "order-by": ("SELECT a, id FROM t ORDER BY {}", "SELECT a FROM t ORDER BY a {}"),
    "quoted": (
        "SELECT a FROM t WHERE b = '{}'", "SELECT a FROM t WHERE (b = '{}')", "SELECT a FROM t WHERE ((b = '{}'))",
        "SELECT a FROM t WHERE b LIKE '%{}%'", "INSERT INTO t VALUES ('{}', 'c')",
        "SELECT a FROM t WHERE f('{}', 1)", "INSERT INTO t VALUES (1, '{}')", "INSERT INTO t VALUES (1, '{}', 'c')",
    ),
    "whole": ("{}", "SELECT a FROM t WHERE {}", "SELECT a FROM t WHERE {} = 1", "SELECT a FROM t WHERE b = '{}'"),
}  # fmt: skip
_PLAIN = ("x", "1", "-1", "t.x", "x DESC", "x ASC", "x, y", "1, 2", "1-1-1", "x = y", "'x'", '{"a": 1}')
_DIALECTS = ("mysql", "postgres", "tsql", "sqlite", "oracle", "")


def sql_injection(core: Core, text: str) -> str | None:
    """Parses in a query, in one dialect, and changes the shape of its syntax tree."""
    context = core.context or "whole"
    templates = _SQL["quoted" if context.endswith("quoted") else context]
    if context == "double-quoted":
        templates = tuple(template.replace("'", '"') for template in templates)
    fragments = [text, text.replace("\\", "\\\\")]  # the second for a product that escapes backslashes
    if context == "whole" and text.startswith("["):
        try:
            fragments = [row.get("field", "") for row in json.loads(text)]  # a query builder's rules
        except ValueError as error:
            return f"not JSON: {error}"
    for dialect in _DIALECTS:
        for template in templates:
            benign = {_shape(template.format(plain), dialect) for plain in _PLAIN}
            if any(_shape(template.format(fragment), dialect) not in {(), *benign} for fragment in fragments):
                return None
    return f"parses in no {context} query, or changes nothing there"


def _shape(query: str, dialect: str) -> tuple[str, ...]:
    """The kinds of a query's syntax nodes in their order; empty where it does not parse.

    sqlglot is lenient, so what it lets stand where no database does (an alias in a condition) counts as an error too.
    """
    import logging

    import sqlglot
    from sqlglot import exp

    query = re.sub(r"/\*!\d*(.*?)\*/", r" \1 ", query)  # MySQL runs the content of such comments
    query = re.sub(r"(?i)(?:IF \(.*\) )?WAITFOR DELAY '[\d:]+'", "SELECT SLEEP(1)", query)  # T-SQL that sqlglot lacks
    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns of every statement that it does not know
    try:
        trees = [tree for tree in sqlglot.parse(query, dialect=dialect or None) if tree]
    except (sqlglot.errors.SqlglotError, RecursionError):
        return ()
    nodes = [node for tree in trees for node in tree.walk()]
    odd = any(
        (isinstance(node, exp.Alias) and not isinstance(node.parent, exp.Select))
        or (isinstance(node, exp.Ordered) and not isinstance(node.parent, exp.Order))
        or isinstance(node, exp.Command)
        for node in nodes
    )
    if odd or not all(isinstance(tree, exp.Query | exp.Insert | exp.Semicolon) for tree in trees):
        return ()
    return tuple(type(node).__name__ for node in nodes)


# XML external entities


def external_entity(core: Core, text: str) -> str | None:
    """Well-formed by expat, with an external identifier, a used entity or an external reference; fetches nothing."""
    fenced = re.fullmatch(r"```(?:xml)?\n(.*)\n```", text, re.S)
    references, reason = external(fenced[1] if fenced else text)
    return reason or (None if references else "well-formed, but without an entity in use or an external reference")


def external(text: str) -> tuple[list[str], str | None]:
    """The external and entity references of an XML document, and why it is not well-formed."""
    from xml.parsers import expat

    found: list[str] = []
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_ALWAYS)
    parser.ExternalEntityRefHandler = lambda *_: 1  # skipped, never fetched

    def doctype(name: str, system: str | None, public: str | None, subset: int) -> None:
        found.extend(filter(None, [system]))

    def entity(name: str, parameter: bool, value: str | None, *_: Any) -> None:
        if f"{'%' if parameter else '&'}{name};" in text:
            found.append(name)

    def instruction(target: str, data: str) -> None:
        if target == "xml-stylesheet" and "href=" in data:
            found.append(data)

    def element(name: str, attributes: dict[str, str]) -> None:
        if name.endswith("XInclude include") or any("schemaLocation" in attribute for attribute in attributes):
            found.append(name)

    parser.StartDoctypeDeclHandler, parser.EntityDeclHandler = doctype, entity
    parser.ProcessingInstructionHandler, parser.StartElementHandler = instruction, element
    try:
        parser.Parse(text.encode("latin-1"), True)
    except expat.ExpatError as error:
        return found, f"not well-formed XML: {error}"
    return found, None


# Cross-site scripting

_HTML = (
    "<div>{}</div>", '<input value="{}">', "<input value='{}'>", "<input value={}>", "<textarea>{}</textarea>",
    "<title>{}</title>", '<a href="{}">x</a>', "<!-- {} -->", "<style>{}</style>", '<script>v = "{}"</script>',
    "<select><option>{}</option></select>", "<{}>", '<iframe src="{}">', "<body class='{}'>",
)  # fmt: skip
_SCRIPT = ('v = "{}";', "v = '{}';", 'f("{}");', "f('{}');", "v = {};", "f({});", "v = {{k: '{}'}};", "v = {{k: {}}};")
_URI = re.compile(r"(?i)(?:javascript:|data:(?:text/html|image/svg|,|text/javascript|application/(?:x-)?javascript))")


def cross_site_scripting(core: Core, text: str) -> str | None:
    """By Lexbor: as (part of) a page it makes a node that runs balanced script, or it breaks out of a script string."""
    parts = re.findall(
        r"'([^']*)'|\"((?:\\.|[^\"\\])*)\"|\]\((.*?\)?)\)", text
    )  # of a shortcode, block or Markdown link
    unwrapped = [re.sub(r"\\u00(..)", lambda m: chr(int(m[1], 16)), part) for group in parts for part in group if part]
    wrapped = unwrapped if re.search(r"^<!-- wp:|^\[[\w-]+[ \]]|\]\(", text, re.M) else []
    for value in [text, html.unescape(text), unquote(text), *wrapped]:
        for template in _HTML if core.form == "value" else ("{}", *_HTML[6:7]):
            if scripts(template.format(value)) > scripts(template.format("x")):
                return None
        for template in _SCRIPT if core.form == "value" else ():
            for written in (value, value.replace("\\", "\\\\")):
                if _javascript(template, written):
                    return None
    return "makes no node that runs a script, nor leaves a script's string"


def scripts(page: str) -> int:
    """The number of a page's nodes that run balanced script."""
    from selectolax.lexbor import LexborHTMLParser

    count = 0
    for node in LexborHTMLParser(page).css("*"):
        attributes = {name.lower(): value or "" for name, value in node.attributes.items()}
        if node.tag == "script" and "src" not in attributes and "json" not in attributes.get("type", ""):
            count += bool((node.text() or "").strip()) and skeleton(node.text() or "") is not None
        for name, value in attributes.items():
            target = re.sub(r"[\x00-\x20]", "", value)
            if name == "srcdoc" or (name == "src" and node.tag == "script"):
                count += 1
            elif re.fullmatch(r"on[a-z]{3,}", name):
                count += _javascript("{}", value)
            elif match := _URI.match(target):
                count += match[0].lower() != "javascript:" or _javascript("{}", unquote(value.strip()[11:]))
    return count
