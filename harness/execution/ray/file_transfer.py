"""Sends the files of a run to other machines: each once, in pieces, and cached there by its content."""

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
from harness.storage import cache_entry
from harness.storage.atomic_write import atomic_write
from harness.storage.cache_dir import cache_root

T = TypeVar("T", bound=Task)
PIECE = 64 * 2**20  # bytes of a file that sender and receiver hold in memory at a time


@dataclass(frozen=True)
class SentFile:
    """A file that is sent to other machines.

    Attributes:
        path: its absolute path on the sender's machine.
        digest: SHA-256 (hex) of its bytes.
        pieces: references to its pieces in the object store, in order.
        executable: whether it is an executable program.
    """

    path: str
    digest: str
    pieces: tuple[Any, ...]
    executable: bool


@dataclass(frozen=True)
class RunFiles:
    """The files that every task of a run needs: plug-ins, and the data files of the benchmark."""

    plugins: tuple[SentFile, ...]
    source: SentFile | None
    target: SentFile | None = None
    text: SentFile | None = None


def pack_run_files(task: Task, put: Callable[[bytes], Any]) -> RunFiles:
    """Puts the plug-ins and data files of a task into the object store; they are the same for every task of its run.

    Args:
        task: a task of the run; its plug-ins must be loaded.
        put: stores one piece and returns a reference to it.

    Raises:
        UserError: a file cannot be read.
    """
    refs = (task.benchmark, task.benchmark.target, task.benchmark.text)
    sources = [None if ref is None else registry.open_benchmark(ref).source() for ref in refs]
    packed = [None if source is None else pack_file(source, put) for source in sources]
    return RunFiles(tuple(pack_file(Path(path), put) for path in task.plugins), *packed)


def pack_method_files(task: Task, put: Callable[[bytes], Any]) -> Mapping[str, SentFile]:
    """Puts the files of a method of a family into the object store, by the words that stand for them."""
    method = method_of(task).factory()
    return (
        {word: pack_file(path, put) for word, path in method.files().items()}
        if isinstance(method, AdaptedMethod)
        else {}
    )


def pack_file(path: Path, put: Callable[[bytes], Any]) -> SentFile:
    """Reads a file once and puts its pieces into the object store; see `pack_run_files` for the errors."""
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
    """Returns the task with the paths of its files on this machine, after writing the files that are missing here.

    Args:
        task: the task as the sender wrote it.
        run_files: files of the run.
        get: returns the piece of a reference.
        files: files of the method, from `pack_method_files`.
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
    """Returns the path of a sent file on this machine: the sender's path if it has the same content, else in the cache.

    The file name is kept, since it names the corpus or the module of a plug-in. If several processes need the file at
    the same time, a lock lets one of them write it.
    """
    original = Path(sent.path)
    if _has_content(original, sent.digest):
        return original
    copy = cache_root() / "shipped" / sent.digest[:32] / original.name
    try:
        copy.parent.mkdir(parents=True, exist_ok=True)
        with cache_entry.lock(copy.parent):
            if not _has_content(copy, sent.digest):
                _write(copy, sent, get)
    except OSError as error:
        raise cache_entry.unwritable(cache_root(), error) from error
    return copy


def _write(path: Path, sent: SentFile, get: Callable[[Any], bytes]) -> None:
    with atomic_write(path) as file:
        with file.open("wb") as stream:
            for piece in sent.pieces:
                stream.write(get(piece))
        if sent.executable:
            file.chmod(0o700)


def _has_content(path: Path, digest: str) -> bool:
    try:
        return _digest(path, cache_entry.file_state(path.stat())) == digest
    except OSError:
        return False


@functools.lru_cache(maxsize=64)
def _digest(path: Path, state: cache_entry.FileState) -> str:
    """Returns the SHA-256 of a file; a changed state makes it read the file again."""
    return hashing.of_file(path)
