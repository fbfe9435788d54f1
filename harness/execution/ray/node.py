"""A cell on a node of a Ray cluster: the very process that a local run gives it, started from Ray's worker there."""

import functools
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from harness.execution.cell import RunTask
from harness.execution.events import Failed, Finished, TrialStarted
from harness.execution.local_executor import LocalExecutor
from harness.execution.ray.cluster import nodes
from harness.execution.ray.file_transfer import RunFiles, SentFile, localize
from harness.records.provenance import here


@dataclass(frozen=True)
class NodeSetup:
    """What is the same for every cell of a run.

    Attributes:
        memory: most bytes of private memory of a cell; 0 for a fair share of its node, None for no limit.
        preload: modules that cells are forked with.
        folder: where the run was started, which Ray puts on the Python path and a local run does not.
        run_files: files that the node may lack.
    """

    memory: int | None
    preload: tuple[str, ...]
    folder: str
    run_files: RunFiles


@dataclass(frozen=True)
class CellStarted:
    """A node took the cell; ``node`` is its id."""

    node: str


@dataclass(frozen=True)
class CellEnded:
    """The cell ended; ``log`` is what it printed, ``model`` the files of its predictor by their path in its folder."""

    event: Finished | Failed
    log: bytes
    model: Mapping[str, bytes]


Message = CellStarted | TrialStarted | CellEnded


def run_cell_on_node(task: RunTask, setup: NodeSetup, files: Mapping[str, SentFile]) -> Iterator[Message]:
    """Runs a cell in a process of its own and sends home where it is, which trials begin, and how it ended.

    The worker process of Ray never runs a method's code. It keeps the server that cells are forked from, so that the
    heavy libraries are loaded once per worker; should it die, the server ends, and the cell with it.
    """
    import ray

    yield CellStarted(ray.get_runtime_context().get_node_id())
    executor = _executor(setup.memory, setup.preload, setup.folder)
    local = localize(task, setup.run_files, ray.get, files)
    folder = ray.get_runtime_context().get_temp_dir()  # of Ray, which keeps its own logs there
    handle, name = tempfile.mkstemp(prefix="harness-", suffix=".log", dir=folder)
    os.close(handle)
    model = Path(f"{name}.model")
    try:
        for event in executor.run([(replace(local, model=str(model) if task.model else ""), Path(name))]):
            if isinstance(event, TrialStarted):
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
    sys.path[:] = [place for place in sys.path if place != folder]
    return LocalExecutor(1, _share() if memory == 0 else memory, preload)


def _share() -> int:
    """What Ray holds to be this node's memory, shared by its CPUs; in bytes."""
    import ray

    own = nodes()[ray.get_runtime_context().get_node_id()]
    return own.memory // own.cpus
