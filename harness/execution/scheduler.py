"""Runs the cells of a plan that have no record, and writes what they leave behind."""

import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from harness.errors import UserError
from harness.execution import status
from harness.execution.budget import CellUsage, TrialUsage
from harness.execution.cell import Cell, PrepareTask, RunTask, Task
from harness.execution.cell_locks import CellLocks
from harness.execution.events import Event, Executor, Failed, Finished
from harness.execution.plan import Plan, keepable
from harness.method import MethodInfo
from harness.records import predictions
from harness.records.provenance import here, now
from harness.records.schema import Failure, Record, Result, TrialCost
from harness.records.store import Store


@dataclass(frozen=True)
class FinishedElsewhere:
    """Another run on the folder has made the record of a cell of the plan."""

    task: Task


@dataclass
class RunOutcome:
    """What became of a plan's cells."""

    records: list[Record] = field(default_factory=list)
    unwritten: list[str] = field(default_factory=list)  # cells whose record the disk did not take, and why
    unkept: list[str] = field(default_factory=list)  # done cells whose predictor was wanted and is not there, and why
    interrupted: bool = False

    def count(self, status: str) -> int:
        """Returns how many cells have a status."""
        return sum(r.status == status for r in self.records)


def run_plan(
    plan: Plan,
    store: Store,
    executor: Executor,
    *,
    retry_failed: bool,
    keep: bool,
    plugins: tuple[str, ...],
    command: str,
    on_event: Callable[[Event | FinishedElsewhere], None],
) -> RunOutcome:
    """Runs what has no record, writes a record per cell, and returns every cell's record.

    Cells that another run on the same folder is at are left to it, and taken up if it ends without a record. Ctrl-C and
    SIGTERM kill the running cells and return what there is; finished cells keep their records.
    """
    waiting = {cell.key: cell for cell in plan.waiting(retry_failed)}
    outcome = RunOutcome([r for key, r in plan.cached.items() if key not in waiting])
    outcome.records += [_not_applicable(cell, command) for cell in plan.cells if cell.missing]
    if not waiting:
        return outcome
    locks = CellLocks(store.root)
    with locks.open() as alone:
        if alone:
            store.sweep()
            status.sweep(store.root)
        stale = {key: r.provenance.created for key, r in plan.cached.items()}
        run = _Run(store, locks, outcome, stale, command, on_event, keep)
        try:
            left = list(waiting.values())
            while left:
                left = run.through(left, executor, plugins)
                if left:
                    time.sleep(_POLL)
        except KeyboardInterrupt:
            outcome.interrupted = True
    return outcome


_POLL = 0.5  # seconds between looks at cells that another run is at


@dataclass
class _Run:
    """One run's way through its cells."""

    store: Store
    locks: CellLocks
    outcome: RunOutcome
    stale: Mapping[str, str]  # when the records were made that are to be replaced
    command: str
    on_event: Callable[[Event | FinishedElsewhere], None]
    keep: bool  # the predictors of methods that can save them

    def through(self, cells: list[Cell], executor: Executor, plugins: tuple[str, ...]) -> list[Cell]:
        """Runs the cells that can be claimed and returns the others."""
        claimed: dict[str, Cell] = {}
        others: list[Cell] = []
        events = executor.run(self._tasks(cells, plugins, claimed, others))
        try:
            for event in events:
                if isinstance(event, Finished | Failed):
                    self._take(claimed[event.task.key], event)
                self.on_event(event)
        finally:
            events.close()
        return others

    def _take(self, cell: Cell, event: Finished | Failed) -> None:
        task = event.task
        _drop_empty(self.store.log_path(cell.id, task.part if isinstance(task, PrepareTask) else None))
        if isinstance(task, RunTask):
            record = _record(cell, event, self.command)
            try:
                if task.model:
                    self._take_model(cell, task, event)
                self.store.put_predictions(cell.id, _predictions(cell, event))
                self.store.put(record)
            except OSError as error:
                self.outcome.unwritten.append(f"{cell.label}: {error.strerror}")
            self.outcome.records.append(record)
            self.locks.release(cell.key)

    def _take_model(self, cell: Cell, task: RunTask, event: Finished | Failed) -> None:
        """Puts the predictor of a done cell in its place, before its record says that the cell is done."""
        if isinstance(event, Finished) and not event.outcome.not_kept:
            self.store.put_model(cell.id)
        else:
            shutil.rmtree(task.model, ignore_errors=True)
        if isinstance(event, Finished) and event.outcome.not_kept:
            self.outcome.unkept.append(f"{cell.label}: {event.outcome.not_kept}")

    def _task(self, cell: Cell, plugins: tuple[str, ...]) -> RunTask:
        keep = self.keep and keepable(cell)
        model = str(self.store.model_draft(cell.id).absolute()) if keep else ""
        return RunTask(**_common(cell, plugins), label=cell.label, model=model)

    def _tasks(
        self, cells: list[Cell], plugins: tuple[str, ...], claimed: dict[str, Cell], others: list[Cell]
    ) -> Iterator[tuple[Task, Path]]:
        """Yields the claimed cells of each scenario and seed: preparations, cells without one, then those with one.

        A preparation is the shared step of one part of the scenario, so that workers share it out. Nothing waits for
        it but the lock of `shared_steps`: one that fails leaves the step, and its failure, to the cells.
        """
        for _, group in groupby(cells, key=lambda cell: (cell.scenario.name, cell.seed)):
            members = sorted(group, key=lambda cell: bool(cell.method.shared))
            prepared: set[str] = set()
            for cell in members:
                if not self._claim(cell, others):
                    continue
                claimed[cell.key] = cell
                if cell.method.shared and cell.method.shared not in prepared:
                    prepared.add(cell.method.shared)
                    for part in ("train", "validation", *cell.scenario.environments):
                        yield _preparation(cell, plugins, part), self.store.log_path(cell.id, part)
                yield self._task(cell, plugins), self.store.log_path(cell.id)

    def _claim(self, cell: Cell, others: list[Cell]) -> bool:
        """Claims a cell unless another run has it, or has finished it since the plan was made."""
        if not self.locks.acquire(cell.key):
            others.append(cell)
            return False
        record = self.store.get(cell.id)
        if record is None or record.provenance.created == self.stale.get(cell.key):
            return True
        self.outcome.records.append(record)
        self.locks.release(cell.key)
        if self.keep and keepable(cell) and not self.store.has_model(record):
            self.outcome.unkept.append(f"{cell.label}: another run made its record, and kept no predictor; run again")
        self.on_event(FinishedElsewhere(self._task(cell, ())))
        return False


