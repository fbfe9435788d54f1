"""The Ray executor: cells as tasks of a cluster, run on each node as they are run locally."""

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.execution.cell import Task, method_of
from harness.execution.events import Event, Failed, Finished, Started
from harness.execution.ray.cluster import Node, join, last_line, listens, nodes
from harness.execution.ray.file_transfer import Parcel, load, load_files
from harness.execution.ray.node import Boarded, Kit, Landed, Message, fly
from harness.records.provenance import here
from harness.records.schema import FailureKind

_LOOK = 1.0  # seconds between looks at which nodes there are
_DOUBT = 2.0  # seconds after which a node whose worker crashed is asked whether it lives
_LOSSES = 5  # times that a cell may lose its node before it is held to be the reason


@dataclass(eq=False)
class _Flight:
    """A cell under way; ``stream`` gives the messages that come home."""

    task: Task
    log: Path
    began: float
    stream: Any = None
    node: Node | None = None
    losses: int = 0
    doubted: float | None = None  # when its worker crashed


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
        self._kit: Any = None
        self._files: dict[str, Mapping[str, Parcel]] = {}  # by method
        self._nodes: dict[str, Node] = {}
        self._looked = 0.0
        self._strangers: set[str] = set()
        self._look()
        if self._nodes and self._memory and not any(self._seats(node) for node in self._nodes.values()):
            largest = max(node.memory for node in self._nodes.values()) / 2**30
            raise UserError(
                f"--memory {self._memory / 2**30:g}: no node of the Ray cluster has that much; the largest has "
                f"{largest:.1f} GB for cells."
            )

    @property
    def workers(self) -> int:
        """Cells at a time, as the cluster is now."""
        return self._most or max(1, sum(map(self._seats, self._nodes.values())))

    def run(self, tasks: Iterable[tuple[Task, Path]]) -> Generator[Event, None, None]:
        """See `Executor.run`."""
        import ray

        cells = ((task, log) for task, log in tasks if task.part is None)
        flights: list[_Flight] = []
        try:
            while True:
                self._look()
                while len(flights) < self.workers and (pair := next(cells, None)) is not None:
                    flights.append(_Flight(*pair, began=time.monotonic()))
                    self._launch(flights[-1])
                if not flights:
                    return
                for flight in _ready(flights):
                    for event in self._receive(flight):
                        if isinstance(event, Finished | Failed):
                            flights.remove(flight)
                        yield event
        finally:
            for flight in flights:
                ray.cancel(flight.stream, force=True)

    def _launch(self, flight: _Flight) -> None:
        """Hands a cell to Ray, which looks for a place for it."""
        import ray

        if self._kit is None:
            self._kit = ray.put(Kit(self._memory, self._preload, str(Path.cwd()), load(flight.task, ray.put)))
        heavy = method_of(flight.task).kind == "heavy"
        flight.node = flight.doubted = None
        flight.stream = (
            ray.remote(fly)
            .options(
                name=flight.task.label,
                num_cpus=1,
                num_gpus=int(heavy and any(node.gpus for node in self._nodes.values())),
                memory=self._memory or None,
                num_returns="streaming",
                max_retries=0,  # Ray would also run a cell again that crashed
            )
            .remote(flight.task, self._kit, self._files_of(flight.task))
        )

    def _files_of(self, task: Task) -> Mapping[str, Parcel]:
        """The files of a task's method, which are put once."""
        import ray

        if task.method not in self._files:
            self._files[task.method] = load_files(task, ray.put)
        return self._files[task.method]

    def _receive(self, flight: _Flight) -> Iterator[Event]:
        """Takes one message of a cell, or what became of it instead."""
        import ray
        from ray import exceptions

        if flight.doubted is not None:
            yield from self._settle(flight)
            return
        try:
            message: Message = ray.get(next(flight.stream))
        except (exceptions.NodeDiedError, exceptions.LocalRayletDiedError, exceptions.ObjectLostError):
            yield from self._lost(flight)
        except exceptions.WorkerCrashedError:
            flight.doubted = time.monotonic()
        except exceptions.OutOfMemoryError as error:
            yield _failed(flight, "memory", "Ray ended the cell because its node ran out of memory", str(error))
        except exceptions.RayTaskError as error:
            raise UserError(f"a node of the Ray cluster cannot run cells: {last_line(error)}") from error
        except exceptions.RayError as error:
            yield _failed(flight, "died", f"Ray gave the cell up: {last_line(error)}", str(error))
        else:
            yield from self._told(flight, message)

    def _told(self, flight: _Flight, message: Message) -> Iterator[Event]:
        if isinstance(message, Boarded):
            self._look(at_once=message.node not in self._nodes)
            flight.node = self._nodes.get(message.node)
            yield Started(flight.task)
        elif isinstance(message, Landed):
            if message.log:
                self._write(flight.log, message.log)
            for name, content in message.model.items():
                self._write(Path(flight.task.model) / name, content)
            self._compare(flight, message)
            yield message.event
        else:
            yield message

    def _write(self, path: Path, content: bytes) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        except OSError as error:
            self._say(f"not written: {path} ({error.strerror})")

    def _settle(self, flight: _Flight) -> Iterator[Event]:
        """Decides on a cell whose Ray worker crashed: its node dies too, if slower, or the worker alone did."""
        if flight.node is None or not listens(flight.node.address, flight.node.port):
            yield from self._lost(flight)
        else:
            yield _failed(flight, "died", "the Ray worker that ran the cell was ended, and its node lives", "")

    def _lost(self, flight: _Flight) -> Iterator[Event]:
        flight.losses += 1
        if flight.losses >= _LOSSES:
            yield _failed(flight, "died", f"the node that ran the cell was lost {_LOSSES} times", "")
            return
        node = "a node" if flight.node is None else f"the node {flight.node.address}"
        self._say(f"lost {node}; {flight.task.label} runs again")
        self._launch(flight)

    def _look(self, at_once: bool = False) -> None:
        """Sees which nodes there are, and says so when they are others than before."""
        if not at_once and time.monotonic() - self._looked < _LOOK:
            return
        self._looked = time.monotonic()
        now = nodes()
        if now != self._nodes:
            self._nodes = now
            counts = ", ".join(f"{node.address} ({node.cpus})" for node in now.values())
            self._say(f"Ray nodes (CPUs): {counts or 'none'}; {sum(node.cpus for node in now.values())} in all")

    def _seats(self, node: Node) -> int:
        """Cells that a node has room for."""
        return min(node.cpus, node.memory // self._memory) if self._memory else node.cpus

    def _compare(self, flight: _Flight, message: Landed) -> None:
        """Says once of each node that runs other code than this machine holds."""
        node, where = flight.node, message.event.where
        if node is None or where is None or node.address in self._strangers:
            return
        if where.source["digest"] != here("").source["digest"]:
            self._strangers.add(node.address)
            self._say(
                f"note: the node {node.address} holds other code of the harness than this machine; records say so"
            )


def _ready(flights: list[_Flight]) -> list[_Flight]:
    """Waits a moment for messages; returns the cells that have one, and those in doubt that can be settled now."""
    import ray

    now = time.monotonic()
    flying = {flight.stream: flight for flight in flights if flight.doubted is None}
    if flying:
        ready, _ = ray.wait(list(flying), timeout=_LOOK)
    else:
        time.sleep(_LOOK)
        ready = []
    settled = [flight for flight in flights if flight.doubted is not None and now - flight.doubted >= _DOUBT]
    return settled + [flying[stream] for stream in ready]


def _failed(flight: _Flight, kind: FailureKind, reason: str, detail: str) -> Failed:
    return Failed(flight.task, kind, reason, detail, time.monotonic() - flight.began)
