"""Tier B: other spellings of SQL injected into a query, each checked by `harness.oracles.sql`.

What reads the text here is a tokenizer of a few lines that knows no grammar. An injected fragment begins in the midst
of its query, perhaps inside a string, which it then leaves: the reading that finds the most SQL outside of strings is
taken. Strings, and the comment that a fragment ends with, are left as they are.
"""

import functools
import itertools
import random
import re
from collections.abc import Iterator, Sequence
from typing import ClassVar, NamedTuple

from harness.oracles import sql as oracle
from harness.perturbations.base import Perturbation
from harness.perturbations.sites import Site, SiteRespelling, cased

_TOKEN = re.compile(
    r"""(?P<string>'(?:[^'\\]|\\.|'')*+'|"(?:[^"\\]|\\.|"")*+"|`[^`]*`)
    |(?P<open>['"`].*)                             # a string that the query goes on with
    |(?P<note>/\*.*?\*/)
    |(?P<tail>(?:--|\#)[^\n]*)
    |(?P<space>\s+)
    |(?P<number>(?:\d+(?:\.\d+)?|\.\d+)(?![\w.]))
    |(?P<word>[@$]*\w[\w$]*)
    |(?P<operator><=>|<>|!=|<=|>=|:=|::|\|\||&&|<<|>>|.)""",
    re.S | re.X,
)
_LEAVES = {"'": re.compile(r"(?:[^'\\]|\\.|'')*+'", re.S), '"': re.compile(r'(?:[^"\\]|\\.|"")*+"', re.S)}
_KEYWORDS = frozenset(
    "ALL AND AS ASC BETWEEN BINARY BY CASE CAST CONVERT DECLARE DELAY DELETE DESC DISTINCT DIV DROP ELSE END EXEC "
    "EXISTS FALSE FETCH FIRST FROM GROUP HAVING IF IN INSERT INTO IS JOIN LIKE LIMIT MOD NOT NULL OFFSET ON ONLY OR "
    "ORDER PROCEDURE REGEXP RLIKE ROWS SELECT SET TABLE THEN TOP TRUE UNION UPDATE VALUES WAITFOR WHEN WHERE "
    "XOR".split()
)
_MYSQL = re.compile(
    r"(?i)\b(?:sleep|benchmark|extractvalue|updatexml|if|strcmp|database|load_file|elt|field|crc32|gtid_\w+|polygon|ord)\("
    r"|\brlike\b|\bdiv\b|\bxor\b|&&|#[^'\"]*$"
)
_SPACES = (" ", "  ", "\t", "\n")  # all that XML and JSON can carry, too


class _Token(NamedTuple):
    kind: str
    start: int
    end: int
    text: str


@functools.lru_cache(maxsize=1024)
def _read(text: str) -> tuple[_Token, ...]:
    """The tokens outside of the string that the fragment begins in, where it does; none where it holds no SQL."""
    best: tuple[_Token, ...] = ()
    most = 0
    for quote in ("", *_LEAVES) if text.lstrip()[:1] not in tuple("[{") else ():
        left = _LEAVES[quote].match(text) if quote else re.match("", text)
        if left is None:
            continue
        tokens = tuple(_Token(m.lastgroup or "", *m.span(), m[0]) for m in _TOKEN.finditer(text, left.end()))
        score = sum(_is_keyword(token) or _is_call(token, text) for token in tokens)
        if score > most:
            best, most = tokens, score
    return best


def _is_keyword(token: _Token) -> bool:
    return token.kind == "word" and token.text.upper() in _KEYWORDS


def _is_call(token: _Token, text: str) -> bool:
    return token.kind == "word" and token.text[0].isalpha() and text[token.end : token.end + 1] == "("


class _Sql(SiteRespelling):
    classes = frozenset(("sql-injection",))

    def same(self, before: str, after: str) -> bool:
        """By sqlglot."""
        return oracle.same(before, after)


class SqlCase(_Sql):
    """Changes the case of keywords and of functions' names."""

    name = "sql-case"

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Keywords, and words before a parenthesis."""
        words = (token for token in _read(text) if _is_keyword(token) or _is_call(token, text))
        return [Site(token.start, token.end, (cased(token.text, rng),)) for token in words]


def _gaps(text: str) -> list[tuple[int, int]]:
    """Where white space stands between tokens, or may stand."""
    tokens, found = _read(text), []
    for before, after in itertools.pairwise(tokens):
        if before.kind == "space" or after.kind == "space":
            continue
        if (before.text in tuple("=,(") and after.text != "*") or (after.text in tuple("=,)") and before.text != "*"):
            found.append((before.end, before.end))
    found += [(token.start, token.end) for token in tokens[1:-1] if token.kind == "space"]
    return sorted(found)


class SqlWhitespace(_Sql):
    """Writes other white space, some where there is none, and none where none is needed."""

    name = "sql-whitespace"

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Gaps between tokens."""
        found = []
        for start, end in _gaps(text):
            spellings = [space for space in _SPACES if space != text[start:end]]
            if start < end and _needless(text, start, end):
                spellings += ["", ""]
            found.append(Site(start, end, spellings))
        return found


def _needless(text: str, start: int, end: int) -> bool:
    """Whether two tokens stay two without the white space between them."""
    left, right = text[start - 1], text[end]
    if not {left, right} & set("=,()<>'\""):
        return False
    if {left, right} <= set("=<>!'\""):
        return False
    word = re.search(r"[\w@$]*\Z", text[max(0, start - 30) : start])
    named = word[0].upper() if word else ""
    if right in "('\"" and named:  # a call, a string with a prefix such as N'...'
        return named in _KEYWORDS
    return not (left in "'\"" and right == "(")


