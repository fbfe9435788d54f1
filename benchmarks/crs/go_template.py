"""Evaluates the Go templates of regression tests: text, ``{{.Payload}}``, and calls such as ``{{ repeat 9 "a" }}``.

go-ftw evaluates ``data`` with Go's text/template and the functions of https://masterminds.github.io/sprig; version 3 of
the schema also allows templates in the URI and in header values.
"""

import base64
import re
from collections.abc import Callable

from .fields import Unusable

_MAX_BYTES = 8 * 2**20  # of a text that `repeat` returns
_TOKEN = re.compile(
    rb"""\s*(?:(?P<end>(?<=\s)-\}\}|\}\})
    |(?P<text>"(?:\\.|[^"\\\n])*"|`[^`]*`)
    |(?P<number>[0-9]{1,9}(?![\w.]))
    |(?P<pipe>\|)
    |(?P<name>\.?[A-Za-z_][\w.]*))""",
    re.VERBOSE,
)
_TRIMMED = re.compile(rb"-\s")  # "{{- " removes the white space before it, and " -}}" that behind it
_COMMENT = re.compile(rb"\s*/\*.*?\*/(?:\s-)?\}\}", re.DOTALL)
_SPACE = re.compile(rb"\s*")
_ESCAPE = re.compile(r"\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|([0-7]{3})|(.))", re.DOTALL)
_SHORT_ESCAPES = {"a": 7, "b": 8, "f": 12, "n": 10, "r": 13, "t": 9, "v": 11, "\\": 92, '"': 34}

Value = bytes | int


def evaluate(template: bytes, payload: bytes | None, field: str) -> bytes:
    """Returns the text of a template.

    Args:
        template: text with expressions in double braces.
        payload: value of ``.Payload``; None if the test has none.
        field: name of the template's field, for errors.

    Raises:
        Unusable: it is not a valid template, in which case go-ftw sends the request without a body, or it has an
            expression that is not evaluated here.
    """
    out: list[bytes] = []
    at = 0
    while (start := template.find(b"{{", at)) >= 0:
        text = template[at:start]
        at = start + 2
        if _TRIMMED.match(template, at):
            text, at = text.rstrip(), at + 1
        out.append(text)
        if comment := _COMMENT.match(template, at):
            at = comment.end()
        else:
            value, at = _pipeline(template, at, payload, field)
            out.append(value)
        if template[at - 3 : at] == b"-}}":
            at = _SPACE.match(template, at).end()  # type: ignore[union-attr]  # it matches everywhere
    return b"".join((*out, template[at:]))


def _pipeline(template: bytes, at: int, payload: bytes | None, field: str) -> tuple[bytes, int]:
    """Returns the value of the expression that begins at an offset, and the offset after its braces."""
    commands: list[list[Value | str]] = [[]]
    while True:
        token = _TOKEN.match(template, at)
        if token is None:
            raise Unusable(f"its {field} is not a valid Go template")
        at = token.end()
        if token["end"]:
            break
        if token["pipe"]:
            commands.append([])
        elif token["text"]:
            commands[-1].append(_unquoted(token["text"]))
        elif token["number"]:
            commands[-1].append(int(token["number"]))
        elif token["name"] == b".Payload" and payload is not None:
            commands[-1].append(payload)
        else:
            commands[-1].append(token["name"].decode("ascii", "replace"))
    value: list[Value] = []
    for command in commands:
        value = [_called(command, value, field)]
    return (value[0] if isinstance(value[0], bytes) else str(value[0]).encode()), at


def _called(command: list[Value | str], piped: list[Value], field: str) -> Value:
    """Returns the value of a command; the value of the command before it is its last argument."""
    if not command:
        raise Unusable(f"its {field} is not a valid Go template")
    name, arguments = command[0], [*command[1:], *piped]
    if not isinstance(name, str) and not arguments:
        return name
    names = [item for item in [name, *arguments] if isinstance(item, str)]
    for unknown in names:
        if unknown not in _FUNCTIONS:
            raise Unusable(f"its {field} has the template expression {unknown[:40]!r}, which is not evaluated")
    try:
        if names != [name]:
            raise TypeError
        return _FUNCTIONS[names[0]](*arguments)
    except (TypeError, AttributeError):
        raise Unusable(f"its {field} is not a valid Go template") from None


def _repeat(count: int, text: bytes) -> bytes:
    if not isinstance(count, int) or not isinstance(text, bytes):
        raise TypeError
    if count * len(text) > _MAX_BYTES:
        raise Unusable(f"its text is longer than {_MAX_BYTES >> 20} MiB")
    return text * count


_FUNCTIONS: dict[str, Callable[..., bytes]] = {
    "repeat": _repeat,
    "upper": lambda text: text.decode("utf-8", "surrogateescape").upper().encode("utf-8", "surrogateescape"),
    "lower": lambda text: text.decode("utf-8", "surrogateescape").lower().encode("utf-8", "surrogateescape"),
    "b64enc": lambda text: base64.b64encode(text),
}


def _unquoted(literal: bytes) -> bytes:
    """Returns the bytes of a Go string literal; only those in double quotes have escapes."""
    if literal[:1] == b"`":
        return literal[1:-1].replace(b"\r", b"")

    def byte(escape: re.Match[str]) -> str:
        hexadecimal, code_point, octal, short = escape.groups()
        if code_point:
            return chr(int(code_point, 16)).encode("utf-8", "replace").decode("utf-8", "surrogateescape")
        if short and short not in _SHORT_ESCAPES:
            raise Unusable(f"it has the unknown escape \\{short} in a Go template")
        number = int(hexadecimal, 16) if hexadecimal else int(octal, 8) % 256 if octal else _SHORT_ESCAPES[short]
        return bytes([number]).decode("utf-8", "surrogateescape")

    return _ESCAPE.sub(byte, literal[1:-1].decode("utf-8", "surrogateescape")).encode("utf-8", "surrogateescape")
