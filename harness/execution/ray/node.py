"""Runs a cell on a node of a Ray cluster, in a process of its own as in a local run, started by the Ray worker."""

import functools
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.execution.cell import RunTask
from harness.execution.events import Failed, Finished, Note, TrialStarted
from harness.execution.local_executor import LocalExecutor
from harness.execution.ray.cluster import nodes
from harness.execution.ray.file_transfer import RunFiles, SentFile, localize
from harness.records.provenance import here
from harness.records.schema import CPU


@dataclass(frozen=True)
class NodeSetup:
    """The settings that all cells of a run share.

    Attributes:
        memory: limit on the private memory of a cell, in bytes; 0 for a fair share of its node, None for no limit.
        preload: modules that the fork server imports before it forks cells.
        folder: working folder of the run. Ray puts it on the Python path, a local run does not, so it is removed.
        run_files: files that the node may lack.
    """

    memory: int | None
    preload: tuple[str, ...]
    folder: str
    run_files: RunFiles


@dataclass(frozen=True)
class CellStarted:
    """A node started the cell; ``node`` is the id of the node."""

    node: str


@dataclass(frozen=True)
class CellEnded:
    """The cell ended; ``log`` is its output, ``model`` the files of its saved predictor by relative path."""

    event: Finished | Failed
    log: bytes
    model: Mapping[str, bytes]


Message = CellStarted | TrialStarted | Note | CellEnded


def run_cell_on_node(task: RunTask, setup: NodeSetup, files: Mapping[str, SentFile]) -> Iterator[Message]:
    """Runs a cell in a process of its own; yields its node, the start of each trial, and its end.

    The Ray worker process never runs code of a method. It keeps the fork server, so that the heavy libraries are
    imported once per Ray worker; if the Ray worker dies, the fork server exits and the cell is killed
    (`harness.execution.worker.end_with_parent`).
    """
    import ray

    yield CellStarted(ray.get_runtime_context().get_node_id())
    executor = _executor(setup.memory, setup.preload, setup.folder)
    local = localize(task, setup.run_files, ray.get, files)
    folder = ray.get_runtime_context().get_temp_dir()  # Ray's folder for logs and temporary files
    handle, name = tempfile.mkstemp(prefix="harness-", suffix=".log", dir=folder)
    os.close(handle)
    model = Path(f"{name}.model")
    try:
        pairs = [(replace(local, model=str(model) if task.model else ""), Path(name))]
        for event in executor.run(pairs) if task.device == CPU else executor.run([], pairs):
            if isinstance(event, TrialStarted | Note):
                yield replace(event, task=task)
            elif isinstance(event, Finished | Failed):
                yield CellEnded(replace(event, task=task, where=here("")), Path(name).read_bytes(), _content(model))
    finally:
        Path(name).unlink(missing_ok=True)
        shutil.rmtree(model, ignore_errors=True)


def _content(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in files}


@functools.cache
def _executor(memory: int | None, preload: tuple[str, ...], folder: str) -> LocalExecutor:
    sys.path[:] = [entry for entry in sys.path if entry != folder]
    return LocalExecutor(1, _share() if memory == 0 else memory, preload)


def _share() -> int:
    """Returns the memory of this node, as Ray reports it, divided by its CPUs; in bytes."""
    import ray

    own = nodes()[ray.get_runtime_context().get_node_id()]
    return own.memory // own.cpus
