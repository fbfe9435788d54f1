"""SQL parsed by sqlglot: syntax trees, their shape, and a normal form in which two spellings of a query are equal.

sqlglot is lenient. What it accepts but no database does is an error here: a parenthesis that is never closed (sqlglot
closes those of CAST and similar itself), a list without an item, an alias in a condition, ASC or DESC as a name, an
unknown command.
"""

import functools
import itertools
import logging
import re
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, NamedTuple

DIALECTS = ("mysql", "postgres", "tsql", "sqlite", "oracle", "")
_MAX_DEPTH = 100
_COMMENT = re.compile(r"/\*.*?\*/|(?:--|#)[^\n]*", re.S)
_EXECUTED = re.compile(r"/\*!\d*(.*?)\*/", re.S)
_WAIT = r"WAITFOR\s++DELAY\s++('[\d:]++')"
_DELAY = re.compile(rf"(?i){_WAIT}")
_DELAY_AFTER_CONDITION = re.compile(rf"(?i)\)\s*+{_WAIT}")
_CONDITIONAL_DELAY = re.compile(rf"(?i)(?:IF\s*+(\(.*\))\s*+)?{_WAIT}", re.S)

# https://dev.mysql.com/doc/refman/8.4/en/function-resolution.html
_TOGETHER = frozenset(
    "ADDDATE BIT_AND BIT_OR BIT_XOR CAST COUNT CURDATE CURTIME DATE_ADD DATE_SUB EXTRACT GROUP_CONCAT MAX MID MIN NOW "
    "POSITION SESSION_USER STD STDDEV STDDEV_POP STDDEV_SAMP SUBDATE SUBSTR SUBSTRING SUM SYSDATE SYSTEM_USER TRIM "
    "VARIANCE VAR_POP VAR_SAMP".split()
)

SyntaxTree = tuple[object, ...]


class Query(NamedTuple):
    """A parsed query: its text, sqlglot's tokens and trees, and the comments between the tokens."""

    text: str
    tokens: list[Any]
    trees: list[Any]
    comments: list[str]


def shape(query: Query) -> tuple[str, ...]:
    """Returns the kinds of a query's syntax nodes in order."""
    return tuple(type(node).__name__ for tree in query.trees for node in tree.walk())


@functools.cache
def _dialects() -> dict[str, Any]:
    import sqlglot
    from sqlglot.dialects.mysql import MySQL

    logging.getLogger("sqlglot").setLevel(logging.ERROR)  # it warns about every statement that it does not support

    class StrictMySQL(MySQL):
        class Tokenizer(MySQL.Tokenizer):
            # In MySQL two dashes begin a comment only before white space; otherwise they are two minus signs.
            COMMENTS = [*(f"--{space}" for space in " \t\n\r\f\v"), "#", ("/*", "*/")]

    others = {name: sqlglot.Dialect.get_or_raise(name or None) for name in DIALECTS[1:]}
    return {"mysql": StrictMySQL(), **others}


def parse(query: str, dialect: str) -> Query | None:
    """Returns a query parsed in one of `DIALECTS`, or None if it does not parse."""
    from sqlglot import exp
    from sqlglot.errors import SqlglotError

    text = _with_delays_as_calls(_with_executed_comments(query)) + "\n"
    reader = _dialects()[dialect]
    try:
        tokens = reader.tokenize(text)
        gaps = list(_gaps(text, tokens))
        if _broken(tokens, dialect == "mysql") or any("\xa0" in gap or "\x85" in gap for gap in gaps):
            return None
        comments = _COMMENT.findall("\n".join(filter(str.strip, gaps)))
        if "/*" in text:  # sqlglot does not accept a comment within ORDER BY and similar
            words = (text[token.start : token.end + 1] for token in tokens)
            text = "".join(f"{' ' if gap else ''}{word}" for gap, word in zip(gaps, words, strict=False))
            tokens = reader.tokenize(text)
        trees = [tree for tree in reader.parser().parse(tokens, text) if tree and not isinstance(tree, exp.Semicolon)]
    except (SqlglotError, RecursionError, TypeError, AttributeError, ValueError, IndexError):  # it trips, too
        return None
    if not trees or not all(isinstance(tree, exp.Query | exp.Insert) for tree in trees):
        return None
    return Query(text, tokens, trees, comments) if all(map(_sound, trees)) else None


