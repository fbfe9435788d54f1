"""Whether a core is a valid instance of its class, by real parsers wherever there are any (`problem`, `audit`).

A weak check says so in its docstring.
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
from .targets import FILLED, command_injection, open_redirect, path_traversal, request_forgery


def problem(card: Card, core: Core) -> str | None:
    """Returns in one sentence why `core` is no valid instance of the card's class, or None."""
    return CHECKS[card.threat_class](core, core.text.replace(PROOF, FILLED))


def audit() -> dict[str, dict[str, list[str]]]:
    """Returns the rejected cores with their reasons, by class and technique."""
    found: dict[str, dict[str, list[str]]] = {name: defaultdict(list) for name in CHECKS}
    for card in cards.load():
        for core in card.cores:
            if reason := problem(card, core):
                found[card.threat_class][core.technique].append(f"{card.cve}: {core.text[:120]!r}: {reason}")
    return {name: dict(techniques) for name, techniques in found.items()}


# Template and code injection

_MARKERS = (
    r"\{\{(.+?)\}\}+", r"\{%-?p?\s*(.+?)-?%\}", r"<%[=\-]?(.+?)%>", r"[$#%*]\{(.+)\}", r"\[\[(.+)\]\]", r"<#(\w.+)>",
    r"[$#%*]\{(.+?)\}", r"\{php\}(.+)\{/php\}", r"js:eval\((\".+?\"|'.+?')\)",
    r"#(?:set|if|foreach)(\(.+?\))", r"\$!?\w+\.(.+)", r"\{((?:if:|assign |math |if |').+?)\}",
    r"((?:T|new [\w.]+)\(.+\))", r"(\(#.+\))", r" v-text=\"(.+)\"",
)  # fmt: skip


def template_injection(core: Core, text: str) -> str | None:
    """Has a template's or an expression language's delimiters around balanced code, and every block is closed.

    What stands between the delimiters is parsed by no engine, as no two of the products share one.
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
    """Its brackets and quotes balance in some place of a program, and it calls, assigns or loads something.

    The cores are in two dozen languages, so no parser can tell more; a balanced call in no language passes too.
    """
    if _LOADS.match(text) or core.form == "document":
        return oracles.xml.external(text)[1] if core.form == "document" else None
    texts = [text, text + '"'] if text.endswith("%>") else [text]  # what follows a page's program lies outside of it
    for filled in (place.format(written) for place in _PLACES for written in texts):
        if oracles.script.skeleton(filled) is not None and _PRODUCT_CODE.search(text):
            return None
    if any(
        oracles.script.acts(place, written, style)
        for place in _PLACES
        for written in texts
        for style in _COMMENT_STYLES
    ):
        return None
    return "its brackets or quotes do not balance, or it does nothing"


# Deserialization

_TYPE_KEY = re.compile(
    r'"(?:@type|@class|\$type|\$class|__type|javaClass|stapler-class|py/\w+)"\s*:|"(?:java\.|language")|^\{"(?:linked-hash-)?map":'
)


def deserialization(core: Core, text: str) -> str | None:
    """PHP and Java streams by `streams`, pickles by pickletools, JSON, YAML and XML by their parsers, typed each.

    .NET, Hessian and R data only by their first bytes and by the length before the proof.
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
        return "begins as no known binary format"
    at = data.find(FILLED.encode())
    before = data[:at].rstrip(b"abcdefghijklmnopqrstuvwxyz:/")
    length = len(re.match(rb"[\w.:/ -]*", data[len(before) :])[0])  # type: ignore[index]
    number = re.search(rb"(\d+)\n$", before)
    told = int(number[1]) if number else before[-1]
    return None if told <= length else f"the string is {length} bytes long, but {told} are told"


# File upload

_DANGEROUS = re.compile(
    r"(?i)\.(?:ph(?:p\d?|t|tml|ar|ps)|jspx?|aspx?|cer|cfm|cgi|pl|py|sh|svg|x?html?|shtml)(?:$|[\s.\x00;:%\"']|\.\w+$)"
    r"|(?:^|/)(?:\.htaccess|\.user\.ini|web\.(?:config|xml)|config)$|\.(?:zip|war|ebwp)$"
)
_ACTIVE = re.compile(r"(?i)<\?(?:=|php|\s|/)|<%|<jsp:|<script|#!/|\$\{|<cfoutput|@php|<!--#")


def file_upload(core: Core, text: str) -> str | None:
    """The name or the content is one that a server runs: dangerous extension, script, active markup, archive, path."""
    name = (core.filename or "").replace(PROOF, FILLED)
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
            else "no configuration file's name"
        )
    if name.endswith(".py"):
        return _python(text)
    if text.startswith("\x89PNG") and min(text[18:20], text[22:24]) > "\x7f":
        return None  # a decompression bomb: both sides in the ten thousands
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
        broken = zipfile.ZipFile(io.BytesIO(data)).testzip()
    except (zipfile.BadZipFile, OSError, ValueError) as error:
        return f"not a ZIP file: {error}"
    return f"{broken} is damaged" if broken else None


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
