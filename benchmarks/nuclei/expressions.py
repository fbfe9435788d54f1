"""Replaces ``{{…}}`` expressions by inert values; an unknown variable or function is an error, never a guess.

As in the scanner, only text with a variable or a helper function is an expression: ``{{91*83}}`` stays as it is. A
value that has been inserted is not searched for expressions again. Source: github.com/projectdiscovery/nuclei,
``pkg/protocols/common/expressions``.
"""

import operator
import re
from collections.abc import Callable, Mapping

from . import functions, grammar
from .values import TemplateRandom, Unknown, Value, checked_length, to_short_string, to_string

HOST, OTHER_HOST, ADDRESS = "target.example", "oast.example", "192.0.2.10"
_MAX_REPLACEMENTS = 500  # in one text
_MAX_DEPTH = 20  # of variables that refer to each other
_BUILT_IN = {
    "BaseURL": f"http://{HOST}",
    "RootURL": f"http://{HOST}",
    "Input": f"http://{HOST}",
    "Hostname": HOST,
    "Host": HOST,
    "FQDN": HOST,
    "RDN": HOST,
    "DN": "target",
    "TLD": "example",
    "SD": "",
    "Port": "80",
    "Scheme": "http",
    "Path": "",
    "File": "",
    "Query": "",
    "ip": ADDRESS,
    "username": "user",  # the scanner takes username and password from its command line
    "password": "secret",
}
_OTHER_HOST = re.compile(r"interactsh[-_](?:url|server)(?:_\d+)?")
_RANDSTR = re.compile(r"randstr(?:_\d+)?")
_MARK = re.compile(r"\{\{|§")
_PLACEHOLDER = re.compile(r"\{\{\s*+([\w.-]++)\s*+\}\}|§([\w.-]++)§")
_NUMBER = re.compile(r"\d{1,15}(?:\.\d{1,15})?")
_WITHOUT_LETTERS = re.compile(r"[0-9\W]+")  # the scanner sends such text in braces as it is


class Scope:
    """The values of the names in one template.

    Attributes:
        random: the random values of the template.
        keep_unknown: whether expressions without a value stay unchanged in the current block, as in a scan if a block
            sets ``skip-variables-check``.
    """

    def __init__(self, template: str, variables: Mapping[str, object], response_names: frozenset[str]) -> None:
        """Initializes the scope of a template.

        Args:
            template: its id, which determines the random values.
            variables: its own definitions, which may contain expressions.
            response_names: names whose values a scan would read from earlier responses; they become tokens.
        """
        self.random = TemplateRandom(template)
        self.keep_unknown = False
        self._payloads: Mapping[str, object] = {}
        self._payload_values: dict[str, str] = {}
        self._variables = variables
        self._response_names = response_names
        self._values: dict[str, str] = {}
        self._open: list[str] = []  # names whose definitions are being resolved

    def enter(self, payloads: Mapping[str, object], keep_unknown: bool) -> None:
        """Enters a block with its own payload lists.

        Args:
            payloads: the value of each name, which may contain expressions.
            keep_unknown: see `keep_unknown`.
        """
        self._payloads, self._payload_values, self.keep_unknown = payloads, {}, keep_unknown

    def value(self, name: str) -> str | None:
        """Returns the value of a name, None if it has none.

        Raises:
            Unknown: its definition contains an expression without a value.
        """
        for definitions, values in ((self._payloads, self._payload_values), (self._variables, self._values)):
            # Inside its own definition, a name refers to an outer value, as in ``Hostname: "{{Hostname}}:8080"``.
            if name in definitions and name not in self._open:
                if name not in values:
                    values[name] = self._resolve(name, definitions[name])
                return values[name]
        return self._given(name)

    def _resolve(self, name: str, definition: object) -> str:
        if len(self._open) >= _MAX_DEPTH:
            raise Unknown(f"unknown variable {name}")
        self._open.append(name)
        try:
            return resolve(to_string(definition), self)
        finally:
            self._open.pop()

    def _given(self, name: str) -> str | None:
        """Returns the value of a name that the template does not define."""
        if name in self._response_names:
            return self.random.token(name, 10)
        if _OTHER_HOST.fullmatch(name):
            return OTHER_HOST
        if _RANDSTR.fullmatch(name):
            return self.random.token(name, 27)
        return _BUILT_IN.get(name)


