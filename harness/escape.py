"""Text from data and plug-ins, made safe to show: in a terminal, and in Markdown on a code host."""

import unicodedata

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # controls, marks of direction, halves, unassigned, separators
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}
_MARKS = "\\`|[]*_~$#"
_MOST = 300  # characters of one text


def printable(text: str) -> str:
    """Returns text on one line, with what a terminal would obey or nobody would see spelled out by its code point.

    That is escape sequences, control characters, marks that turn the direction of writing, and lone surrogates. What
    goes beyond 300 characters is counted.
    """
    shown = " ".join(text.split())
    more = len(shown) - _MOST
    if more > 0:
        shown = f"{shown[:_MOST]}… ({more} more characters)"
    return "".join(_spelled(c) if unicodedata.category(c) in _INVISIBLE else c for c in shown)


def _spelled(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def in_markdown(text: str) -> str:
    """Returns text that Markdown shows as it is, in a table too: no tag, entity, link, mention, code or emphasis."""
    return "".join(_ENTITIES.get(c, f"\\{c}" if c in _MARKS else c) for c in printable(text))
