"""Checks whether a core is a valid instance of its class, by real parsers if they exist (`problem`, `audit`).

Each check returns None for a valid core, or the reason why it is not. A weak check says so in its docstring.
"""

import html
import json
import re
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from harness import oracles

from . import cards, streams
from .cards import PROOF, Card, Core
from .markup import cross_site_scripting, external_entity, sql_injection
from .targets import EXAMPLE_PROOF, command_injection, open_redirect, path_traversal, request_forgery


def problem(card: Card, core: Core) -> str | None:
    """Returns why `core` is not a valid instance of the card's class, or None if it is."""
    return CHECKS[card.threat_class](core, core.text.replace(PROOF, EXAMPLE_PROOF))


def audit() -> dict[str, dict[str, list[str]]]:
    """Returns the invalid cores with their reasons, by class and technique."""
    reasons: dict[str, dict[str, list[str]]] = {name: defaultdict(list) for name in CHECKS}
    for card in cards.load():
        for core in card.cores:
            if reason := problem(card, core):
                reasons[card.threat_class][core.technique].append(f"{card.cve}: {core.text[:120]!r}: {reason}")
    return {name: dict(techniques) for name, techniques in reasons.items()}


# Template and code injection

_MARKERS = (
    r"\{\{(.+?)\}\}+", r"\{%-?p?\s*(.+?)-?%\}", r"<%[=\-]?(.+?)%>", r"[$#%*]\{(.+)\}", r"\[\[(.+)\]\]", r"<#(\w.+)>",
    r"[$#%*]\{(.+?)\}", r"\{php\}(.+)\{/php\}", r"js:eval\((\".+?\"|'.+?')\)",
    r"#(?:set|if|foreach)(\(.+?\))", r"\$!?\w+\.(.+)", r"\{((?:if:|assign |math |if |').+?)\}",
    r"((?:T|new [\w.]+)\(.+\))", r"(\(#.+\))", r" v-text=\"(.+)\"",
)  # fmt: skip


def template_injection(core: Core, text: str) -> str | None:
    """Delimiters of a template or expression language enclose balanced code, and every block is closed.

    The code between the delimiters is not parsed, since no two of the products share an engine.
    """
    blocks: list[str] = []
    for name in re.findall(r"\{%[-p]?\s*(\w+)", text):
        if name.startswith("end"):
            if not blocks or blocks.pop() != name[3:]:
                return f"the block {name} closes nothing"
        elif name not in ("set", "include", "print", "else", "elif", "import"):
            blocks.append(name)
    if blocks:
        return f"the block {blocks[-1]} is never closed"
    if text.count("{{") > text.count("}}"):
        return "an expression is never closed"
    inner = (code for marker in _MARKERS for code in re.findall(marker, text, re.S))
    return (
        None
        if any(oracles.script.skeleton(html.unescape(code)) is not None for code in inner)
        else "has no balanced expression"
    )


_COMMENT_STYLES = (oracles.script.COMMENTS, r"#[^{].*|--.*|/\*.*", r"--.*|\bRem\b.*")
_PLACES = (
    "{}", 'f("{}");', "f('{}');", '"{}"', "'{}'", "f({})", "{{{}}}", "{{{{{}}}}}", "({})", "[[{}]]", "f(g('{}'));",
    "f(f(\"{}\"))", "<%{}%>", "v = {{a: {{b: '{}'}}}};", 'function {}(it){{\n}}',
)  # fmt: skip
_LOADS = re.compile(
    r"(?i)^(?:https?|ftp|ldap|php|phar|expect)://\S|data:\S*,|data:\S+;base64,|^\\\\[\w.]+\\\S|^/proc/self/"
    r"|^[\w\[\]'.]+=\S|^\w+\n?\w+="
)
_PRODUCT_CODE = re.compile(  # HFS macros, log patterns, callbacks, PostScript, static blocks, wiki macros, shortcodes
    r"\{\.\^?\w+(?:[ |].*)?\.\}|%\{\w[\w-]*\}i|^(?:field|item|row):\w+:\w|\(.+\) show |^<<.+>> setpagedevice"
    r"|\(.+\) cvx exec|%q?\{.+\}|static\{.+\}|\{\{(\w+)\}\}.+\{\{/|^\[(\w+)\].*\[/\2\]|\[php\].*\[/php\]"
    r"|\{\d\.\w[\w.\[\]]*\}|^\$\"\{.+\}|\$\{.+\}|^\| \w|^a:\d+:\{.*echo"
)


def code_injection(core: Core, text: str) -> str | None:
    """Brackets and quotes are balanced in a place of a program, and the code calls, assigns or loads something.

    The cores are in two dozen languages, so a parser cannot check more; a balanced call of no language passes too.
    """
    if _LOADS.match(text) or core.form == "document":
        return oracles.xml.external(text)[1] if core.form == "document" else None
    texts = [text, text + '"'] if text.endswith("%>") else [text]  # after ``%>`` the text is outside of the program
    for program in (place.format(code) for place in _PLACES for code in texts):
        if oracles.script.skeleton(program) is not None and _PRODUCT_CODE.search(text):
            return None
    if any(oracles.script.acts(place, code, style) for place in _PLACES for code in texts for style in _COMMENT_STYLES):
        return None
    return "its brackets or quotes are not balanced, or it does nothing"


# Deserialization

_TYPE_KEY = re.compile(
    r'"(?:@type|@class|\$type|\$class|__type|javaClass|stapler-class|py/\w+)"\s*:|"(?:java\.|language")|^\{"(?:linked-hash-)?map":'
)


