"""Tier B: other spellings of SQL injected into a query, each checked by `harness.oracles.sql`.

A small tokenizer without a grammar reads the text here. An injected fragment begins in the middle of its query, perhaps
inside a string that it then leaves. So the text is read with and without an open quote, and the reading with the most
SQL outside of strings is used. Strings, and the comment at the end of a fragment, do not change.
"""

import functools
import itertools
import random
import re
from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

from harness.oracles import sql as oracle
from harness.perturbations.base import Perturbation
from harness.perturbations.sites import Site, SiteRespelling, random_case

_TOKENS = r"""(?P<string>'(?:[^'\\]|\\.|'')*+'|"(?:[^"\\]|\\.|"")*+"|`[^`]*+`)
    |(?P<open>['"`].*)                             # a string that continues in the query
    {note}
    |(?P<tail>(?:--|\#)[^\n]*)
    |(?P<space>\s+)
    |(?P<number>(?:\d+(?:\.\d+)?|\.\d+)(?![\w.]))
    |(?P<word>[@$]*\w[\w$]*)
    |(?P<operator><=>|<>|!=|<=|>=|:=|::|\|\||&&|<<|>>|.)"""
_TOKEN = re.compile(_TOKENS.replace("{note}", r"|(?P<note>/\*.*?\*/)"), re.S | re.X)
_TOKEN_AFTER_COMMENTS = re.compile(_TOKENS.replace("{note}", ""), re.S | re.X)
_STRING_END = {"'": re.compile(r"(?:[^'\\]|\\.|'')*+'", re.S), '"': re.compile(r'(?:[^"\\]|\\.|"")*+"', re.S)}
_KEYWORDS = frozenset(
    "ALL AND AS ASC BETWEEN BINARY BY CASE CAST CONVERT DECLARE DELAY DELETE DESC DISTINCT DIV DROP ELSE END EXEC "
    "EXISTS FALSE FETCH FIRST FROM GROUP HAVING IF IN INSERT INTO IS JOIN LIKE LIMIT MOD NOT NULL OFFSET ON ONLY OR "
    "ORDER PROCEDURE REGEXP RLIKE ROWS SELECT SET TABLE THEN TOP TRUE UNION UPDATE VALUES WAITFOR WHEN WHERE "
    "XOR".split()
)
_MYSQL = re.compile(
    r"(?i)\b(?:sleep|benchmark|extractvalue|updatexml|if|strcmp|database|load_file|elt|field|crc32|gtid_\w+|polygon|ord)\("
    r"|\brlike\b|\bdiv\b|\bxor\b|&&"
)
_SPACES = (" ", "  ", "\t", "\n")  # white space that XML and JSON can hold too


class _Token(NamedTuple):
    kind: str
    start: int
    end: int
    text: str


@functools.lru_cache(maxsize=1024)
def _read(text: str) -> tuple[_Token, ...]:
    """Returns the tokens after the string that the fragment begins in, if any; none if it holds no SQL."""
    best: tuple[_Token, ...] = ()
    most = 0
    for quote in ("", *_STRING_END) if text.lstrip()[:1] not in tuple("[{") else ():
        string_end = _STRING_END[quote].match(text) if quote else re.match("", text)
        if string_end is None:
            continue
        tokens = tuple(_tokens(text, string_end.end()))
        score = sum(_is_keyword(token) or _is_call(token, text) for token in tokens)
        if score > most:
            best, most = tokens, score
    return best


def _tokens(text: str, at: int) -> Iterator[_Token]:
    last_comment = text.rfind("*/")  # after it, every comment would be searched for an end that it lacks
    while match := (_TOKEN if at < last_comment else _TOKEN_AFTER_COMMENTS).match(text, at):
        yield _Token(match.lastgroup or "", *match.span(), match[0])
        at = match.end()


def _is_mysql(text: str) -> bool:
    """Whether a text has a function, an operator or a comment at its end that only MySQL supports."""
    return _MYSQL.search(text) is not None or text.rfind("#") > max(text.rfind("'"), text.rfind('"'))


def _is_keyword(token: _Token) -> bool:
    return token.kind == "word" and token.text.upper() in _KEYWORDS


def _is_call(token: _Token, text: str) -> bool:
    return token.kind == "word" and token.text[0].isalpha() and text[token.end : token.end + 1] == "("


