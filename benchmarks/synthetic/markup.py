"""Checks of SQL, XML and HTML cores: the oracles of the harness, asked in every form that a product may read."""

import html
import json
import re
from urllib.parse import unquote

from harness import oracles

from .cards import Core


def sql_injection(core: Core, text: str) -> str | None:
    """Parses in a query, in one dialect, and changes the shape of its syntax tree."""
    context = core.context or "whole"
    fragments = [text, text.replace("\\", "\\\\")]  # the second for a product that escapes backslashes
    if context == "whole" and text.startswith("["):
        try:
            fragments = [row.get("field", "") for row in json.loads(text)]  # a query builder's rules
        except ValueError as error:
            return f"not JSON: {error}"
    if oracles.sql.injects(fragments, context):
        return None
    return f"parses in no {context} query, or changes nothing there"


def external_entity(core: Core, text: str) -> str | None:
    """Well-formed by expat, with an external identifier, a used entity or an external reference; fetches nothing."""
    fenced = re.fullmatch(r"```(?:xml)?\n(.*)\n```", text, re.S)
    references, reason = oracles.xml.external(fenced[1] if fenced else text)
    return reason or (None if references else "well-formed, but without an entity in use or an external reference")


_SCRIPT = ('v = "{}";', "v = '{}';", 'f("{}");', "f('{}');", "v = {};", "f({});", "v = {{k: '{}'}};", "v = {{k: {}}};")


def cross_site_scripting(core: Core, text: str) -> str | None:
    """By Lexbor: as (part of) a page it makes a node that runs balanced script, or it breaks out of a script string."""
    parts = re.findall(
        r"'([^']*)'|\"((?:\\.|[^\"\\])*)\"|\]\((.*?\)?)\)", text
    )  # of a shortcode, block or Markdown link
    unwrapped = [re.sub(r"\\u00(..)", lambda m: chr(int(m[1], 16)), part) for group in parts for part in group if part]
    wrapped = unwrapped if re.search(r"^<!-- wp:|^\[[\w-]+[ \]]|\]\(", text, re.M) else []
    contexts = oracles.html.CONTEXTS if core.form == "value" else ("{}", '<a href="{}">x</a>')
    for value in [text, html.unescape(text), unquote(text), *wrapped]:
        if any(oracles.html.injects(value, context) for context in contexts):
            return None
        for template in _SCRIPT if core.form == "value" else ():
            for written in (value, value.replace("\\", "\\\\")):
                if oracles.script.javascript(template, written):
                    return None
    return "makes no node that runs a script, nor leaves a script's string"
