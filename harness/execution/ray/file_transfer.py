"""Files that a cell needs on machines which may lack them: sent once, in pieces, and kept there by content."""

import functools
import hashlib
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from harness import hashing, registry
from harness.errors import UserError
from harness.execution.cell import Task, method_of
from harness.method import AdaptedMethod
from harness.storage.atomic_write import atomic_write
from harness.storage.cache_dir import cache_root

T = TypeVar("T", bound=Task)
PIECE = 64 * 2**20  # bytes; what sender and receiver hold of a file at a time


@dataclass(frozen=True)
class SentFile:
    """A file on its way.

    Attributes:
        path: where it lies on the sender's machine.
        digest: SHA-256 (hex) of its bytes.
        pieces: what was got for each piece of it when it was put where receivers can get it.
        executable: whether it is a program.
    """

    path: str
    digest: str
    pieces: tuple[Any, ...]
    executable: bool


@dataclass(frozen=True)
class RunFiles:
    """What the tasks of a run need beside the harness: their plug-ins, and the files that the benchmark reads."""

    plugins: tuple[SentFile, ...]
    source: SentFile | None
    target: SentFile | None = None
    text: SentFile | None = None


def pack_run_files(task: Task, put: Callable[[bytes], Any]) -> RunFiles:
    """Returns the files that a task needs, which are those of every task of its run.

    Args:
        task: whose plug-ins are loaded here.
        put: takes one piece to where receivers can get it.

    Raises:
        UserError: a file cannot be read.
    """
    refs = (task.benchmark, task.benchmark.target, task.benchmark.text)
    sources = [None if ref is None else registry.open_benchmark(ref).source() for ref in refs]
    packed = [None if source is None else pack_file(source, put) for source in sources]
    return RunFiles(tuple(pack_file(Path(path), put) for path in task.plugins), *packed)


def pack_method_files(task: Task, put: Callable[[bytes], Any]) -> Mapping[str, SentFile]:
    """Returns the files that a task's method of a family names, by the words that stand for them; see `load`."""
    method = method_of(task).factory()
    return (
        {word: pack_file(path, put) for word, path in method.files().items()}
        if isinstance(method, AdaptedMethod)
        else {}
    )


def pack_file(path: Path, put: Callable[[bytes], Any]) -> SentFile:
    """Reads a file once and puts its pieces; see `load`."""
    digest, pieces = hashlib.sha256(), []
    try:
        with path.open("rb") as stream:
            while piece := stream.read(PIECE):
                digest.update(piece)
                pieces.append(put(piece))
    except OSError as error:
        raise UserError(f"{path} cannot be sent to other machines ({error.strerror}).") from error
    return SentFile(str(path.absolute()), digest.hexdigest(), tuple(pieces), os.access(path, os.X_OK))


def localize(task: T, run_files: RunFiles, get: Callable[[Any], bytes], files: Mapping[str, SentFile] = {}) -> T:
    """Returns the task with the paths that its files have on this machine.

    Args:
        task: as its sender knows it.
        run_files: of its run.
        get: returns what was put.
        files: of its method, as `pack_method_files` returned them.
    """
    plugins = tuple(str(unpack_file(sent, get)) for sent in run_files.plugins)
    target, text = (
        ref if ref is None or sent is None else replace(ref, argument=str(unpack_file(sent, get)))
        for ref, sent in ((task.benchmark.target, run_files.target), (task.benchmark.text, run_files.text))
    )
    benchmark = replace(task.benchmark, target=target, text=text)
    if run_files.source is not None:
        benchmark = replace(benchmark, argument=str(unpack_file(run_files.source, get)))
    adapter = task.adapter
    if adapter is not None:
        adapter = replace(adapter, local_paths={word: unpack_file(sent, get) for word, sent in files.items()})
    return replace(task, plugins=plugins, benchmark=benchmark, adapter=adapter)


def unpack_file(sent: SentFile, get: Callable[[Any], bytes]) -> Path:
    """Returns where the file lies here: at its sender's path where that holds the same bytes, else in the cache.

    Its name stays, for it names the corpus, or the plug-in's module. Several processes may ask at a time; one writes.
    """
    import filelock

    there = Path(sent.path)
    if _holds(there, sent.digest):
        return there
    place = cache_root() / "shipped" / sent.digest[:32] / there.name
    place.parent.mkdir(parents=True, exist_ok=True)
    with filelock.FileLock(f"{place.parent}.lock"):
        if not _holds(place, sent.digest):
            _write(place, sent, get)
    return place


def _write(place: Path, sent: SentFile, get: Callable[[Any], bytes]) -> None:
    with atomic_write(place) as file:
        with file.open("wb") as stream:
            for piece in sent.pieces:
                stream.write(get(piece))
        if sent.executable:
            file.chmod(0o700)


def _holds(path: Path, digest: str) -> bool:
    try:
        status = path.stat()
        return _digest(path, status.st_size, status.st_mtime_ns) == digest
    except OSError:
        return False


@functools.lru_cache(maxsize=64)
def _digest(path: Path, size: int, modified: int) -> str:
    """The hash of a file's bytes, read again only when its size or time is another (``size``, ``modified``)."""
    return hashing.of_file(path)