class _Sql(SiteRespelling):
    classes = frozenset(("sql-injection",))

    def same(self, before: str, after: str) -> bool:
        """Compares the queries that sqlglot parses."""
        return oracle.same(before, after)


class SqlCase(_Sql):
    """Changes the case of keywords and function names."""

    name = "sql-case"

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Returns keywords, and words before a parenthesis."""
        words = (token for token in _read(text) if _is_keyword(token) or _is_call(token, text))
        return [Site(token.start, token.end, (random_case(token.text, rng),)) for token in words]


def _gaps(text: str) -> list[tuple[int, int]]:
    """Returns the spans of white space between tokens, and the positions where white space may be inserted."""
    tokens, gaps = _read(text), []
    for before, after in itertools.pairwise(tokens):
        if before.kind == "space" or after.kind == "space":
            continue
        if (before.text in tuple("=,(") and after.text != "*") or (after.text in tuple("=,)") and before.text != "*"):
            gaps.append((before.end, before.end))
    gaps += [(token.start, token.end) for token in tokens[1:-1] if token.kind == "space"]
    return sorted(gaps)


class SqlWhitespace(_Sql):
    """Replaces white space, inserts it where it is allowed, and removes it where it is not needed."""

    name = "sql-whitespace"

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Returns the gaps between tokens."""
        sites = []
        for start, end in _gaps(text):
            spellings = [space for space in _SPACES if space != text[start:end]]
            if start < end and _removable(text, start, end):
                spellings += ["", ""]
            sites.append(Site(start, end, spellings))
        return sites


def _removable(text: str, start: int, end: int) -> bool:
    """Whether two tokens remain separate without the white space between them."""
    left, right = text[start - 1], text[end]
    if not {left, right} & set("=,()<>'\""):
        return False
    if {left, right} <= set("=<>!'\""):
        return False
    word = re.search(r"[\w@$]*\Z", text[max(0, start - 30) : start])
    name = word[0].upper() if word else ""
    if right in "('\"" and name:  # a call, a string with a prefix such as N'...'
        return name in _KEYWORDS
    return not (left in "'\"" and right == "(")


class SqlComment(_Sql):
    """Replaces white space by comments, and comments by other ones."""

    name = "sql-comment"

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Returns gaps between tokens, and comments of words only, since databases execute some other comments."""
        notes = [(t.start, t.end) for t in _read(text) if re.fullmatch(r"/\*[\w\s]*\*/", t.text)]
        word = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(1, 5)))
        spellings = ("/**/", f"/*{word}*/", "/**//**/")
        places = sorted({*_gaps(text), *notes})
        return [Site(*place, [s for s in spellings if s != text[slice(*place)]]) for place in places]


class SqlLiteral(_Sql):
    """Adds leading or trailing zeros to numbers; in MySQL also writes strings in other quotes, in pieces, or in hex."""

    name = "sql-literal"
    _plain: ClassVar = re.compile(r"['\"]([^'\"\\]+)['\"]")
    _textual: ClassVar = frozenset("CONCAT EXTRACTVALUE LENGTH LOWER MD5 SELECT STRCMP UPDATEXML UPPER".split())

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Returns numbers, strings, and hexadecimal literals."""
        sites, mysql = [], _is_mysql(text)
        word, callers = (
            "",
            [""],
        )  # for each open parenthesis, the call or keyword that decides how MySQL reads a literal
        for token in _read(text):
            kind, start, end, literal = token
            spellings: list[str] = []
            textual = callers[-1] in self._textual
            if kind == "number":
                spellings = [f"0{literal}", f"00{literal}"] + ([f"{literal}0"] if "." in literal else [])
            elif mysql and kind == "string" and (plain := self._plain.fullmatch(literal)):
                spellings = self._strings(plain[1], literal[0], textual, rng)
            elif mysql and textual and re.fullmatch("0x(?:[0-9A-Fa-f]{2})+", literal):
                value = bytes.fromhex(literal[2:]).decode("latin-1")
                spellings = [f"'{value}'"] if value.isprintable() and not {*value} & {*"'\\"} else []
            elif literal == "(":
                callers.append(word)
            elif literal == ")":
                callers.pop()
                callers = callers or [""]
            elif _is_keyword(token):
                callers[-1] = literal.upper()
            word = word if kind == "space" else literal.upper()
            sites.append(Site(start, end, spellings))
        return sites

    @staticmethod
    def _strings(value: str, quote: str, textual: bool, rng: random.Random) -> list[str]:
        cut = rng.randint(1, len(value))
        other = "'" if quote == '"' else '"'
        pieces = [f"{quote}{value[:cut]}{quote} {quote}{value[cut:]}{quote}"] if cut < len(value) else []
        digits = [f"0x{value.encode('latin-1').hex()}"] if textual else []
        return [f"{other}{value}{other}", *digits, *pieces]


