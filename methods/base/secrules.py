"""Reads a folder of rules in ModSecurity's language (SecRules), and leaves out or refuses what is not only matching.

The rules are those of the user's own checkout, such as the OWASP Core Rule Set. Rules can start programs, read other
files, write logs and query the network. So every directive is parsed here, and the engine is given what this module
wrote, not the files themselves. The language is described in the reference manual of ModSecurity 3.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness import UserError, hashing, regular_file

SETUP = "crs-setup.conf"
# Where a checkout of the Core Rule Set has rules, in the order in which its documentation includes them.
_CHECKOUT = (SETUP, "plugins/*-config.conf", "plugins/*-before.conf", "rules/*.conf", "plugins/*-after.conf")
_MAX_FILE_BYTES = 8 * 2**20
_MAX_FILES = 1000

_KEPT = frozenset(
    "secrule secaction secmarker secdefaultaction secruleremovebyid secruleremovebymsg secruleremovebytag "
    "secruleupdatetargetbyid secruleupdatetargetbymsg secruleupdatetargetbytag secruleupdateactionbyid "
    "seccomponentsignature seccollectiontimeout secargumentseparator secargumentslimit seccookieformat "
    "secrequestbodylimit secrequestbodynofileslimit secrequestbodylimitaction secrequestbodyjsondepthlimit "
    "secpcrematchlimit secpcrematchlimitrecursion secwebappid secsensorid".split()
)
_HAVE_ACTIONS = frozenset("secaction secdefaultaction secruleupdateactionbyid".split())
# These say what happens around the rules: whether they are on, logs, temporary files, responses.
_LEFT_OUT = (
    "secruleengine",
    "secrequestbodyaccess",
    "secrequestbodyinmemorylimit",
    "secconnengine",
    "secstatusengine",
    "secserversignature",
    "secresponse",
    "secaudit",
    "secdebug",
    "sectmp",
    "secdatadir",
    "secupload",
)
_MATCHING = frozenset(
    "beginswith contains containsword detectsqli detectxss endswith eq ge gt ipmatch le lt nomatch pm rx rxglobal "
    "streq strmatch unconditionalmatch validatebyterange validateurlencoding validateutf8encoding "
    "verifycc verifycpf verifyssn verifysvnr within".split()
)
_WITH_FILE = frozenset("pmf pmfromfile ipmatchf ipmatchfromfile".split())
_WITH_NETWORK = frozenset("rbl geolookup gsblookup".split())  # also: with a database that is not there

_COMMENTED_RULE = re.compile(r"#\s*Sec(?:Rule|Action)\b", re.I)
_ARGUMENT = re.compile(r"\s*(\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\S+)", re.S)
_OPERATOR = re.compile(r"\s*!?\s*@\s*(\w+)\s*(.*?)\s*", re.S)
# Looks into quoted values too: a quote that the engine reads differently must not hide an action.
_REFUSED_ACTION = re.compile(r"(?:^|[,\s\"'])(exec|setenv)\s*:", re.I)


@dataclass(frozen=True)
class RuleFile:
    """The rules of one file.

    Attributes:
        path: the file.
        text: what the engine is given: every directive on the line on which it begins in the file.
    """

    path: Path
    text: bytes

    def line_of(self, line: int) -> int:
        """Returns the line on which the directive that covers a line begins; lines are counted from 1."""
        lines = self.text.split(b"\n")
        return next((at for at in range(min(line, len(lines)), 0, -1) if lines[at - 1]), line)


@dataclass(frozen=True)
class RuleFolder:
    """The rules of a folder.

    Attributes:
        files: in the order in which they are loaded.
        digest: SHA-256 (hex) of the names and bytes of these files and of the lists that rules read.
    """

    files: Sequence[RuleFile]
    digest: str


def read(folder: Path) -> RuleFolder:
    """Reads the rules of a checkout of the Core Rule Set, or of a plain folder of ``*.conf`` files.

    Raises:
        UserError: there are no rules, a file cannot be read, or a directive is malformed or refused; the message names
            file and line.
    """
    folder = folder.resolve()
    if set(str(folder)) & set('"\\%\n'):
        raise UserError(f'{folder}: the path of a folder of rules must not contain ", \\ or %.')
    paths = _rule_files(folder)
    contents = {path: _content(path) for path in paths}
    files = []
    for path in paths:
        reader = _Reader(folder, path)
        files.append(RuleFile(path, reader.sanitized(contents[path])))
        contents |= {listed: _content(listed) for listed in reader.lists}
    names = [[str(path.relative_to(folder)), hashlib.sha256(data).hexdigest()] for path, data in contents.items()]
    return RuleFolder(files, hashing.of_json(names))


def _rule_files(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UserError(f"{folder} is not a folder.")
    is_checkout = (folder / "rules").is_dir()
    paths = [path for pattern in (_CHECKOUT if is_checkout else ("*.conf",)) for path in sorted(folder.glob(pattern))]
    if is_checkout and folder / SETUP not in paths and (example := folder / f"{SETUP}.example").is_file():
        paths.insert(0, example)
    if not paths:
        raise UserError(f"{folder} has no rules: neither *.conf nor rules/*.conf.")
    if len(paths) > _MAX_FILES:
        raise UserError(f"{folder} has {len(paths)} files of rules; at most {_MAX_FILES} are read.")
    return paths


def _content(path: Path) -> bytes:
    try:
        with regular_file.open_file(path) as stream:
            data = stream.read(_MAX_FILE_BYTES + 1)
    except OSError as error:
        raise UserError(f"{path} cannot be read ({error.strerror or error}).") from error
    if len(data) > _MAX_FILE_BYTES:
        raise UserError(f"{path} is larger than {_MAX_FILE_BYTES // 2**20} MiB.")
    return data


class _Reader:
    """Reads one file of rules; ``lists`` collects the files that its rules read."""

    def __init__(self, folder: Path, path: Path) -> None:
        self._folder, self._path = folder, path
        self.lists: list[Path] = []

    def sanitized(self, data: bytes) -> bytes:
        """Returns the directives that are kept, each on the line on which it begins.

        Raises:
            UserError: a directive is malformed or refused.
        """
        lines = [""] * (data.count(b"\n") + 1)
        # Rules may match bytes that are not UTF-8; these pass unchanged.
        for number, text in _directives(data.decode("utf-8", "surrogateescape").split("\n")):
            lines[number] = self._kept(text, number + 1)
        return "\n".join(lines).encode("utf-8", "surrogateescape")

    def _kept(self, text: str, line: int) -> str:
        """Returns a directive as the engine may have it; empty if it is left out."""
        name, *_ = text.split(maxsplit=1)
        lower = name.lower()
        if lower.startswith(_LEFT_OUT):
            return ""
        if lower not in _KEPT:
            raise self._error(line, f"the directive {name[:40]} is not one of those that only match requests")
        if lower == "secrule":
            return self._kept_rule(text, line)
        if lower in _HAVE_ACTIONS:
            self._check_actions(text, line)
        return text

    def _check_actions(self, actions: str, line: int) -> None:
        if refused := _REFUSED_ACTION.search(actions):
            raise self._error(line, f"the action {refused[1]} acts outside of the rules; remove it or the rule")

    def _kept_rule(self, text: str, line: int) -> str:
        """Returns a SecRule with the absolute path of the file that it reads, and without operators on the network."""
        spans = [match.span(1) for match in _ARGUMENT.finditer(text, len("SecRule"))]
        if len(spans) not in (2, 3) or any(text[start] != '"' or text[end - 1] != '"' for start, end in spans[1:]):
            raise self._error(line, 'a rule must have the form SecRule VARIABLES "OPERATOR" "ACTIONS"')
        start, end = spans[1]
        self._check_actions(text[end:], line)
        operator = _OPERATOR.fullmatch(text, start + 1, end - 1)
        if operator is None or (name := operator[1].lower()) in _MATCHING:
            return text
        if name in _WITH_NETWORK:
            return f'{text[:start]}"@noMatch"{text[end:]}'
        if name not in _WITH_FILE:
            raise self._error(line, f"the operator @{operator[1][:40]} reads or runs something outside of the rules")
        path = (self._path.parent / operator[2]).resolve()
        if not path.is_relative_to(self._folder):
            raise self._error(line, f"@{operator[1]} may only read files in {self._folder}, not {operator[2][:80]}")
        if not path.is_file():
            raise self._error(line, f"there is no file {operator[2][:80]}")
        self.lists.append(path)
        return f"{text[: operator.start(2)]}{path}{text[operator.end(2) :]}"

    def _error(self, line: int, problem: str) -> UserError:
        return UserError(f"{self._path}, line {line}: {problem}.")


def _directives(lines: Sequence[str]) -> Iterator[tuple[int, str]]:
    """Yields each directive as one line, with the index of its first line."""
    at = 0
    while at < len(lines):
        first, line = at, lines[at].strip()
        at += 1
        is_comment = line.startswith("#")
        if not line or (is_comment and not _COMMENTED_RULE.match(line)):
            continue
        parts = [line]
        # As in ModSecurity's scanner, a rule that is commented out includes the lines that continue it.
        while parts[-1].endswith("\\") and at < len(lines):
            parts[-1] = parts[-1][:-1]
            parts.append(lines[at].rstrip())
            at += 1
        if not is_comment:
            yield first, "".join(parts)
