"""The Ray executor: cells as tasks of a cluster, run on each node as they are run locally."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.execution.cell import RunTask, Task, method_of
from harness.execution.events import Event, Failed, Finished, Started
from harness.execution.ray.cluster import Node, join, last_line, listens, nodes
from harness.execution.ray.file_transfer import SentFile, pack_method_files, pack_run_files
from harness.execution.ray.node import CellEnded, CellStarted, Message, NodeSetup, run_cell_on_node
from harness.records.provenance import here
from harness.records.schema import FailureKind

_UPDATE_SECONDS = 1.0  # seconds between looks at which nodes there are
_CRASH_GRACE_SECONDS = 2.0  # seconds after which a node whose worker crashed is asked whether it lives
_MOST_LOSSES = 5  # times that a cell may lose its node before it is held to be the reason


@dataclass(eq=False)
class _RemoteCell:
    """A cell under way; ``stream`` gives the messages that come home."""

    task: RunTask
    log: Path
    began: float
    stream: Any = None
    node: Node | None = None
    losses: int = 0
    crashed_at: float | None = None  # when its worker crashed


class RayExecutor:
    """Runs tasks on a Ray cluster.

    Preparations of shared steps are left out: the cache that they fill is a node's own, so one would warm a single
    node, and most likely not the one that its cells run on. A cell computes its shared steps or waits for a
    neighbour's, and is charged their recorded cost all the same.

    A cell whose node is lost is sent again; one that crashed its own process, or Ray's, is not.

    Args:
        address: of the cluster: ``auto``, or HOST:PORT of its head; empty to start Ray on this machine.
        workers: most cells in flight; 0 for as many as the cluster has room for, as nodes come and go.
        memory: most bytes of private memory of a cell; 0 for a fair share of its node, None for no limit.
        preload: modules that a node loads once before it forks cells.
        say: shows a line to the user.

    Raises:
        UserError: Ray is not installed, there is no cluster at the address, or none of its nodes has the memory.
    """

    def __init__(
        self, address: str, workers: int, memory: int | None, preload: Iterable[str], say: Callable[[str], None]
    ) -> None:
        join(address, workers)
        self._most = workers
        self._memory = memory
        self._preload = tuple(sorted(preload))
        self._say = say
        self._setup: Any = None
        self._files: dict[str, Mapping[str, SentFile]] = {}  # by method
        self._nodes: dict[str, Node] = {}
        self._updated = 0.0
        self._other_machines: set[str] = set()
        self._update_nodes()
        if self._nodes and self._memory and not any(self._slots(node) for node in self._nodes.values()):
            largest = max(node.memory for node in self._nodes.values()) / 2**30
            raise UserError(
                f"--memory {self._memory / 2**30:g}: no node of the Ray cluster has that much; the largest has "
                f"{largest:.1f} GB for cells."
            )

    @property
    def workers(self) -> int:
        """Cells at a time, as the cluster is now."""
        return self._most or max(1, sum(map(self._slots, self._nodes.values())))

    def run(self, tasks: Iterable[tuple[Task, Path]]) -> Generator[Event, None, None]:
        """See `Executor.run`."""
        import ray

        cells = ((task, log) for task, log in tasks if isinstance(task, RunTask))
        remote_cells: list[_RemoteCell] = []
        try:
            while True:
                self._update_nodes()
                while len(remote_cells) < self.workers and (pair := next(cells, None)) is not None:
                    remote_cells.append(_RemoteCell(*pair, began=time.monotonic()))
                    self._launch(remote_cells[-1])
                if not remote_cells:
                    return
                for remote in _ready(remote_cells):
                    for event in self._receive(remote):
                        if isinstance(event, Finished | Failed):
                            remote_cells.remove(remote)
                        yield event
        finally:
            for remote in remote_cells:
                ray.cancel(remote.stream, force=True)

    def _launch(self, remote: _RemoteCell) -> None:
        """Hands a cell to Ray, which looks for a place for it."""
        import ray

        if self._setup is None:
            self._setup = ray.put(
                NodeSetup(self._memory, self._preload, str(Path.cwd()), pack_run_files(remote.task, ray.put))
            )
        heavy = method_of(remote.task).kind == "heavy"
        remote.node = remote.crashed_at = None
        remote.stream = (
            ray.remote(run_cell_on_node)
            .options(
                name=remote.task.label,
                num_cpus=1,
                num_gpus=int(heavy and any(node.gpus for node in self._nodes.values())),
                memory=self._memory or None,
                num_returns="streaming",
                max_retries=0,  # Ray would also run a cell again that crashed
            )
            .remote(remote.task, self._setup, self._files_of(remote.task))
        )

    def _files_of(self, task: Task) -> Mapping[str, SentFile]:
        """The files of a task's method, which are put once."""
        import ray

        if task.cell.method not in self._files:
            self._files[task.cell.method] = pack_method_files(task, ray.put)
        return self._files[task.cell.method]

    def _receive(self, remote: _RemoteCell) -> Iterator[Event]:
        """Takes one message of a cell, or what became of it instead."""
        import ray
        from ray import exceptions

        if remote.crashed_at is not None:
            yield from self._settle(remote)
            return
        try:
            message: Message = ray.get(next(remote.stream))
        except (exceptions.NodeDiedError, exceptions.LocalRayletDiedError, exceptions.ObjectLostError):
            yield from self._lost(remote)
        except exceptions.WorkerCrashedError:
            remote.crashed_at = time.monotonic()
        except exceptions.OutOfMemoryError as error:
            yield _failed(remote, "memory", "Ray ended the cell because its node ran out of memory", str(error))
        except exceptions.RayTaskError as error:
            raise UserError(f"a node of the Ray cluster cannot run cells: {last_line(error)}") from error
        except exceptions.RayError as error:
            yield _failed(remote, "died", f"Ray gave the cell up: {last_line(error)}", str(error))
        else:
            yield from self._handle(remote, message)

    def _handle(self, remote: _RemoteCell, message: Message) -> Iterator[Event]:
        if isinstance(message, CellStarted):
            self._update_nodes(at_once=message.node not in self._nodes)
            remote.node = self._nodes.get(message.node)
            yield Started(remote.task)
        elif isinstance(message, CellEnded):
            if message.log:
                self._write(remote.log, message.log)
            for name, content in message.model.items():
                self._write(Path(remote.task.model) / name, content)
            self._compare(remote, message)
            yield message.event
        else:
            yield message

    def _write(self, path: Path, content: bytes) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            self._say(f"not written: {path} ({error.strerror})")

    def _settle(self, remote: _RemoteCell) -> Iterator[Event]:
        """Decides on a cell whose Ray worker crashed: its node dies too, if slower, or the worker alone did."""
        if remote.node is None or not listens(remote.node.address, remote.node.port):
            yield from self._lost(remote)
        else:
            yield _failed(remote, "died", "the Ray worker that ran the cell was ended, and its node lives", "")

    def _lost(self, remote: _RemoteCell) -> Iterator[Event]:
        remote.losses += 1
        if remote.losses >= _MOST_LOSSES:
            yield _failed(remote, "died", f"the node that ran the cell was lost {_MOST_LOSSES} times", "")
            return
        node = "a node" if remote.node is None else f"the node {remote.node.address}"
        self._say(f"lost {node}; {remote.task.label} runs again")
        self._launch(remote)

    def _update_nodes(self, at_once: bool = False) -> None:
        """Sees which nodes there are, and says so when they are others than before."""
        if not at_once and time.monotonic() - self._updated < _UPDATE_SECONDS:
            return
        self._updated = time.monotonic()
        now = nodes()
        if now != self._nodes:
            self._nodes = now
            counts = ", ".join(f"{node.address} ({node.cpus})" for node in now.values())
            self._say(f"Ray nodes (CPUs): {counts or 'none'}; {sum(node.cpus for node in now.values())} in all")

    def _slots(self, node: Node) -> int:
        """Cells that a node has room for."""
        return min(node.cpus, node.memory // self._memory) if self._memory else node.cpus

    def _compare(self, remote: _RemoteCell, message: CellEnded) -> None:
        """Says once of each node that runs other code than this machine holds."""
        node, where = remote.node, message.event.where
        if node is None or where is None or node.address in self._other_machines:
            return
        if where.source["digest"] != here("").source["digest"]:
            self._other_machines.add(node.address)
            self._say(
                f"note: the node {node.address} holds other code of the harness than this machine; records say so"
            )


def _ready(remote_cells: list[_RemoteCell]) -> list[_RemoteCell]:
    """Waits a moment for messages; returns the cells that have one, and those in doubt that can be settled now."""
    import ray

    now = time.monotonic()
    flying = {remote.stream: remote for remote in remote_cells if remote.crashed_at is None}
    if flying:
        ready, _ = ray.wait(list(flying), timeout=_UPDATE_SECONDS)
    else:
        time.sleep(_UPDATE_SECONDS)
        ready = []
    settled = [
        remote
        for remote in remote_cells
        if remote.crashed_at is not None and now - remote.crashed_at >= _CRASH_GRACE_SECONDS
    ]
    return settled + [flying[stream] for stream in ready]


def _failed(remote: _RemoteCell, kind: FailureKind, reason: str, detail: str) -> Failed:
    return Failed(remote.task, kind, reason, detail, time.monotonic() - remote.began)
