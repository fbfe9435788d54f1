"""Replaces ``{{…}}`` expressions by inert values; an unknown variable or function is an error, never a guess."""

import ast
import re
import warnings
from collections.abc import Callable, Mapping

from . import functions
from .functions import TemplateRandom, Value

HOST, OTHER_HOST, ADDRESS = "target.example", "oast.example", "192.0.2.10"
_MAX_REPLACEMENTS = 500  # in one text
_MAX_EXPRESSION_CHARACTERS = 20_000
_MAX_TEXT_CHARACTERS = 1_000_000  # after replacement
_MAX_DEPTH = 20  # of variables that refer to each other
_BUILT_IN = {
    "BaseURL": f"http://{HOST}",
    "RootURL": f"http://{HOST}",
    "Hostname": HOST,
    "Host": HOST,
    "FQDN": HOST,
    "RDN": HOST,
    "Port": "80",
    "Scheme": "http",
    "Path": "",
    "File": "",
    "ip": ADDRESS,
    "username": "user",  # the scanner takes username and password from its command line
    "password": "secret",
}
_OTHER_HOST = re.compile(r"interactsh[-_](?:url|server)(?:_\d+)?")
_RANDSTR = re.compile(r"randstr(?:_\d+)?")
_NAME = re.compile(r"[A-Za-z_][\w.-]*")


class Unknown(Exception):
    """Raised for an expression without a known value; the message is its text."""


class Scope:
    """The values of the names in one template."""

    def __init__(self, template: str, variables: Mapping[str, object], response_names: frozenset[str]) -> None:
        """Initializes the scope of a template.

        Args:
            template: its id, which determines the random values.
            variables: its own definitions, which may contain expressions.
            response_names: names whose values a scan would read from earlier responses; they become tokens.
        """
        self.random = TemplateRandom(template)
        self.payloads: dict[str, str] = {}
        self._variables = variables
        self._response_names = response_names
        self._values: dict[str, str] = {}
        self._depth = 0

    def value(self, name: str) -> str:
        """Returns the value of a name.

        Raises:
            Unknown: the name has no value.
        """
        if name in self.payloads:
            return self.payloads[name]
        if name not in self._values:
            self._values[name] = self._find(name)
        return self._values[name]

    def _find(self, name: str) -> str:
        if name in self._variables and self._depth < _MAX_DEPTH:
            self._depth += 1
            try:
                return self._resolve_variable(name)
            finally:
                self._depth -= 1
        if name in self._response_names:
            return self.random.token(name, 10)
        if name in _BUILT_IN:
            return _BUILT_IN[name]
        if _OTHER_HOST.fullmatch(name):
            return OTHER_HOST
        if _RANDSTR.fullmatch(name):
            return self.random.token(name, 27)
        raise Unknown(name)

    def _resolve_variable(self, name: str) -> str:
        # Inside its own definition, a variable's name refers to an outer value, as in ``{{Hostname}}``.
        variables, self._variables = self._variables, {n: v for n, v in self._variables.items() if n != name}
        try:
            return resolve(str(variables[name]), self)
        finally:
            self._variables = variables


def resolve(text: str, scope: Scope, keep_unknown: bool = False) -> str:
    """Returns the text with every expression replaced by its value, innermost first.

    Args:
        text: a text of a template.
        scope: the scope of the template.
        keep_unknown: leave expressions without a value unchanged, as a scan does if a template sets
            ``skip-variables-check``.

    Raises:
        Unknown: an expression has no value, or the text grows beyond the limits.
    """
    text = re.sub(r"§([\w.-]+)§", r"{{\1}}", text)
    start = 0
    for _ in range(_MAX_REPLACEMENTS):
        end = text.find("}}", start)
        begin = text.rfind("{{", start, end) if end >= 0 else -1
        if end < 0:
            return text
        if begin < 0:
            start = end + 1
            continue
        try:
            value = str(evaluate(text[begin + 2 : end].strip(), scope))
        except Unknown:
            if not keep_unknown:
                raise
            start = end + 2
            continue
        text = text[:begin] + value + text[end + 2 :]
        if len(text) > _MAX_TEXT_CHARACTERS:
            break
    raise Unknown("an expansion without end")


def evaluate(expression: str, scope: Scope) -> Value:
    """Returns the value of one expression: a name, a literal, a call, or a sum, difference or product of these.

    Raises:
        Unknown: it is another kind of expression, or contains an unknown name or function.
    """
    if _NAME.fullmatch(expression):
        return scope.value(expression)
    if len(expression) > _MAX_EXPRESSION_CHARACTERS:
        raise Unknown(expression[:40])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Python warns about escapes that exist only in Go's strings
            tree = ast.parse(_OTHER_HOST.sub(lambda match: match[0].replace("-", "_"), expression), mode="eval")
        return _value(tree.body, scope)
    except (SyntaxError, ValueError, TypeError, OverflowError, RecursionError, MemoryError) as error:
        raise Unknown(expression[:40]) from error


def _value(node: ast.expr, scope: Scope) -> Value:
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float):
        return node.value
    if isinstance(node, ast.Name):
        return scope.value(node.id)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and not node.keywords:
        arguments = [_value(argument, scope) for argument in node.args]
        try:
            return functions.call(node.func.id, arguments, scope.random)
        except KeyError:
            raise Unknown(f"{node.func.id}()") from None
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _value(node.left, scope), _value(node.right, scope)
        if isinstance(node.op, ast.Add) and isinstance(left, str) | isinstance(right, str):
            text = f"{left}{right}"
            if len(text) > _MAX_TEXT_CHARACTERS:
                raise Unknown("an expansion without end")
            return text
        if isinstance(left, str) or isinstance(right, str):
            raise Unknown(f"arithmetic with text in {ast.unparse(node)[:40]}")
        return _OPERATORS[type(node.op)](left, right)
    raise Unknown(ast.unparse(node)[:40])


_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
}
