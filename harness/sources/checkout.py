"""Reads the current commit and the history of an untrusted checkout, without its configuration.

The configuration of a repository can name programs that git starts: ``gpg.program``, ``core.fsmonitor``, the
``uploadpack`` of a remote, and more in later versions of git. So the harness reads the references itself, as plain
text, and runs git on a repository of its own, which has no objects but reads those of the checkout. Git then sees none
of the checkout's configuration, hooks, attributes, grafts and replacements.
"""

import contextlib
import os
import re
import resource
import selectors
import shutil
import subprocess
import tempfile
import time
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from harness.sources.archives import MAX_FILES
from harness.storage import bounded

MAX_SECONDS = 300.0  # of one git command
_EXIT_SECONDS = 5.0  # that git may take to exit after its last output
_MAX_OUTPUT = 256 * 2**20  # bytes of one git command
_MAX_MEMORY = 2 * 2**30  # bytes of private memory of git: a few kilobytes of objects can describe 10^10 files
_MAX_TEXT = 64 * 2**10  # bytes of a file that holds a reference or a path
_MAX_PACKED_REFS = 64 * 2**20  # bytes
_MAX_LINKS = 5  # symbolic references, one to the next
_COMMIT = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")  # SHA-1 or SHA-256
_REFERENCE = re.compile(r"refs(?:/(?!\.)[^/\0\n]+)+")  # no part begins with a dot, so none leads out of the folder
_CONFIG = """[core]
repositoryformatversion = 0
bare = true
hooksPath = /dev/null
fsmonitor = false
commitGraph = false
"""
_SHA256_CONFIG = _CONFIG.replace("version = 0", "version = 1") + "[extensions]\nobjectFormat = sha256\n"
_ENVIRONMENT = {
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_SYSTEM": os.devnull,
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_ATTR_NOSYSTEM": "1",
    "GIT_ALLOW_PROTOCOL": "none",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "GIT_OPTIONAL_LOCKS": "0",
}


class Change(NamedTuple):
    """What a commit did to a file: ``A`` added it, ``D`` deleted it, ``R`` moved it from ``path`` to ``new_path``."""

    kind: str
    path: str
    new_path: str = ""


class NotReadable(Exception):
    """Something of a checkout cannot be read; the message says what, as a part of a sentence."""


@dataclass(frozen=True)
class Checkout:
    """The folders of a checkout's repository.

    Attributes:
        root: top of the work tree.
        own: holds ``HEAD``.
        common: holds references and objects; another folder than ``own`` only in a linked work tree.
    """

    root: Path
    own: Path
    common: Path

    @classmethod
    def find(cls, root: Path) -> "Checkout | None":
        """Returns the checkout of which a folder is the top, None if it is not one.

        Raises:
            NotReadable: its ``.git`` file names no folder.
        """
        own = root / ".git"
        if not own.exists():
            return None
        if own.is_file():  # a submodule or a linked work tree
            key, colon, path = _text(own).partition(":")
            own = root / path.strip()
            if not colon or key != "gitdir" or not own.is_dir():
                raise NotReadable("the file .git names no folder")
        common = own / _text(own / "commondir") if (own / "commondir").is_file() else own
        if not (common / "objects").is_dir():
            raise NotReadable("its folder .git has no objects")
        return cls(root, own.resolve(), common.resolve())

    def commit(self) -> str:
        """Returns the id of the current commit in hexadecimal digits.

        Raises:
            NotReadable: ``HEAD`` leads to no commit.
        """
        if (self.common / "reftable").exists():
            raise NotReadable("its references have the format reftable")
        text = _text(self.own / "HEAD")
        for _ in range(_MAX_LINKS):
            if _COMMIT.fullmatch(text):
                return text
            name = text.removeprefix("ref:").strip()
            if name == text or not _REFERENCE.fullmatch(name):
                raise NotReadable("its file HEAD names no commit")
            text = self._reference(name)
        raise NotReadable("its file HEAD names no commit")

    def _reference(self, name: str) -> str:
        """Returns the content of a reference: a commit, or the name of another reference."""
        for folder in (self.own, self.common):
            if (folder / name).is_file():
                return _text(folder / name)
        packed = self.common / "packed-refs"
        lines = _text(packed, _MAX_PACKED_REFS).splitlines() if packed.is_file() else []
        for line in lines:
            commit, _, packed_name = line.partition(" ")
            if packed_name == name:
                return commit
        raise NotReadable("its current branch has no commit")

    def shallow(self) -> str:
        """Returns the commits at which a shallow history was cut off, one a line; empty if it is complete.

        Raises:
            NotReadable: the list is too large.
        """
        path = self.common / "shallow"
        return _text(path, _MAX_PACKED_REFS) if path.is_file() else ""

    def changes(self, commit: str) -> Iterator[tuple[str, list[Change]]]:
        """Yields the day of each commit (YYYY-MM-DD) and the files that it added, deleted or moved, the newest first.

        Raises:
            NotReadable: the history is not complete, git is not installed or fails, or a limit is exceeded.
        """
        if self.shallow():
            raise NotReadable("its history is shallow; git fetch --unshallow completes it")
        arguments = ("--no-show-signature", "--no-textconv", "--no-ext-diff", "--no-notes", "--no-color")
        shape = ("--find-renames", "--diff-filter=ADR", "--name-status", "-z", "--format=%x00%cs")
        with contextlib.closing(self._git(commit, "log", *arguments, *shape, commit, "--")) as parts:
            day, changes = "", list[Change]()
            for part in parts:
                if not part:  # comes before each day; a line break follows it, before the first change
                    if changes:
                        yield day, changes
                    day, changes = next(parts, ""), []
                else:
                    kind = part.removeprefix("\n")[:1]  # a letter, for a move with the similarity in percent
                    path = next(parts, "")
                    changes.append(Change(kind, path, next(parts, "") if kind == "R" else ""))
                    if len(changes) > MAX_FILES:
                        raise NotReadable(f"a commit of its history changes more than {MAX_FILES:,} files")
            if changes:
                yield day, changes

    def _git(self, commit: str, *arguments: str) -> Generator[str, None, None]:
        """Runs git in a repository with this commit, and yields the parts of its output, which end in zero bytes."""
        path = os.pathsep.join(_outside(self.root, os.get_exec_path()))
        program = shutil.which("git", path=path)
        if program is None:
            raise NotReadable("git is not installed")
        with tempfile.TemporaryDirectory(prefix="harness-git-") as folder:
            _write_repository(Path(folder), commit)
            environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
            environment |= {**_ENVIRONMENT, "PATH": path, "GIT_DIR": folder}
            environment["GIT_OBJECT_DIRECTORY"] = str(self.common / "objects")
            process = subprocess.Popen(
                [program, "--no-pager", *arguments],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
            )
            try:
                _limit_memory(process.pid)
                yield from _parts(process)
                code = process.wait(_EXIT_SECONDS)
            except subprocess.TimeoutExpired:
                raise NotReadable("git does not end") from None
            finally:
                process.kill()
                process.wait()
                process.stdout.close()  # type: ignore[union-attr]
            if code:
                raise NotReadable(f"git cannot read its history (exit code {code}); objects may be missing")


