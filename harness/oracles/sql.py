"""SQL by sqlglot: decides whether a fragment changes the query it is inserted into, and whether two do so equally."""

import functools
import re
from collections.abc import Iterable
from typing import NamedTuple

from harness.oracles.sql_tree import DIALECTS, Query, SyntaxTree, form, only_mysql, parse, shape

_QUOTED = (
    "SELECT a FROM t WHERE b = '{}'", "SELECT a FROM t WHERE (b = '{}')", "SELECT a FROM t WHERE ((b = '{}'))",
    "SELECT a FROM t WHERE b LIKE '%{}%'", "INSERT INTO t VALUES ('{}', 'c')",
    "SELECT a FROM t WHERE f('{}', 1)", "INSERT INTO t VALUES (1, '{}')", "INSERT INTO t VALUES (1, '{}', 'c')",
)  # fmt: skip
CONTEXTS = {
    "numeric": ("SELECT a FROM t WHERE b = {}", "SELECT a FROM t WHERE (b = {})", "SELECT a FROM t WHERE b IN ({})"),
    "single-quoted": _QUOTED,
    "double-quoted": tuple(template.replace("'", '"') for template in _QUOTED),
    "order-by": ("SELECT a, id FROM t ORDER BY {}", "SELECT a FROM t ORDER BY a {}"),
    "whole": ("{}", "SELECT a FROM t WHERE {}", "SELECT a FROM t WHERE {} = 1", "SELECT a FROM t WHERE b = '{}'"),
}
_EVERY = tuple(dict.fromkeys(template for templates in CONTEXTS.values() for template in templates))
_PLAIN = ("", "x", "1", "-1", "t.x", "x DESC", "x ASC", "x, y", "1, 2", "1-1-1", "x = y", "'x'", '{"a": 1}')
# A comment at the end of a fragment hides the rest of the query. To check that it still does, a rest is appended that
# does not parse in any query.
_COMMENT = re.compile(r"(?:--|#)[^\n]*\Z")
_REST = ")'\"("


class _Injection(NamedTuple):
    """The query that a fragment is inserted into, and the normalized syntax tree of the result."""

    template: str
    dialect: str
    escaped: bool
    rest: str
    mysql: bool
    tree: SyntaxTree


def injects(fragments: Iterable[str], context: str) -> bool:
    """Whether a fragment parses in a query of the context, in any dialect, and changes the shape of its tree."""
    fragments = tuple(fragments)
    return any(
        _changes(template, dialect, fragment)
        for dialect in DIALECTS
        for template in CONTEXTS[context]
        for fragment in fragments
    )


def same(before: str, after: str) -> bool:
    """Whether both make the same query, in the first context and dialect in which ``before`` changes it.

    Comments and the case of words other than names are ignored; numbers are compared by value. Spellings that are
    equal only in MySQL (``||`` and OR, ``&&`` and AND, strings in double quotes, in pieces or in hexadecimal) are
    equal here only if the text does not work in any other database.
    """
    injection = _injection(before)
    if injection is None:
        return False
    fragment = _escape_backslashes(after, injection.escaped) + injection.rest
    query = parse(injection.template.format(fragment), injection.dialect)
    return query is not None and form(query, injection.mysql) == injection.tree


@functools.lru_cache(maxsize=4096)
def _injection(fragment: str) -> _Injection | None:
    """Returns the first query and dialect in which a fragment changes the shape of the tree, or None."""
    if fragment.lstrip()[:1] in ("[", "{"):  # JSON, which sqlglot would read as a literal in some dialects
        return None
    rest = _REST if _COMMENT.search(fragment) else ""
    for dialect in DIALECTS:
        for template in _EVERY:
            for escaped in (False, True) if "\\" in fragment else (False,):
                if query := _changes(template, dialect, _escape_backslashes(fragment, escaped) + rest):
                    mysql = dialect == "mysql" and only_mysql(query)
                    return _Injection(template, dialect, escaped, rest, mysql, form(query, mysql))
    return None


def _escape_backslashes(fragment: str, escaped: bool) -> str:
    """Returns the fragment as it reaches the query; some products escape backslashes before."""
    return fragment.replace("\\", "\\\\") if escaped else fragment


def _changes(template: str, dialect: str, fragment: str) -> Query | None:
    """Returns the query with the fragment inserted; None unless it parses to a shape that no ordinary value gives."""
    query = parse(template.format(fragment), dialect)
    return query if query is not None and shape(query) not in _benign(template, dialect) else None


@functools.cache
def _benign(template: str, dialect: str) -> frozenset[tuple[str, ...]]:
    queries = (parse(template.format(plain), dialect) for plain in _PLAIN)
    return frozenset(shape(query) for query in queries if query is not None)