def _with_executed_comments(query: str) -> str:
    """Returns a query with the content of the comments that MySQL runs instead of these comments."""
    head, end, rest = query.rpartition("*/")  # in the rest, every comment would be searched for an end that it lacks
    return _EXECUTED.sub(r" \1 ", head + end) + rest


def _with_delays_as_calls(query: str) -> str:
    """Returns a query with ``IF (…) WAITFOR DELAY '…'`` as a SELECT, which sqlglot can read."""
    end = 0  # of the last delay after a condition; after it, every IF would be searched for a delay that it lacks
    for match in _DELAY_AFTER_CONDITION.finditer(query):
        end = match.end()
    head = _CONDITIONAL_DELAY.sub(lambda m: f"SELECT WAITFOR_DELAY({m[2]}) WHERE {m[1] or '(1 = 1)'}", query[:end])
    return head + _DELAY.sub(lambda m: f"SELECT WAITFOR_DELAY({m[1]}) WHERE (1 = 1)", query[end:])


def _broken(tokens: list[Any], mysql: bool) -> bool:
    """Whether a parenthesis is not closed in its statement, a list lacks an item, or NOT NULL lacks its IS.

    In MySQL also whether there is a space between a parenthesis and a name that is a function only without one.
    """
    from sqlglot import TokenType as Kind

    opening, closing = (Kind.L_PAREN, Kind.L_BRACKET, Kind.L_BRACE), (Kind.R_PAREN, Kind.R_BRACKET, Kind.R_BRACE)
    ends = {Kind.COMMA, Kind.R_PAREN, Kind.SEMICOLON, Kind.FROM, Kind.WHERE, Kind.UNION, None}
    depth, nesting, before = 0, 0, None
    for token, after in itertools.zip_longest(tokens, tokens[1:]):
        kind, following = token.token_type, None if after is None else after.token_type
        depth += (kind == Kind.L_PAREN) - (kind == Kind.R_PAREN)
        nesting += (kind in opening) - (kind in closing)
        if nesting > _MAX_DEPTH:  # the tree would be too deep, too; sqlglot takes quadratic time on nested brackets
            return True
        if depth < 0 or (depth and kind == Kind.SEMICOLON) or (kind == Kind.COMMA and following in ends):
            return True
        if kind == Kind.NOT and following == Kind.NULL and before != Kind.IS:
            return True
        if mysql and following == Kind.L_PAREN and after.start > token.end + 1 and token.text.upper() in _TOGETHER:
            return True
        before = kind
    return depth != 0


def _gaps(text: str, tokens: list[Any]) -> Iterator[str]:
    """Yields the text before each token and after the last one: white space and comments."""
    end = 0
    for token in tokens:
        yield text[end : token.start]
        end = token.end + 1
    yield text[end:]


def _sound(tree: Any) -> bool:
    """Whether a tree holds nothing that every database rejects, and is not too deep to compare."""
    from sqlglot import exp

    depths: dict[int, int] = {}
    for node in tree.walk():
        depths[id(node)] = depth = depths.get(id(node.parent), 0) + 1
        odd = (
            (isinstance(node, exp.Identifier) and not node.quoted and node.name.upper() in ("ASC", "DESC"))
            or (isinstance(node, exp.Alias) and not isinstance(node.parent, exp.Select))
            or (isinstance(node, exp.Ordered) and not isinstance(node.parent, exp.Order))
            or isinstance(node, exp.Command)
        )
        if odd or depth > _MAX_DEPTH:
            return False
    return True


_MYSQL_FUNCTIONS = frozenset(
    "benchmark connection_id crc32 database elt extractvalue field find_in_set gtid_subset gtid_subtract if inet_aton "
    "json_keys linestring load_file make_set mid multipoint name_const ord polygon row_count sleep st_latfromgeohash "
    "st_longfromgeohash st_pointfromgeohash strcmp substring_index sysdate updatexml uuid_to_bin".split()
)
_MYSQL_WORDS = frozenset(("rlike", "div", "xor", "&&"))


def only_mysql(query: Query) -> bool:
    """Whether a query has a function, an operator or a comment that only MySQL supports."""
    if any(comment.startswith("#") for comment in query.comments):
        return True
    for token, following in itertools.zip_longest(query.tokens, query.tokens[1:]):
        word = token.text.lower()
        called = following is not None and query.text[following.start] == "("
        if word in _MYSQL_WORDS or (called and word in _MYSQL_FUNCTIONS):
            return True
    return False