def _text(path: Path, most: int = _MAX_TEXT) -> str:
    """Returns the text of a small regular file without the white space around it."""
    try:
        return os.fsdecode(bounded.read(path, most)).strip()
    except OSError as error:
        raise NotReadable(f"its file {path.name} is missing or not a regular file") from error
    except bounded.TooLarge as error:
        raise NotReadable(f"its file {path.name} {error}") from error


def _outside(root: Path, folders: Iterable[str]) -> list[str]:
    """Returns the absolute folders of a search path that are not in the checkout."""
    return [
        folder
        for folder in folders
        if os.path.isabs(folder) and not Path(folder).resolve().is_relative_to(root.resolve())
    ]


def _write_repository(folder: Path, commit: str) -> None:
    """Makes an empty repository whose current commit is one of the checkout."""
    (folder / "refs").mkdir()
    (folder / "HEAD").write_text(f"{commit}\n", encoding="ascii")
    config = _SHA256_CONFIG if len(commit) == 64 else _CONFIG
    (folder / "config").write_text(config, encoding="ascii")


def _limit_memory(pid: int) -> None:
    """Limits the private memory of a process, if the system can limit that of another one (Linux)."""
    if hasattr(resource, "prlimit"):
        with contextlib.suppress(OSError, ValueError):  # it has ended, or has a lower limit
            hard = resource.prlimit(pid, resource.RLIMIT_DATA)[1]
            resource.prlimit(pid, resource.RLIMIT_DATA, (_MAX_MEMORY, hard))


def _parts(process: "subprocess.Popen[bytes]") -> Iterator[str]:
    """Yields the parts of a process's output that end in zero bytes; stops at the limits of time and size."""
    stream = process.stdout
    assert stream is not None
    end, left, rest = time.monotonic() + MAX_SECONDS, _MAX_OUTPUT, b""
    with selectors.DefaultSelector() as selector:
        selector.register(stream, selectors.EVENT_READ)
        while True:
            seconds = end - time.monotonic()
            if seconds <= 0 or not selector.select(seconds):
                raise NotReadable(f"git takes longer than {MAX_SECONDS:g} s")
            piece = os.read(stream.fileno(), 2**16)
            if not piece:
                return
            left -= len(piece)
            *parts, rest = (rest + piece).split(b"\0")
            if left < 0 or len(rest) > _MAX_TEXT:
                raise NotReadable("its history has too many or too long paths")
            yield from (part.decode("utf-8", "replace") for part in parts)