def resolve(text: str, scope: Scope) -> str:
    """Returns the text with every expression replaced by its value.

    Raises:
        Unknown: an expression has no value, or the text grows beyond the limits.
    """
    if _MARK.search(text) is None:
        return text
    out: list[str] = []
    at = length = 0
    for _ in range(_MAX_REPLACEMENTS):
        mark = _MARK.search(text, at)
        if mark is None:
            return "".join([*out, text[at:]])
        begin = mark.start()
        while text.startswith("{{{", begin):  # the braces of an expression are the innermost ones
            begin += 1
        value, end = _replacement(text, begin, scope)
        out += [text[at:begin], value]
        length = checked_length(length + begin - at + len(value))
        at = end
    raise Unknown(f"text with more than {_MAX_REPLACEMENTS} expressions")


def _replacement(text: str, begin: int, scope: Scope) -> tuple[str, int]:
    """Returns what replaces the text from a mark on, and the position after the replaced text."""
    simple = _PLACEHOLDER.match(text, begin)
    if simple is not None and (value := scope.value(simple[1] or simple[2])) is not None:
        return value, simple.end()
    if text[begin] == "§":
        return "§", begin + 1
    expression = grammar.parse(text, begin + 2)
    try:
        if expression is not None and _is_evaluated(expression, scope):
            return to_string(_evaluate(expression, scope)), expression.end
        _check_literal(text, begin, expression, simple)
    except Unknown:
        if not scope.keep_unknown:
            raise
    return "{{", begin + 2


def _is_evaluated(expression: grammar.Expression, scope: Scope) -> bool:
    """Whether an expression contains a helper function or a variable with a value."""
    return bool(expression.calls) or any(scope.value(name) is not None for name in expression.names)


def _check_literal(text: str, begin: int, expression: grammar.Expression | None, simple: re.Match[str] | None) -> None:
    """Checks that text in braces which is not evaluated is sent as it is.

    Raises:
        Unknown: a scan would not send the request, since it takes the text for a variable without a value.
    """
    if expression is not None and not expression.names:
        return
    end = text.find("}}", begin + 2)
    content = text[begin + 2 : end]
    if end < 0 or not content or "}" in content or _WITHOUT_LETTERS.fullmatch(content):
        return
    raise Unknown(f"unknown variable {simple[1]}" if simple else f"unknown expression {content.strip()[:40]}")


def _evaluate(expression: grammar.Expression, scope: Scope) -> Value:
    """Returns the value of an expression.

    Raises:
        Unknown: it contains an unknown name or function, or a function or an operator that rejects its operands.
    """
    stack: list[Value] = []
    for kind, argument, arity in expression.program:
        match kind:
            case "number":
                stack.append(float(argument or 0))
            case "text":
                stack.append(_fill_text(str(argument), scope))
            case "name":
                stack.append(_known(str(argument), scope))
            case "placeholder":
                value = _known(str(argument), scope)
                stack.append(float(value) if _NUMBER.fullmatch(value) else value)
            case "true" | "false":
                stack.append(kind == "true")
            case "call":
                arguments = stack[len(stack) - arity :]
                del stack[len(stack) - arity :]
                stack.append(functions.call(str(argument), arguments, scope.random))
            case "negate":
                stack.append(_operate("-", 0.0, stack.pop()))
            case _:
                right = stack.pop()
                stack.append(_operate(kind, stack.pop(), right))
    return stack.pop()


def _known(name: str, scope: Scope) -> str:
    value = scope.value(name)
    if value is None:
        raise Unknown(f"unknown variable {name}")
    return value


def _fill_text(text: str, scope: Scope) -> str:
    """Returns a quoted text with its placeholders replaced; they are not evaluated further."""

    def fill(match: re.Match[str]) -> str:
        name = match[1] or match[2]
        value = scope.value(name)
        if value is None and match[1] and not _WITHOUT_LETTERS.fullmatch(name) and not scope.keep_unknown:
            raise Unknown(f"unknown variable {name}")
        return match[0] if value is None else value

    return _PLACEHOLDER.sub(fill, text)


def _operate(name: str, left: Value, right: Value) -> Value:
    if name == "+" and (isinstance(left, str) or isinstance(right, str)):
        first, second = to_short_string(left), to_short_string(right)
        checked_length(len(first) + len(second))
        return first + second
    if not isinstance(left, float) or not isinstance(right, float):
        raise Unknown(f"arithmetic with text ({name})")
    try:
        return _ARITHMETIC[name](left, right)
    except (ZeroDivisionError, OverflowError) as error:
        raise Unknown(f"arithmetic ({error})") from error


_ARITHMETIC: dict[str, Callable[[float, float], float]] = {
    "+": operator.add,
    "-": operator.sub,
    "*": operator.mul,
    "/": operator.truediv,
    "%": lambda left, right: left - right * int(left / right),  # the sign of the dividend, as in Go
}