def form(query: Query, mysql: bool) -> SyntaxTree:
    """Returns the normal form of a query, which is equal for equivalent spellings.

    It includes comments that hold a quote or a parenthesis, since these may be code in another context.

    Args:
        query: the query.
        mysql: whether only MySQL can read it; otherwise the spellings of ``||``, ``&&``, DISTINCT and the quotes of
            strings are part of the form.
    """
    trees = tuple(_node(tree, mysql) for tree in query.trees)
    code = tuple(comment for comment in query.comments if re.search(r"['\"`()]", comment))
    return (*trees, code, () if mysql else tuple(sorted(_spellings(query))))


def _spellings(query: Query) -> Iterator[str]:
    """Yields the opening quote of each string (the whole string if it has an escape), ``||``, ``&&`` and DISTINCT."""
    from sqlglot import TokenType

    kinds = (TokenType.STRING, TokenType.HEX_STRING, TokenType.DPIPE, TokenType.DAMP, TokenType.DISTINCT)
    for token in query.tokens:
        if token.token_type in kinds:
            raw = query.text[token.start : token.end + 1]
            yield raw if "\\" in raw else raw[0].lower()


_WORDS = frozenset(("Anonymous", "Var"))  # functions and keywords, which are case-insensitive


def _node(node: Any, mysql: bool, textual: bool = False) -> SyntaxTree:
    """Returns a node as plain values; with ``textual``, MySQL reads a hexadecimal literal here as a string of bytes."""
    kind, args = type(node).__name__, node.args
    if kind == "Literal":
        return ("string", args["this"]) if args["is_string"] else _number(args["this"])
    if kind == "Identifier":
        return ("identifier", args["this"], bool(args.get("quoted")))
    if kind == "HexString":
        digits = args["this"].lower()
        text = mysql and textual and len(digits) % 2 == 0
        return ("string", bytes.fromhex(digits).decode("latin-1")) if text else ("hexadecimal", digits)
    out: list[Any] = [kind]
    for name, value in sorted(args.items()):
        if value is not None and value is not False and value != []:
            word = kind in _WORDS and isinstance(value, str)
            out.append((name, value.casefold() if word else _value(value, mysql, _textual(kind, node, name))))
    return _fold(kind, tuple(out), mysql)


def _value(value: Any, mysql: bool, textual: bool) -> object:
    if hasattr(value, "args"):
        return _node(value, mysql, textual)
    if isinstance(value, list):
        return tuple(_value(item, mysql, textual) for item in value)
    return value


def _number(text: str) -> SyntaxTree:
    if not re.fullmatch(r"\d+(?:\.\d*)?|\.\d+", text):
        return ("number", text.casefold())
    return ("decimal" if "." in text else "integer", Decimal(text).normalize())


def _textual(kind: str, node: Any, name: str) -> bool:
    """Whether MySQL reads this argument of a node as a string, whatever its literal."""
    if kind == "Select":
        return name == "expressions"
    if kind == "Anonymous":
        return str(node.this).lower() in ("extractvalue", "updatexml", "gtid_subset", "gtid_subtract", "strcmp")
    return kind in ("Concat", "Length", "MD5", "Lower", "Upper")


_MIRROR = {"EQ": "EQ", "NEQ": "NEQ", "GT": "LT", "GTE": "LTE"}


def _fold(kind: str, form: SyntaxTree, mysql: bool) -> SyntaxTree:
    """Joins the pieces of a string, turns LIKE without a wildcard into equality, and orders operands of comparisons."""
    args: dict[str, Any] = dict(form[1:])  # type: ignore[arg-type]
    parts = args.get("expressions") if mysql and kind == "Concat" else None
    if parts and all(part[0] == "string" for part in parts):
        return ("string", "".join(part[1] for part in parts))
    if set(args) != {"this", "expression"}:
        return form
    left, right = args["this"], args["expression"]
    if kind == "Like" and left[0] == right[0] == "string" and not re.search(r"[%_\\]|\s$", right[1]):
        kind = kind if re.search(r"\s$", left[1]) else "EQ"
    if kind in ("GT", "GTE") or (kind in ("EQ", "NEQ") and repr(left) > repr(right)):
        left, right = right, left
    return (_MIRROR.get(kind, kind), left, right) if kind in (*_MIRROR, "LT", "LTE") else form
