"""Shell command lines by bashlex: decides which commands they run, and whether two of them run the same commands.

bashlex is a port of GNU bash's own parser. Quotes are removed and fields split here as POSIX specifies
(https://pubs.opengroup.org/onlinepubs/9799919799/utilities/V3_chap02.html, 2.6.5 and 2.6.7).
"""

import functools
import re
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

CONTEXTS = ("first {}", "first {} last", "first '{}'", 'first "{}"', "first \"it is '{}'\"")
COMMANDS = frozenset(
    "cat cd cmd curl echo env expr false git hostname id ls ping nslookup printf python3 rem reload sh sleep touch "
    "true type uname unset wget whoami ver".split()
)
# Not read by bash: another language runs the command, or the shell is that of Windows.
CALL = re.compile(r"\b(?:system|exec|popen|ProcessBuilder|passthru)\b[^(]{0,20}\(|-be \$\{run\{|\{if:=.*`", re.I)
_WINDOWS = re.compile(r"%[a-z]\w*%|\b[a-z]:\\|\bcmd(?:\.exe)?\s+/c\b|[&|]\s*(?:rem|type|ver)\b", re.I)
_LISTS = re.compile(r"\$\([^()]*\)")  # bashlex cannot read && and || in these, nor $(<file)
_OPEN = re.compile(r"\$\{(?![^}\s'\"`;|&<>]*\})")  # an open expansion, on which bashlex loops forever
_IFS = re.compile(r"\$(?:\{IFS\}|IFS(?!\w))")
_COMMENT = re.compile(r"(?:^|[\s;&|()`])#[^\n]*")  # a comment, or one in another context
_UNSET = re.compile(r"\$[1-9@]")  # positional parameters of a command line have no value
_SPECIAL = "*?[]{},~$`!^"  # characters with a special meaning if they are not quoted
_HOLE = "\N{OBJECT REPLACEMENT CHARACTER}"
_SUBSTITUTIONS = ("commandsubstitution", "processsubstitution")

SyntaxTree = tuple[object, ...]


class Line(NamedTuple):
    """A command line: number of commands, of known commands and of substitutions, and its syntax tree."""

    commands: int
    known: int
    substitutions: int
    tree: SyntaxTree


class _Unsupported(Exception):
    """A word holds syntax that is not supported here."""


def runs(line: str, least: int) -> bool:
    """Whether bash would run at least ``least`` commands or a substitution, and at least one known command."""
    parsed = parse(line)
    return parsed is not None and _suffices(parsed, least)


def _suffices(line: Line, least: int) -> bool:
    return line.known >= 1 and (line.commands >= least or bool(line.substitutions))


def same(before: str, after: str) -> bool:
    """Whether both texts run the same, in the first context in which ``before`` runs a known command of its own."""
    injection = _injection(before)
    if injection is None:
        return False
    context, line = injection
    return _COMMENT.findall(before) == _COMMENT.findall(after) and parse(context.format(after)) == line


@functools.lru_cache(maxsize=4096)
def _injection(text: str) -> tuple[str, Line] | None:
    """Returns the first context in which a text runs a command, and the whole line, or None."""
    if CALL.search(text) or _WINDOWS.search(text):
        return None
    for context, least in (("{}", 1), *((context, 2) for context in CONTEXTS)):
        line = parse(context.format(text))
        if line is not None and line.tree and _suffices(line, least):
            return context, line
    return None


def parse(line: str) -> Line | None:
    """Returns a command line as bash parses it, or None if bashlex cannot parse it."""
    import bashlex

    if _OPEN.search(line):
        return None
    line = _LISTS.sub(lambda m: m[0].replace("||", "; or ;").replace("&&", "; and ;"), line.strip(" \t\n"))
    line = line.replace("$(<", "$(cat <")
    try:
        nodes = bashlex.parse(line)
    # These are what bashlex raises on unsupported input, the last on deep nesting.
    except (bashlex.errors.ParsingError, NotImplementedError, AttributeError, TypeError, IndexError, RecursionError):
        return None
    names: list[str] = []
    substitutions = 0
    queue = list(nodes)
    while queue:
        node = queue.pop()
        if node.kind == "command":
            words = [part.word for part in node.parts if part.kind == "word"]
            names.append(_name(words[0]) if words else "")
        substitutions += node.kind in _SUBSTITUTIONS
        queue += [*getattr(node, "parts", []), *getattr(node, "list", [])]
        queue += [node.command] if hasattr(node, "command") else []
    try:
        tree = _children(nodes, line)
    except (_Unsupported, RecursionError):
        tree = ()
    return Line(len(names), sum(map(bool, names)), substitutions, tree)


def _name(word: str) -> str:
    """Returns the known command that a word expands to, or an empty string."""
    word = re.sub(r"\$(?:\{x\}|@)", "", word.removeprefix("{"))  # unset; a brace expansion
    name = re.split(r"[$,\s<>;|&]", word)[0].rsplit("/", 1)[-1].removesuffix(".exe")
    return next((command for command in sorted(COMMANDS) if fnmatchcase(command, name)), "")


def _children(nodes: list[Any], line: str) -> SyntaxTree:
    """Returns the trees of sibling nodes, with the fields that a word is split into instead of the word."""
    out: list[object] = []
    for node in nodes:
        out += _fields(node, line) if node.kind == "word" else [_tree(node, line)]
    return tuple(out)


def _tree(node: Any, line: str) -> SyntaxTree:
    if node.kind == "assignment":  # the shell does not split its value
        return ("assignment", line[slice(*node.pos)])
    out: list[object] = [node.kind]
    for name, value in sorted(vars(node).items()):
        if name in ("kind", "pos", "s"):
            continue
        if isinstance(value, list):
            out.append((name, _children(value, line)))
        else:
            out.append((name, _children([value], line) if hasattr(value, "kind") else value))
    return tuple(out)


def _fields(node: Any, line: str) -> list[SyntaxTree]:
    """Returns the fields of a word: text without quotes, with quoted special characters marked, and substitutions."""
    holes = {part.pos[0]: part for part in node.parts if part.kind in _SUBSTITUTIONS}
    fields: list[SyntaxTree] = []
    current: list[str] | None = None
    inner: list[object] = []
    at, end = node.pos
    quote = ""

    def add(text: str, quoted: bool) -> None:
        nonlocal current
        current = current or []
        current += [f"\0{c}" if quoted and c in _SPECIAL + _HOLE else c for c in text]

    def close() -> None:
        nonlocal current, inner
        if current is not None:
            fields.append(("field", "".join(current), tuple(inner)))
        current, inner = None, []

    while at < end:
        character, two = line[at], line[at : at + 2]
        if at in holes and quote != "'":
            add(_HOLE, bool(quote))
            inner.append(_tree(holes[at], line))
            at = holes[at].pos[1]
        elif quote and character == quote:
            quote, at = "", at + 1
        elif quote == "'":
            add(character, True)
            at += 1
        elif character == "\\" and (not quote or two[1:] in tuple('$`"\\\n')):
            add(two[1:].replace("\n", ""), True)
            at += 2
        elif not quote and character in "'\"":
            quote, at = character, at + 1
            add("", True)
        elif not quote and two in ("$'", '$"'):
            raise _Unsupported
        elif not quote and (ifs := _IFS.match(line, at, end)):
            close()
            at = ifs.end()
        elif not quote and _UNSET.match(line, at, end):
            at += 2
        else:
            add(character, bool(quote) and character != "$")
            at += 1
    close()
    return fields
