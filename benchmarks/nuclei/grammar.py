"""Parses an expression of the template language, the subset of govaluate's grammar that requests use.

An expression consists of names, numbers, texts in single or double quotes, calls, parentheses, and ``+ - * / %``. In a
text, a backslash means the character after it, whichever it is. Source: github.com/Knetic/govaluate, ``parsing.go``.
"""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

_MAX_DEPTH = 40  # of parentheses and calls
_MAX_TOKENS = 20_000
_TOKEN = re.compile(
    r"""\s*+(?:
      (?P<end>\}\})
    | (?P<placeholder>\{\{\s*+[\w.-]++\s*+\}\}|§[\w.-]++§)
    | '(?P<single>(?:[^'\\]|\\.)*+)' | "(?P<double>(?:[^"\\]|\\.)*+)"
    | (?P<number>\d++(?:\.\d++)?+)(?![\w.])
    | (?P<name>interactsh[-_](?:url|server)(?:_\d+)?+(?![\w-])|[^\W\d]\w*+(?:\.[^\W\d]\w*+)*+)
    | (?P<operator>[-+*/%(),])
    )""",
    re.X | re.S,
)


class Operation(NamedTuple):
    """One step of a program for a stack machine.

    Attributes:
        kind: ``text``, ``number``, ``name`` and ``placeholder`` push a value, ``call`` replaces its arguments by its
            result, ``negate`` and the operators ``+ - * / %`` replace their operands.
        argument: the text, number or name, None for an operator.
        arity: the number of arguments of a call.
    """

    kind: str
    argument: str | float | None = None
    arity: int = 0


@dataclass
class Expression:
    """A parsed expression.

    Attributes:
        program: its operations, operands before their operator.
        names: the variables in it.
        calls: the functions in it.
        end: the position after the closing braces.
    """

    program: list[Operation] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    end: int = 0


class _Malformed(Exception):
    pass


def parse(text: str, start: int) -> Expression | None:
    """Returns the expression that begins at a position and ends before ``}}``; None if there is none."""
    try:
        return _Parser(text, start).expression()
    except _Malformed:
        return None


class _Parser:
    def __init__(self, text: str, start: int) -> None:
        self._text = text
        self._at = start
        self._tokens = 0
        self._out = Expression()
        self._kind, self._token = "", ""
        self._advance()

    def expression(self) -> Expression:
        self._sum(0)
        if self._kind != "end":
            raise _Malformed
        self._out.end = self._at
        return self._out

    def _advance(self) -> None:
        match = _TOKEN.match(self._text, self._at)
        self._tokens += 1
        if match is None or match.lastgroup is None or self._tokens > _MAX_TOKENS:
            raise _Malformed
        self._at = match.end()
        self._kind, self._token = match.lastgroup, match[match.lastgroup]

    def _takes(self, operators: str) -> str:
        """Returns the current token and moves on if it is one of the operators; otherwise returns nothing."""
        if self._kind != "operator" or self._token not in operators:
            return ""
        token = self._token
        self._advance()
        return token

    def _sum(self, depth: int) -> None:
        self._product(depth)
        while operator := self._takes("+-"):
            self._product(depth)
            self._emit(operator)

    def _product(self, depth: int) -> None:
        self._factor(depth)
        while operator := self._takes("*/%"):
            self._factor(depth)
            self._emit(operator)

    def _factor(self, depth: int) -> None:
        if depth > _MAX_DEPTH:
            raise _Malformed
        if self._takes("-"):
            self._factor(depth + 1)
            self._emit("negate")
        elif self._takes("("):
            self._sum(depth + 1)
            self._close()
        elif self._kind == "name":
            self._name(depth)
        else:
            self._literal()

    def _literal(self) -> None:
        token = self._token
        if self._kind == "number":
            self._emit("number", float(token))
        elif self._kind in ("single", "double"):
            self._emit("text", re.sub(r"\\(.)", r"\1", token, flags=re.S))
        elif self._kind == "placeholder":
            name = token.strip("{}§ \t\r\n")
            self._out.names.append(name)
            self._emit("placeholder", name)
        else:
            raise _Malformed
        self._advance()

    def _name(self, depth: int) -> None:
        name = self._token
        self._advance()
        if not self._takes("("):
            if name in ("true", "false"):
                self._emit(name)
            else:
                self._out.names.append(name)
                self._emit("name", name)
            return
        count = 0
        while not self._takes(")"):
            if count and not self._takes(","):
                raise _Malformed
            self._sum(depth + 1)
            count += 1
        self._out.calls.append(name)
        self._emit("call", name, count)

    def _close(self) -> None:
        if not self._takes(")"):
            raise _Malformed

    def _emit(self, kind: str, argument: str | float | None = None, arity: int = 0) -> None:
        self._out.program.append(Operation(kind, argument, arity))
