"""Checks of SQL, XML and HTML cores by the oracles of the harness, in every form that a product may read.

Each check returns None for a valid core, or the reason why it is not.
"""

import html
import json
import re
from urllib.parse import unquote

from harness import oracles

from .cards import Core


def sql_injection(core: Core, text: str) -> str | None:
    """The core parses in a query of any dialect and changes the shape of its syntax tree."""
    context = core.context or "whole"
    fragments = [text, text.replace("\\", "\\\\")]  # some products escape backslashes
    if context == "whole" and text.startswith("["):
        try:
            fragments = [row.get("field", "") for row in json.loads(text)]  # the rules of a query builder
        except ValueError as error:
            return f"not JSON: {error}"
    if oracles.sql.injects(fragments, context):
        return None
    return f"does not parse in any {context} query, or does not change it"


def external_entity(core: Core, text: str) -> str | None:
    """The core is well-formed by expat and has an external identifier, an entity in use or an external reference.

    Nothing is fetched.
    """
    code_block = re.fullmatch(r"```(?:xml)?\n(.*)\n```", text, re.S)
    references, reason = oracles.xml.external(code_block[1] if code_block else text)
    return reason or (None if references else "well-formed, but without an entity in use or an external reference")


_SCRIPT = ('v = "{}";', "v = '{}';", 'f("{}");', "f('{}');", "v = {};", "f({});", "v = {{k: '{}'}};", "v = {{k: {}}};")


def cross_site_scripting(core: Core, text: str) -> str | None:
    """By Lexbor, the core adds a node that runs balanced script to a page, or it breaks out of a script's string."""
    parts = re.findall(
        r"'([^']*)'|\"((?:\\.|[^\"\\])*)\"|\]\((.*?\)?)\)", text
    )  # of a shortcode, block or Markdown link
    strings = [re.sub(r"\\u00(..)", lambda m: chr(int(m[1], 16)), part) for group in parts for part in group if part]
    inner = strings if re.search(r"^<!-- wp:|^\[[\w-]+[ \]]|\]\(", text, re.M) else []
    contexts = oracles.html.CONTEXTS if core.form == "value" else ("{}", '<a href="{}">x</a>')
    for value in [text, html.unescape(text), unquote(text), *inner]:
        if any(oracles.html.injects(value, context) for context in contexts):
            return None
        for template in _SCRIPT if core.form == "value" else ():
            for code in (value, value.replace("\\", "\\\\")):
                if oracles.script.javascript(template, code):
                    return None
    return "neither adds a node that runs script, nor leaves a script's string"
