"""Text and bytes from data and plug-ins, made safe to show: in a terminal, in Markdown on a code host, on a page."""

import re
import unicodedata

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # controls, marks of direction, halves, unassigned, separators
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}
_MARKS = "\\`|[]*_~$#"
_MOST = 300  # characters of one text


def printable(text: str, most: int = _MOST) -> str:
    """Returns text on one line, with what a terminal would obey or nobody would see spelled out by its code point.

    That is escape sequences, control characters, marks that turn the direction of writing, and lone surrogates. What
    goes beyond ``most`` characters is counted.
    """
    shown = " ".join(text.split())
    more = len(shown) - most
    if more > 0:
        shown = f"{shown[:most]}… ({more} more characters)"
    return "".join(_spelled(c) if unicodedata.category(c) in _INVISIBLE else c for c in shown)


def _spelled(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def in_markdown(text: str) -> str:
    """Returns text that Markdown shows as it is, in a table too: no tag, entity, link, mention, code or emphasis."""
    return "".join(_ENTITIES.get(c, f"\\{c}" if c in _MARKS else c) for c in printable(text))


_RUNS = re.compile(rb"[ -~]+|[^ -~]+")
_NAMED = {0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}


def visible(data: bytes) -> list[tuple[str, bool]]:
    r"""Returns bytes as runs of text, each with whether its bytes are spelled out.

    Printable ASCII stands for itself, everything else is spelled: ``\r``, ``\n``, ``\t``, ``\x00``. What is spelled is
    to be shown apart from the rest, for a payload may hold a backslash and an ``n`` itself.
    """
    runs = (match.group() for match in _RUNS.finditer(data))
    return [
        (run.decode("ascii"), False) if 0x20 <= run[0] < 0x7F else ("".join(map(_spelled_byte, run)), True)
        for run in runs
    ]


def _spelled_byte(value: int) -> str:
    return _NAMED.get(value, f"\\x{value:02x}")
