r"""Names of columns in ``--map`` and ``--where``: a backslash makes the separator that follows part of the name.

Example: ``--map group=a\+b+c`` maps the two columns ``a+b`` and ``c``.
"""

import re


def split(text: str, separator: str) -> list[str]:
    """Splits a text at a separator of one character, except where a backslash precedes it; keeps the backslashes."""
    parts = [""]
    for token in re.findall(r"\\?.", text, re.DOTALL):
        if token == separator:
            parts.append("")
        else:
            parts[-1] += token
    return parts


def unescaped(text: str) -> str:
    """Returns a name or value without the backslashes before separators and other backslashes."""
    return re.sub(r"\\([,+|=\\])", r"\1", text)


def escaped(name: str) -> str:
    """Returns a name with a backslash before each separator of columns, for which `unescaped` is the inverse."""
    return re.sub(r"([,+|=\\])", r"\\\1", name)