# Operands of a comparison: calls and parentheses (nested up to four deep), names, literals. Strings are masked before,
# so that their content is not mistaken for SQL.
_OPERAND = r"(?:[\w.@$]*\((?:[^()]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))*\)|[\w.@$]+|\"[^\"]*\")"
_COMPARISON = re.compile(
    r"(?i)(?:[(,]|&&|\b(?:AND|HAVING|NOT|ON|OR|SELECT|WHEN|WHERE|XOR)\b)\s*"
    rf"(?P<left>{_OPERAND})(?P<before>\s*)(?P<operator><=|>=|<>|!=|=|<|>)(?P<after>\s*)(?P<right>{_OPERAND})"
    r"(?=\s*(?:[),;#]|--|&&|\Z|\b(?:AND|ELSE|END|FROM|GROUP|LIMIT|OR|ORDER|THEN|UNION|XOR)\b))"
)
_MIRROR = {"=": "=", "<>": "<>", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def _mirrored_comparisons(text: str) -> Iterator[Site]:
    """Yields comparisons with their operands swapped."""
    mask = [" "] * len(text)
    for kind, start, end, token in _read(text):
        mask[start:end] = f'"{"x" * (end - start - 2)}"' if kind == "string" else token
    for match in _COMPARISON.finditer("".join(mask)):
        left, right = (text[slice(*match.span(side))] for side in ("left", "right"))
        operator = f"{match['before']}{_MIRROR[match['operator']]}{match['after']}"
        yield Site(match.start("left"), match.end("right"), (right + operator + left,))


class SqlOperator(_Sql):
    """Replaces operators by equivalent ones (``<>`` and ``!=``, ``=`` and LIKE), and swaps the operands of comparisons.

    In MySQL also AND and ``&&``, OR and ``||``, and UNION DISTINCT for UNION.
    """

    name = "sql-operator"
    _others: ClassVar = {"<>": "!=", "!=": "<>"}
    _mysql: ClassVar = {"AND": "&&", "OR": "||", "&&": " AND ", "||": " OR "}

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Returns operators, except the AND of a BETWEEN, and comparisons of simple operands."""
        sites, mysql, between = list(_mirrored_comparisons(text)), _is_mysql(text), False
        tokens = [token for token in _read(text) if token.kind not in ("space", "note")]
        for index, token in enumerate(tokens):
            word, following = token.text.upper(), tokens[index + 1].text if token is not tokens[-1] else ""
            spelling = self._others.get(word)
            before = tokens[index - 1].text if index else text[: token.start]
            if word in ("=", "LIKE") and _are_texts(before, following):
                spelling = " LIKE " if word == "=" else "="
            elif mysql and word in self._mysql and not (word == "AND" and between):
                spelling = self._mysql[word]
            elif mysql and word == "UNION" and following.upper() == "SELECT":
                spelling = f"{token.text} DISTINCT"
            if word in ("BETWEEN", "AND"):
                between = word == "BETWEEN"
            sites.append(Site(token.start, token.end, (spelling,) if spelling else ()))
        return sorted(sites, key=lambda site: (site.start, rng.random()))


def _are_texts(left: str, right: str) -> bool:
    """Whether both operands are strings (the left one may begin in the query), and the right one has no wildcard."""
    return left.rstrip()[-1:] in ("'", '"') and re.fullmatch(r"['\"][^%_\\'\"]*['\"]?", right) is not None


PERTURBATIONS: tuple[Perturbation, ...] = (SqlCase(), SqlWhitespace(), SqlComment(), SqlLiteral(), SqlOperator())
