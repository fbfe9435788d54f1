"""The Ray executor: runs cells as tasks of a cluster, on each node in the same way as locally."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.execution.cell import RunTask, Task
from harness.execution.events import Event, Failed, Finished, Started
from harness.execution.ray.cluster import Node, join, last_line, listens, nodes
from harness.execution.ray.file_transfer import SentFile, pack_method_files, pack_run_files
from harness.execution.ray.node import CellEnded, CellStarted, Message, NodeSetup, run_cell_on_node
from harness.records.provenance import here
from harness.records.schema import CPU, FailureKind

_UPDATE_SECONDS = 1.0  # seconds between updates of the list of nodes
_CRASH_GRACE_SECONDS = 2.0  # seconds from the crash of a worker to the check whether its node is alive
_MOST_LOSSES = 5  # a cell fails when it has lost its node this many times: it may be the reason


@dataclass(eq=False)
class _RemoteCell:
    """A running cell; ``stream`` yields its messages."""

    task: RunTask
    log: Path
    start: float
    stream: Any = None
    node: Node | None = None
    losses: int = 0
    crashed_at: float | None = None  # monotonic time at which its worker crashed


class RayExecutor:
    """Runs tasks on a Ray cluster.

    Preparations of shared steps are not run: each node has a cache of its own, so a preparation would fill the cache of
    a single node, most likely not the one that runs the cells. A cell computes its shared steps itself, or waits for
    another cell of its node, and is charged the recorded cost in both cases.

    A cell is sent again if its node is lost, but not if its own process or Ray's worker process crashes.

    Args:
        address: address of the cluster: ``auto``, or HOST:PORT of its head; empty to start Ray on this machine.
        workers: most cells at the same time; 0 for as many as the cluster has room for, as nodes join and leave.
        memory: limit on the private memory of a cell, in bytes; 0 for a fair share of its node, None for no limit.
        preload: modules that a node imports once before it forks cells.
        show: prints a line for the user.

    Raises:
        UserError: Ray is not installed, there is no cluster at the address, or none of its nodes has the memory.
    """

    def __init__(
        self, address: str, workers: int, memory: int | None, preload: Iterable[str], show: Callable[[str], None]
    ) -> None:
        join(address, workers)
        self._max_cells = workers
        self._memory = memory
        self._preload = tuple(sorted(preload))
        self._show = show
        self._setup: Any = None
        self._files: dict[str, Mapping[str, SentFile]] = {}  # by method
        self._nodes: dict[str, Node] = {}
        self._updated = 0.0
        self._nodes_with_other_code: set[str] = set()
        self._update_nodes()
        if self._nodes and self._memory and not any(self._slots(node) for node in self._nodes.values()):
            largest = max(node.memory for node in self._nodes.values()) / 2**30
            raise UserError(
                f"--memory {self._memory / 2**30:g}: no node of the Ray cluster has this much memory; the largest has "
                f"{largest:.1f} GB for cells."
            )

    @property
    def workers(self) -> int:
        """Number of cells that run at the same time on the nodes that the cluster has now."""
        return self._max_cells or max(1, sum(map(self._slots, self._nodes.values())))

    def run(
        self, tasks: Iterable[tuple[Task, Path]], device_tasks: Iterable[tuple[Task, Path]] = ()
    ) -> Generator[Event, None, None]:
        """See `Executor.run`."""
        import ray

        cells, device_cells = (
            ((task, log) for task, log in pairs if isinstance(task, RunTask)) for pairs in (tasks, device_tasks)
        )
        remote_cells: list[_RemoteCell] = []
        try:
            while True:
                self._update_nodes()
                while len(remote_cells) < self.workers:
                    pair = next(device_cells, None) if self._has_free_gpu(remote_cells) else None
                    if pair is None and (pair := next(cells, None)) is None:
                        break
                    remote_cells.append(_RemoteCell(*pair, start=time.monotonic()))
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

    def _has_free_gpu(self, remote_cells: list[_RemoteCell]) -> bool:
        """Whether fewer cells need a GPU than there are; one may always wait, so that a cluster grows if it can."""
        in_use = sum(remote.task.device != CPU for remote in remote_cells)
        return in_use < max(1, sum(node.gpus for node in self._nodes.values()))

    def _launch(self, remote: _RemoteCell) -> None:
        """Submits a cell to Ray, which chooses a node for it."""
        import ray

        if self._setup is None:
            self._setup = ray.put(
                NodeSetup(self._memory, self._preload, str(Path.cwd()), pack_run_files(remote.task, ray.put))
            )
        remote.node = remote.crashed_at = None
        remote.stream = (
            ray.remote(run_cell_on_node)
            .options(
                name=remote.task.label,
                num_cpus=1,
                num_gpus=int(remote.task.device != CPU),
                memory=self._memory or None,
                num_returns="streaming",
                max_retries=0,  # Ray would also retry cells that crashed; lost nodes are handled in `_handle_lost_node`
            )
            .remote(remote.task, self._setup, self._files_of(remote.task))
        )

    def _files_of(self, task: Task) -> Mapping[str, SentFile]:
        """Returns the files of a task's method, which are put into the object store once."""
        import ray

        if task.cell.method not in self._files:
            self._files[task.cell.method] = pack_method_files(task, ray.put)
        return self._files[task.cell.method]

    def _receive(self, remote: _RemoteCell) -> Iterator[Event]:
        """Reads one message of a cell, or the error with which it ended."""
        import ray
        from ray import exceptions

        if remote.crashed_at is not None:
            yield from self._examine_crash(remote)
            return
        try:
            message: Message = ray.get(next(remote.stream))
        except (exceptions.NodeDiedError, exceptions.LocalRayletDiedError, exceptions.ObjectLostError):
            yield from self._handle_lost_node(remote)
        except exceptions.WorkerCrashedError:
            remote.crashed_at = time.monotonic()
        except exceptions.OutOfMemoryError as error:
            yield _failed(remote, "memory", "Ray killed the cell because its node ran out of memory", str(error))
        except exceptions.RayTaskError as error:
            raise UserError(f"a node of the Ray cluster cannot run cells: {last_line(error)}") from error
        except exceptions.RayError as error:
            yield _failed(remote, "died", f"Ray could not run the cell: {last_line(error)}", str(error))
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
            self._check_code(remote, message)
            yield message.event
        else:
            yield message

    def _write(self, path: Path, content: bytes) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            self._show(f"not written: {path} ({error.strerror})")

    def _examine_crash(self, remote: _RemoteCell) -> Iterator[Event]:
        """Decides whether only the Ray worker crashed or its node is lost, which Ray may notice later."""
        if remote.node is None or not listens(remote.node.address, remote.node.port):
            yield from self._handle_lost_node(remote)
        else:
            yield _failed(remote, "died", "the Ray worker that ran the cell was killed; its node is alive", "")

    def _handle_lost_node(self, remote: _RemoteCell) -> Iterator[Event]:
        remote.losses += 1
        if remote.losses >= _MOST_LOSSES:
            yield _failed(remote, "died", f"the node that ran the cell was lost {_MOST_LOSSES} times", "")
            return
        node = "a node" if remote.node is None else f"the node {remote.node.address}"
        self._show(f"lost {node}; {remote.task.label} runs again")
        self._launch(remote)

    def _update_nodes(self, at_once: bool = False) -> None:
        """Updates the list of nodes, and shows it to the user if it has changed."""
        if not at_once and time.monotonic() - self._updated < _UPDATE_SECONDS:
            return
        self._updated = time.monotonic()
        now = nodes()
        if now != self._nodes:
            self._nodes = now
            counts = ", ".join(f"{node.address} ({node.cpus})" for node in now.values())
            self._show(f"Ray nodes (CPUs): {counts or 'none'}; {sum(node.cpus for node in now.values())} in all")

    def _slots(self, node: Node) -> int:
        """Returns the number of cells that a node has room for."""
        return min(node.cpus, node.memory // self._memory) if self._memory else node.cpus

    def _check_code(self, remote: _RemoteCell, message: CellEnded) -> None:
        """Warns, once per node, if a node runs other code of the harness than this machine."""
        node, where = remote.node, message.event.where
        if node is None or where is None or node.address in self._nodes_with_other_code:
            return
        if where.source["digest"] != here("").source["digest"]:
            self._nodes_with_other_code.add(node.address)
            self._show(
                f"note: the node {node.address} runs other code of the harness than this machine; its records say so"
            )


def _ready(remote_cells: list[_RemoteCell]) -> list[_RemoteCell]:
    """Waits briefly for messages; returns the cells that have one, and those whose crash can be examined now."""
    import ray

    now = time.monotonic()
    streams = {remote.stream: remote for remote in remote_cells if remote.crashed_at is None}
    if streams:
        ready, _ = ray.wait(list(streams), timeout=_UPDATE_SECONDS)
    else:
        time.sleep(_UPDATE_SECONDS)
        ready = []
    crashed = [
        remote
        for remote in remote_cells
        if remote.crashed_at is not None and now - remote.crashed_at >= _CRASH_GRACE_SECONDS
    ]
    return crashed + [streams[stream] for stream in ready]


def _failed(remote: _RemoteCell, kind: FailureKind, reason: str, detail: str) -> Failed:
    return Failed(remote.task, kind, reason, detail, time.monotonic() - remote.start)