def _preparation(cell: Cell, plugins: tuple[str, ...], part: str) -> PrepareTask:
    label = f"{cell.method.shared}: {part} of {cell.scenario.name}, seed {cell.seed}"
    return PrepareTask(**_common(cell, plugins), label=label, part=part)


def _common(cell: Cell, plugins: tuple[str, ...]) -> dict[str, Any]:
    """What every task of a cell holds."""
    return {
        "key": cell.key,
        "cell": cell.info,
        "benchmark": cell.benchmark,
        "perturbed": cell.perturbed,
        "plugins": plugins,
        "adapter": None if cell.method.in_memory else cell.method.ref,
        "code": _pickled(cell.method),
    }


def _pickled(method: MethodInfo) -> bytes:
    """Returns the method for worker processes that cannot import it, as those of a notebook; else nothing.

    Raises:
        UserError: it refers to something that cannot be sent to another process.
    """
    if not method.in_memory:
        return b""
    import cloudpickle

    try:
        return bytes(cloudpickle.dumps(method))
    except Exception as error:
        raise UserError(
            f"method {method.name} cannot be sent to worker processes ({type(error).__name__}: {error}); define it in "
            "a file and name that with plugins=, or keep open files, locks and the like out of it."
        ) from error


def _predictions(cell: Cell, event: Finished | Failed) -> bytes | None:
    if not isinstance(event, Finished) or not event.outcome.predicted:
        return None
    return predictions.encode(predictions.Predictions(cell.key, cell.benchmark, event.outcome.predicted))


def _record(cell: Cell, event: Finished | Failed, command: str) -> Record:
    if isinstance(event, Finished):
        spent: CellUsage | None = event.outcome.spent
        result, failure = Result.model_validate(event.outcome.result), None
    else:
        spent = event.spent
        result, failure = None, Failure(kind=event.kind, reason=event.reason, detail=event.detail)
    provenance = (event.where or here(command)).model_copy(
        update={"command": command, "created": now(), "wall_seconds": round(event.wall_seconds, 3), **_costs(spent)}
    )
    return Record(
        key=cell.key,
        status="done" if result else "failed",
        cell=cell.info,
        result=result,
        failure=failure,
        provenance=provenance,
    )


def _costs(spent: CellUsage | None) -> dict[str, Any]:
    """What a provenance tells of costs; a process that died took its bill along."""
    if spent is None:
        return {}
    return {
        "compute_seconds": round(spent.compute_seconds, 3),
        "shared_seconds": round(spent.shared_seconds, 3),
        "trials": [_rounded(cost) for cost in spent.trials],
        "predict_seconds": round(spent.predict_seconds, 3),
        "peak_memory_mb": round(spent.peak_memory_mb, 1),
    }


def _rounded(cost: TrialUsage) -> TrialCost:
    return TrialCost(**{name: round(value, 3) for name, value in asdict(cost).items()})


def _not_applicable(cell: Cell, command: str) -> Record:
    return Record(key=cell.key, status="not-applicable", cell=cell.info, provenance=here(command))


def _drop_empty(log: Path) -> None:
    if log.exists() and log.stat().st_size == 0:
        log.unlink()
