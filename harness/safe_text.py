"""Escapes untrusted text and bytes (from data and plug-ins) for terminals, Markdown and HTML pages."""

import re
import unicodedata

_INVISIBLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}  # control, format, surrogate, private, unassigned, separators
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"}
_MARKDOWN_SPECIAL = "\\`|[]*_~$#"
_MAX_CHARACTERS = 300


def printable(text: str, most: int = _MAX_CHARACTERS) -> str:
    r"""Returns text on one line, with invisible and control characters escaped as ``\uXXXX``.

    Escaped are escape sequences, control characters, bidirectional formatting marks and lone surrogates. Text longer
    than ``most`` characters is cut, and the number of omitted characters is appended.
    """
    line = " ".join(text.split())
    excess = len(line) - most
    if excess > 0:
        line = f"{line[:most]}… ({excess} more characters)"
    return _escaped(line)


def escaped(text: str) -> str:
    r"""Returns text with control, format and other invisible characters escaped, as `printable` does, but line by line.

    Line breaks are kept, and a tab is replaced by four spaces.
    """
    if text.isascii() and text.isprintable():
        return text
    return "\n".join(map(_escaped, text.replace("\t", "    ").split("\n")))


def _escaped(line: str) -> str:
    if line.isascii() and line.isprintable():
        return line
    return "".join(_escape(c) if unicodedata.category(c) in _INVISIBLE else c for c in line)


def _escape(character: str) -> str:
    code = ord(character)
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def encodable(text: str) -> str:
    r"""Returns text that UTF-8 can encode: lone surrogates are escaped as ``\udcXX``, everything else is kept.

    JSON can hold a lone surrogate, and bytes of a command line that are not UTF-8 arrive as lone surrogates.
    """
    return text if text.isascii() else _LONE_SURROGATES.sub(lambda match: _escape(match[0]), text)


_LONE_SURROGATES = re.compile("[\ud800-\udfff]")


def in_markdown(text: str) -> str:
    """Escapes text for Markdown, also in a table: no tag, entity, link, mention, code or emphasis is interpreted."""
    return "".join(_ENTITIES.get(c, f"\\{c}" if c in _MARKDOWN_SPECIAL else c) for c in printable(text))


_RUNS = re.compile(rb"[ -~]+|[^ -~]+")
_SHORT_ESCAPES = {0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t"}


def visible(data: bytes) -> list[tuple[str, bool]]:
    r"""Splits bytes into runs of text, each with a flag that says whether the run is escaped.

    Printable ASCII is kept, everything else is escaped: ``\r``, ``\n``, ``\t``, ``\x00``. Show escaped runs in another
    style than the rest, since a payload may itself contain a backslash followed by an ``n``.
    """
    runs = (match.group() for match in _RUNS.finditer(data))
    return [
        (run.decode("ascii"), False) if 0x20 <= run[0] < 0x7F else ("".join(map(_escape_byte, run)), True)
        for run in runs
    ]


def _escape_byte(value: int) -> str:
    return _SHORT_ESCAPES.get(value, f"\\x{value:02x}")
