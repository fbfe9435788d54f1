"""SQL by sqlglot: whether a fragment changes the query it lands in, and whether two fragments make the same of it."""

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
# A comment takes the rest of the query out: so it must then, or the fragment is another one.
_COMMENT = re.compile(r"(?:--|#)[^\n]*\Z")
_REST = ")'\"("  # a rest that parses in no query


class _Place(NamedTuple):
    """Where a fragment lands, and what the query is then."""

    template: str
    dialect: str
    escaped: bool
    rest: str
    mysql: bool
    made: SyntaxTree


def injects(fragments: Iterable[str], context: str) -> bool:
    """Whether a fragment parses in a query of the context, in one dialect, and changes its tree's shape."""
    fragments = tuple(fragments)
    return any(
        _changes(template, dialect, fragment)
        for dialect in DIALECTS
        for template in CONTEXTS[context]
        for fragment in fragments
    )


def same(before: str, after: str) -> bool:
    """Whether both make the same query, in the first context and dialect in which the one before changes it.

    Comments and the case of words other than names do not count, numbers count by value. What only MySQL reads alike
    (``||`` and OR, ``&&`` and AND, strings in double quotes, in pieces or in hexadecimal) counts as alike only where
    the text works in no other database.
    """
    place = _place(before)
    if place is None:
        return False
    query = parse(place.template.format(_written(after, place.escaped) + place.rest), place.dialect)
    return query is not None and form(query, place.mysql) == place.made


@functools.lru_cache(maxsize=4096)
def _place(fragment: str) -> _Place | None:
    if fragment.lstrip()[:1] in ("[", "{"):  # JSON, which sqlglot would read as a literal of some dialect
        return None
    rest = _REST if _COMMENT.search(fragment) else ""
    for dialect in DIALECTS:
        for template in _EVERY:
            for escaped in (False, True) if "\\" in fragment else (False,):
                if query := _changes(template, dialect, _written(fragment, escaped) + rest):
                    mysql = dialect == "mysql" and only_mysql(query)
                    return _Place(template, dialect, escaped, rest, mysql, form(query, mysql))
    return None


def _written(fragment: str, escaped: bool) -> str:
    """The fragment as it reaches the query, which some products make sure of by escaping backslashes."""
    return fragment.replace("\\", "\\\\") if escaped else fragment


def _changes(template: str, dialect: str, fragment: str) -> Query | None:
    """The query that a fragment makes of a template, where it parses in another shape than ordinary values give."""
    query = parse(template.format(fragment), dialect)
    return query if query is not None and shape(query) not in _benign(template, dialect) else None


@functools.cache
def _benign(template: str, dialect: str) -> frozenset[tuple[str, ...]]:
    queries = (parse(template.format(plain), dialect) for plain in _PLAIN)
    return frozenset(shape(query) for query in queries if query is not None)
