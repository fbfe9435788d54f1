"""Shell command lines by bashlex: what they run, and whether two of them run the same.

bashlex is a port of GNU bash's own parser. Quotes are removed and fields split here as POSIX demands
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
# Where another language runs the command, or its shell is that of Windows: no bash reads it.
CALL = re.compile(r"\b(?:system|exec|popen|ProcessBuilder|passthru)\b[^(]{0,20}\(|-be \$\{run\{|\{if:=.*`", re.I)
_WINDOWS = re.compile(r"%[a-z]\w*%|\b[a-z]:\\|\bcmd(?:\.exe)?\s+/c\b|[&|]\s*(?:rem|type|ver)\b", re.I)
_LISTS = re.compile(r"\$\([^()]*\)")  # bashlex reads neither && nor || in these, nor $(<file)
_OPEN = re.compile(r"\$\{(?![^}\s'\"`;|&<>]*\})")  # on which bashlex never ends
_IFS = re.compile(r"\$(?:\{IFS\}|IFS(?!\w))")
_COMMENT = re.compile(r"(?:^|[\s;&|()`])#[^\n]*")  # or what is one elsewhere
_UNSET = re.compile(r"\$[1-9@]")  # positional parameters of a command line have no value
_SPECIAL = "*?[]{},~$`!^"  # characters that mean more where they are not quoted
_HOLE = "\N{OBJECT REPLACEMENT CHARACTER}"
_SUBSTITUTIONS = ("commandsubstitution", "processsubstitution")

SyntaxTree = tuple[object, ...]


class Line(NamedTuple):
    """A command line: how many commands it has, how many of them are known, substitutions, and its syntax tree."""

    commands: int
    known: int
    substitutions: int
    tree: SyntaxTree


class _Unread(Exception):
    """A word holds what is not understood here."""


def runs(line: str, least: int) -> bool:
    """Whether bash would run at least ``least`` commands, or substitute one, and knows one of them."""
    read = parse(line)
    return read is not None and _suffices(read, least)


def _suffices(line: Line, least: int) -> bool:
    return line.known >= 1 and (line.commands >= least or bool(line.substitutions))


def same(before: str, after: str) -> bool:
    """Whether both run the same in the first context in which the one before runs a known command of its own."""
    place = _place(before)
    if place is None:
        return False
    context, line = place
    return _COMMENT.findall(before) == _COMMENT.findall(after) and parse(context.format(after)) == line


@functools.lru_cache(maxsize=4096)
def _place(text: str) -> tuple[str, Line] | None:
    if CALL.search(text) or _WINDOWS.search(text):
        return None
    for context, least in (("{}", 1), *((context, 2) for context in CONTEXTS)):
        line = parse(context.format(text))
        if line is not None and line.tree and _suffices(line, least):
            return context, line
    return None


def parse(line: str) -> Line | None:
    """Returns what bash reads in a command line, or None where bashlex cannot read it."""
    import bashlex

    if _OPEN.search(line):
        return None
    line = _LISTS.sub(lambda m: m[0].replace("||", "; or ;").replace("&&", "; and ;"), line.strip(" \t\n"))
    line = line.replace("$(<", "$(cat <")
    try:
        nodes = bashlex.parse(line)
    # What bashlex raises on input that it does not know.
    except (bashlex.errors.ParsingError, NotImplementedError, AttributeError, TypeError, IndexError):
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
    except _Unread:
        tree = ()
    return Line(len(names), sum(map(bool, names)), substitutions, tree)


def _name(word: str) -> str:
    """The known command that a word's expansion begins with, or nothing."""
    word = re.sub(r"\$(?:\{x\}|@)", "", word.removeprefix("{"))  # unset; a brace expansion
    name = re.split(r"[$,\s<>;|&]", word)[0].rsplit("/", 1)[-1].removesuffix(".exe")
    return next((command for command in sorted(COMMANDS) if fnmatchcase(command, name)), "")


def _children(nodes: list[Any], line: str) -> SyntaxTree:
    """The trees of sibling nodes; a word counts as the fields that it is split into."""
    out: list[object] = []
    for node in nodes:
        out += _fields(node, line) if node.kind == "word" else [_tree(node, line)]
    return tuple(out)


def _tree(node: Any, line: str) -> SyntaxTree:
    if node.kind == "assignment":  # its value is not split
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
    """The fields of a word: text without its quotes, quoted special characters marked, and its substitutions."""
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
            raise _Unread
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
