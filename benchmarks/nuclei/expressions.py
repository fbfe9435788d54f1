"""``{{…}}``: variables and helper functions become inert values; what is unknown is named, never guessed."""

import ast
import re
import warnings
from collections.abc import Callable, Mapping

from . import functions
from .functions import Draw, Value

HOST, OTHER_HOST, ADDRESS = "target.example", "oast.example", "192.0.2.10"
_MAX_REPLACEMENTS = 500  # replacements in one text
_MAX_EXPRESSION_CHARACTERS = 20_000  # characters of an expression
_MAX_TEXT_CHARACTERS = 1_000_000  # of a text whose expressions are replaced
_MAX_DEPTH = 20  # variables that refer to each other
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
    "username": "user",  # given on the command line, as is the password
    "password": "secret",
}
_OTHER_HOST = re.compile(r"interactsh[-_](?:url|server)(?:_\d+)?")
_RANDSTR = re.compile(r"randstr(?:_\d+)?")
_NAME = re.compile(r"[A-Za-z_][\w.-]*")


class Unknown(Exception):
    """An expression has no value here; its text is the message."""


class Scope:
    """What the names of one template stand for."""

    def __init__(self, template: str, variables: Mapping[str, object], extracted: frozenset[str]) -> None:
        """Makes the scope of a template.

        Args:
            template: its id, which decides what random values become.
            variables: its own definitions, which may hold expressions.
            extracted: names whose values a scan would read from earlier responses; they become tokens.
        """
        self.draw = Draw(template)
        self.payloads: dict[str, str] = {}
        self._variables = variables
        self._extracted = extracted
        self._known: dict[str, str] = {}
        self._depth = 0

    def value(self, name: str) -> str:
        """Returns what a name stands for.

        Raises:
            Unknown: nothing says so.
        """
        if name in self.payloads:
            return self.payloads[name]
        if name not in self._known:
            self._known[name] = self._find(name)
        return self._known[name]

    def _find(self, name: str) -> str:
        if name in self._variables and self._depth < _MAX_DEPTH:
            self._depth += 1
            try:
                return self._own(name)
            finally:
                self._depth -= 1
        if name in self._extracted:
            return self.draw.token(name, 10)
        if name in _BUILT_IN:
            return _BUILT_IN[name]
        if _OTHER_HOST.fullmatch(name):
            return OTHER_HOST
        if _RANDSTR.fullmatch(name):
            return self.draw.token(name, 27)
        raise Unknown(name)

    def _own(self, name: str) -> str:
        variables, self._variables = self._variables, {n: v for n, v in self._variables.items() if n != name}
        try:  # its own name inside its definition is the one from outside
            return resolve(str(variables[name]), self)
        finally:
            self._variables = variables


def resolve(text: str, scope: Scope, keep_unknown: bool = False) -> str:
    """Returns the text with every expression replaced by its value, innermost first.

    Args:
        text: of a template.
        scope: of the template.
        keep_unknown: leave expressions without a value as they are, as a scan does where a template says
            ``skip-variables-check``.

    Raises:
        Unknown: an expression has no value.
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
    raise Unknown("a text without end")


def evaluate(expression: str, scope: Scope) -> Value:
    """Returns the value of one expression: a name, a literal, a call, or a sum, difference or product of these.

    Raises:
        Unknown: it is none of these, or a name or function in it is unknown.
    """
    if _NAME.fullmatch(expression):
        return scope.value(expression)
    if len(expression) > _MAX_EXPRESSION_CHARACTERS:
        raise Unknown(expression[:40])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # escapes that only Go's strings know
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
            return functions.call(node.func.id, arguments, scope.draw)
        except KeyError:
            raise Unknown(f"{node.func.id}()") from None
    if isinstance(node, ast.BinOp) and type(node.op) in _OPERATORS:
        left, right = _value(node.left, scope), _value(node.right, scope)
        if isinstance(node.op, ast.Add) and isinstance(left, str) | isinstance(right, str):
            return f"{left}{right}"
        if isinstance(left, str) or isinstance(right, str):
            raise Unknown(f"arithmetic with text in {ast.unparse(node)[:40]}")
        return _OPERATORS[type(node.op)](left, right)
    raise Unknown(ast.unparse(node)[:40])


_OPERATORS: dict[type[ast.operator], Callable[[float, float], float]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
}