class SqlComment(_Sql):
    """Writes comments as white space, and other ones than there are."""

    name = "sql-comment"

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Gaps between tokens, and comments that hold words only: others are read by MySQL, Oracle or elsewhere."""
        notes = [(t.start, t.end) for t in _read(text) if re.fullmatch(r"/\*[\w\s]*\*/", t.text)]
        word = "".join(rng.choices("abcdefghijklmnopqrstuvwxyz", k=rng.randint(1, 5)))
        spellings = ("/**/", f"/*{word}*/", "/**//**/")
        places = sorted({*_gaps(text), *notes})
        return [Site(*place, [s for s in spellings if s != text[slice(*place)]]) for place in places]


class SqlLiteral(_Sql):
    """Writes numbers with zeros that do not count; in MySQL also strings in other quotes, in pieces, or in hex."""

    name = "sql-literal"
    _plain: ClassVar = re.compile(r"['\"]([^'\"\\]+)['\"]")
    _textual: ClassVar = frozenset("CONCAT EXTRACTVALUE LENGTH LOWER MD5 SELECT STRCMP UPDATEXML UPPER".split())

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Numbers, strings, and hexadecimal literals."""
        found, mysql = [], _MYSQL.search(text) is not None
        word, within = "", [""]  # by parenthesis, the call or the keyword that tells how a literal is read
        for token in _read(text):
            kind, start, end, written = token
            spellings: list[str] = []
            textual = within[-1] in self._textual
            if kind == "number":
                spellings = [f"0{written}", f"00{written}"] + ([f"{written}0"] if "." in written else [])
            elif mysql and kind == "string" and (plain := self._plain.fullmatch(written)):
                spellings = self._strings(plain[1], written[0], textual, rng)
            elif mysql and textual and re.fullmatch("0x(?:[0-9A-Fa-f]{2})+", written):
                value = bytes.fromhex(written[2:]).decode("latin-1")
                spellings = [f"'{value}'"] if value.isprintable() and not {*value} & {*"'\\"} else []
            elif written == "(":
                within.append(word)
            elif written == ")":
                within = within[:-1] or [""]
            elif _is_keyword(token):
                within[-1] = written.upper()
            word = word if kind == "space" else written.upper()
            found.append(Site(start, end, spellings))
        return found

    @staticmethod
    def _strings(value: str, quote: str, textual: bool, rng: random.Random) -> list[str]:
        cut = rng.randint(1, len(value))
        other = "'" if quote == '"' else '"'
        pieces = [f"{quote}{value[:cut]}{quote} {quote}{value[cut:]}{quote}"] if cut < len(value) else []
        digits = [f"0x{value.encode('latin-1').hex()}"] if textual else []
        return [f"{other}{value}{other}", *digits, *pieces]


# Operands that turn as a whole: calls and parentheses (nested a few deep), names, literals; strings are masked here.
_OPERAND = r"(?:[\w.@$]*\((?:[^()]|\((?:[^()]|\((?:[^()]|\([^()]*\))*\))*\))*\)|[\w.@$]+|\"[^\"]*\")"
_COMPARISON = re.compile(
    r"(?i)(?:[(,]|&&|\b(?:AND|HAVING|NOT|ON|OR|SELECT|WHEN|WHERE|XOR)\b)\s*"
    rf"(?P<left>{_OPERAND})(?P<before>\s*)(?P<operator><=|>=|<>|!=|=|<|>)(?P<after>\s*)(?P<right>{_OPERAND})"
    r"(?=\s*(?:[),;#]|--|&&|\Z|\b(?:AND|ELSE|END|FROM|GROUP|LIMIT|OR|ORDER|THEN|UNION|XOR)\b))"
)
_TURNED = {"=": "=", "<>": "<>", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def _turned(text: str) -> Iterator[Site]:
    """Comparisons, the other way round."""
    masked = [" "] * len(text)
    for kind, start, end, written in _read(text):
        masked[start:end] = f'"{"x" * (end - start - 2)}"' if kind == "string" else written
    for match in _COMPARISON.finditer("".join(masked)):
        left, right = (text[slice(*match.span(side))] for side in ("left", "right"))
        operator = f"{match['before']}{_TURNED[match['operator']]}{match['after']}"
        yield Site(match.start("left"), match.end("right"), (right + operator + left,))


class SqlOperator(_Sql):
    """Writes operators by other names (``<>`` and ``!=``, ``=`` and LIKE), and comparisons the other way round.

    In MySQL also ``&&`` for AND, ``||`` for OR, and back, and UNION DISTINCT for UNION.
    """

    name = "sql-operator"
    _others: ClassVar = {"<>": "!=", "!=": "<>"}
    _mysql: ClassVar = {"AND": "&&", "OR": "||", "&&": " AND ", "||": " OR "}

    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Operators, but for the AND of a BETWEEN, and comparisons of operands that are simple."""
        found, mysql, between = list(_turned(text)), _MYSQL.search(text) is not None, False
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
            found.append(Site(token.start, token.end, (spelling,) if spelling else ()))
        return sorted(found, key=lambda site: (site.start, rng.random()))


def _are_texts(left: str, right: str) -> bool:
    """Whether both operands are strings (the left one perhaps the query's), and the right one holds no pattern."""
    return left.rstrip()[-1:] in ("'", '"') and re.fullmatch(r"['\"][^%_\\'\"]*['\"]?", right) is not None


PERTURBATIONS: tuple[Perturbation, ...] = (SqlCase(), SqlWhitespace(), SqlComment(), SqlLiteral(), SqlOperator())