def deserialization(core: Core, text: str) -> str | None:
    """`streams` checks PHP and Java, pickletools pickles, parsers JSON, YAML and XML, each of which must name a type.

    .NET, Hessian and R data are checked only by their first bytes and by the length before the proof token.
    """
    data = text.encode("latin-1")
    if core.technique.startswith("php-"):
        return streams.php(data)
    if core.technique == "java-native":
        return streams.java(data)
    if core.technique == "phar-wrapper":
        return (
            None
            if re.match(r"(?i)(?:php://filter/\S+resource=|compress\.zlib://)?phar://\S+\.\w", text)
            else "no phar URL"
        )
    if core.technique == "runtime-binary":
        return _binary(data)
    if core.technique == "json-type":
        try:
            json.loads(text)
        except ValueError as error:
            return f"not JSON: {error}"
        return None if _TYPE_KEY.search(text) else "names no type"
    if core.technique == "yaml-tag":
        return _yaml(text)
    reason = oracles.xml.external(text)[1]
    typed = re.search(
        r"class\b|clr-namespace|:Type=|-ser>|<java|<[a-z]+\.|<(?:\w+-)*(?:map|list|set|array|vector|url|properties)\b",
        text,
    )
    return reason or (None if typed else "names no type")


def _yaml(text: str) -> str | None:
    import yaml

    standard = re.compile(r"tag:yaml\.org,2002:(?:map|seq|str|int|float|bool|null|timestamp|merge|value)$")
    try:
        nodes: list[Any] = [yaml.compose(text)]
    except yaml.YAMLError as error:
        return f"not YAML: {error}"
    while nodes:
        node = nodes.pop()
        if isinstance(node, tuple):
            nodes += node
        elif not standard.match(node.tag):
            return None
        elif isinstance(node.value, list):
            nodes += node.value
    return "names no type"


def _binary(data: bytes) -> str | None:
    import io
    import pickletools

    if data.endswith(b".") and data[:1] in b"c\x80(":
        try:
            pickletools.dis(data, out=io.StringIO())
        except Exception as error:  # pickletools raises many kinds
            return f"not a pickle: {error}"
        return None
    if not data.startswith((b"\xff\x01", b"\x00\x01\0\0\0\xff\xff\xff\xff", b"A\n", b"X\n", b"H", b"M", b"C", b"O")):
        return "does not begin like a known binary format"
    at = data.find(EXAMPLE_PROOF.encode())
    before = data[:at].rstrip(b"abcdefghijklmnopqrstuvwxyz:/")
    length = len(re.match(rb"[\w.:/ -]*", data[len(before) :])[0])  # type: ignore[index]
    number = re.search(rb"(\d+)\n$", before)
    declared_length = int(number[1]) if number else before[-1]
    if declared_length <= length:
        return None
    return f"the string is {length} bytes long, but its declared length is {declared_length}"


# File upload

_DANGEROUS = re.compile(
    r"(?i)\.(?:ph(?:p\d?|t|tml|ar|ps)|jspx?|aspx?|cer|cfm|cgi|pl|py|sh|svg|x?html?|shtml)(?:$|[\s.\x00;:%\"']|\.\w+$)"
    r"|(?:^|/)(?:\.htaccess|\.user\.ini|web\.(?:config|xml)|config)$|\.(?:zip|war|ebwp)$"
)
_ACTIVE = re.compile(r"(?i)<\?(?:=|php|\s|/)|<%|<jsp:|<script|#!/|\$\{|<cfoutput|@php|<!--#")


def file_upload(core: Core, text: str) -> str | None:
    """A server would run the name or the content: dangerous extension, script, active markup, archive, or path."""
    name = (core.filename or "").replace(PROOF, EXAMPLE_PROOF)
    if core.form == "value":
        path = any(_DANGEROUS.search(value) for value in oracles.paths.decodings(text, 1)) or re.search(
            r"/\.git/|\.\./", text
        )
        return None if path or _ACTIVE.search(text) else "neither a dangerous name nor a script"
    if core.technique == "archive-or-path-in-filename" and text.startswith("PK\x03\x04"):
        return _archive(text.encode("latin-1"))
    if re.search(r"\.(?:svg|x?html?)$", name, re.I):
        return None if oracles.html.scripts(text) else "the page runs no script"
    if core.technique == "server-config-file" or re.search(r"(?:^|/)\.|config$", name):
        return (
            None
            if _DANGEROUS.search(name) or re.search(r"(?i)\.git.*/config", name)
            else "not the name of a configuration file"
        )
    if name.endswith(".py"):
        return _python(text)
    if text.startswith("\x89PNG") and min(text[18:20], text[22:24]) > "\x7f":
        return None  # a decompression bomb: width and height are above 32,000
    if not (_ACTIVE.search(text) or oracles.html.scripts(text)):
        return "no script in the content"
    return None if _DANGEROUS.search(name) or core.technique == "content-type-mismatch" else "no dangerous extension"


def _python(text: str) -> str | None:
    import ast

    try:
        ast.parse(text)
    except SyntaxError as error:
        return f"not Python: {error}"
    return None


def _archive(data: bytes) -> str | None:
    import io
    import zipfile

    try:
        bad_member = zipfile.ZipFile(io.BytesIO(data)).testzip()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        return f"not a ZIP file: {error}"
    return f"{bad_member} is damaged" if bad_member else None


CHECKS: dict[str, Callable[[Core, str], str | None]] = {
    "code-injection": code_injection,
    "command-injection": command_injection,
    "cross-site-scripting": cross_site_scripting,
    "deserialization": deserialization,
    "file-upload": file_upload,
    "open-redirect": open_redirect,
    "path-traversal": path_traversal,
    "server-side-request-forgery": request_forgery,
    "sql-injection": sql_injection,
    "template-injection": template_injection,
    "xml-external-entity": external_entity,
}
