"""Runs the cells of a plan that have no record, and writes their records, predictions and predictors."""

import contextlib
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from harness.errors import UserError
from harness.execution import status
from harness.execution.budget import CellUsage, TrialUsage
from harness.execution.cell import Cell, PrepareTask, RunTask, Task
from harness.execution.cell_locks import CellLocks
from harness.execution.events import Event, Executor, Failed, Finished
from harness.execution.plan import Plan, can_save_predictor
from harness.method import MethodInfo
from harness.records.provenance import here, now
from harness.records.schema import CPU, Failure, Provenance, Record, Result, TrialCost
from harness.records.store import Store, first_fault


@dataclass(frozen=True)
class FinishedElsewhere:
    """Another run on the same folder has written the record of a cell of the plan."""

    task: Task


@dataclass
class RunOutcome:
    """The result of running a plan.

    Attributes:
        records: one per cell that has ended or had a record before.
        write_errors: cells whose record could not be written to disk, each with the reason.
        read_errors: cells that did not run, since the file of their record is not a record of them, each with the
            reason.
        save_errors: done cells whose predictor was requested and could not be saved, each with the reason.
        interrupted: whether Ctrl-C, SIGTERM or SIGHUP ended the run.
    """

    records: list[Record] = field(default_factory=list)
    write_errors: list[str] = field(default_factory=list)
    read_errors: list[str] = field(default_factory=list)
    save_errors: list[str] = field(default_factory=list)
    interrupted: bool = False

    def count(self, status: str) -> int:
        """Returns the number of cells with a status."""
        return sum(r.status == status for r in self.records)


def run_plan(
    plan: Plan,
    store: Store,
    executor: Executor,
    *,
    retry_failed: bool,
    save_models: bool,
    plugins: tuple[str, ...],
    command: str,
    on_event: Callable[[Event | FinishedElsewhere], None],
) -> RunOutcome:
    """Runs the cells that have no record, writes a record for each, and returns the records of all cells.

    Cells that another run on the same folder is running are left to it; if that run ends without a record, they run
    here. Ctrl-C, SIGTERM and SIGHUP kill the running cells and return the records so far; finished cells keep their
    records.

    Args:
        plan: cells to run.
        store: results folder.
        executor: runs the tasks.
        retry_failed: run failed cells again.
        save_models: save the predictors of methods that support it.
        plugins: absolute paths of plug-in files.
        command: command line, for the records.
        on_event: called with every event.

    Raises:
        UserError: a method defined in memory cannot be pickled.
    """
    waiting = {cell.key: cell for cell in plan.waiting(retry_failed)}
    outcome = RunOutcome([r for key, r in plan.cached.items() if key not in waiting])
    outcome.records += [_not_applicable(cell, command) for cell in plan.cells if cell.missing]
    outcome.read_errors += plan.unreadable.values()
    if not waiting:
        return outcome
    locks = CellLocks(store.root)
    with locks.open() as alone:
        if alone:
            store.sweep()
            status.sweep(store.root)
        replaced = {key: r.provenance.created for key, r in plan.cached.items()}
        runner = _PlanRunner(store, locks, outcome, replaced, command, on_event, save_models)
        try:
            cells = list(waiting.values())
            while cells:
                cells = runner.run_available(cells, executor, plugins)
                if cells:
                    time.sleep(_POLL_SECONDS)
        except KeyboardInterrupt:
            outcome.interrupted = True
    return outcome


_POLL_SECONDS = 0.5  # seconds between attempts to lock cells that another run is running


@dataclass
class _PlanRunner:
    """Locks cells, turns them into tasks and writes the results, for one run of a plan."""

    store: Store
    locks: CellLocks
    outcome: RunOutcome
    replaced: Mapping[str, str]  # creation times of existing records, which cells that run again replace
    command: str
    on_event: Callable[[Event | FinishedElsewhere], None]
    save_models: bool
    _open_logs: set[Path] = field(default_factory=set)  # log files of tasks that have not ended

    def run_available(self, cells: list[Cell], executor: Executor, plugins: tuple[str, ...]) -> list[Cell]:
        """Runs the cells that no other run has locked, and returns the others."""
        locked: dict[str, Cell] = {}
        others: list[Cell] = []
        parts = [[cell for cell in cells if (cell.device == CPU) == on_processor] for on_processor in (True, False)]
        events = executor.run(*(self._tasks(part, plugins, locked, others) for part in parts))
        try:
            for event in events:
                if isinstance(event, Finished | Failed):
                    self._store_result(locked[event.task.key], event)
                self.on_event(event)
        finally:
            events.close()
            for log in self._open_logs:
                log.unlink(missing_ok=True)  # of a cell that was killed; its next run starts a new one
            self._open_logs.clear()
        return others

    def _store_result(self, cell: Cell, event: Finished | Failed) -> None:
        task = event.task
        log = self.store.log_path(cell.id, task.part if isinstance(task, PrepareTask) else None)
        self._open_logs.discard(log)
        _drop_empty(log)
        if isinstance(task, RunTask):
            try:
                record = _record(cell, event, self.command)
                self.outcome.records.append(record)
                self._store_predictor(cell, task, event)
                kept = event.outcome.predictions if isinstance(event, Finished) else b""
                self.store.put_predictions(cell.id, kept)
                self.store.put(record)
            except OSError as error:
                self.outcome.write_errors.append(f"{cell.label}: {error.strerror or error}")
            except ValidationError as error:  # such as a cost that is not a finite number
                self.outcome.write_errors.append(f"{cell.label}: {first_fault(error)}")
            self.locks.release(cell.key)

    def _store_predictor(self, cell: Cell, task: RunTask, event: Finished | Failed) -> None:
        """Moves the saved predictor of a done cell to its final folder, or deletes that of the record to be replaced.

        This comes before the record is written: if the run is killed in between, there is a predictor without a record
        and the cell runs again, but never a record that lacks its predictor.
        """
        if task.model and isinstance(event, Finished) and not event.outcome.save_error:
            self.store.put_model(cell.id)
        else:
            for folder in (task.model, self.store.model_path(cell.id)):
                if folder:
                    shutil.rmtree(folder, ignore_errors=True)
        if isinstance(event, Finished) and event.outcome.save_error:
            self.outcome.save_errors.append(f"{cell.label}: {event.outcome.save_error}")

    def _task(self, cell: Cell, plugins: tuple[str, ...]) -> RunTask:
        save = self.save_models and can_save_predictor(cell)
        model = str(self.store.model_draft(cell.id).absolute()) if save else ""
        return RunTask(**_common(cell, plugins), label=cell.label, model=model, named=cell.benchmark)

    def _tasks(
        self, cells: list[Cell], plugins: tuple[str, ...], locked: dict[str, Cell], others: list[Cell]
    ) -> Iterator[tuple[Task, Path]]:
        """Yields the tasks of the cells that it could lock, by scenario, seed and sizes, each with its log file.

        Of each group come cells without a shared step first, then the preparations of a shared step before the cells
        that use it. There is one preparation per part of the scenario, so that several workers compute a step
        together. Cells do not wait for preparations, except at the lock of `shared_steps`; if one fails, the cells
        compute the step themselves and report the error.

        Cells are locked lazily, when the executor requests the next task: another run on the folder can take those
        that this run has not reached yet.
        """
        for _, group in groupby(cells, key=lambda cell: (cell.scenario.name, cell.seed, cell.sizes)):
            members = sorted(group, key=lambda cell: bool(cell.method.shared))
            prepared: set[str] = set()
            for cell in members:
                if not self._lock(cell, others):
                    continue
                locked[cell.key] = cell
                if cell.method.shared and cell.method.shared not in prepared:
                    prepared.add(cell.method.shared)
                    for part in ("train", "validation", *cell.scenario.environments):
                        yield _preparation(cell, plugins, part), self._log(cell, part)
                yield self._task(cell, plugins), self._log(cell)

    def _log(self, cell: Cell, part: str | None = None) -> Path:
        path = self.store.log_path(cell.id, part)
        self._open_logs.add(path)
        return path

    def _lock(self, cell: Cell, others: list[Cell]) -> bool:
        """Locks a cell; returns False if another run has it, or has finished it since the plan was made.

        The record is read again after locking, since another run may have written it and released the lock since.
        """
        if not self.locks.acquire(cell.key):
            others.append(cell)
            return False
        try:
            record = self.store.get(cell.id)
        except UserError as error:
            self.outcome.read_errors.append(str(error))
            self.locks.release(cell.key)
            self.on_event(FinishedElsewhere(self._task(cell, ())))
            return False
        if record is None or record.provenance.created == self.replaced.get(cell.key):
            return True
        self.outcome.records.append(record)
        self.locks.release(cell.key)
        if self.save_models and can_save_predictor(cell) and not self.store.has_model(record):
            self.outcome.save_errors.append(
                f"{cell.label}: another run wrote its record without a predictor; run again"
            )
        self.on_event(FinishedElsewhere(self._task(cell, ())))
        return False


def _preparation(cell: Cell, plugins: tuple[str, ...], part: str) -> PrepareTask:
    label = f"{cell.method.shared}: {part} of {cell.scenario.name}, seed {cell.seed}"
    return PrepareTask(**_common(cell, plugins), label=label, part=part)


def _common(cell: Cell, plugins: tuple[str, ...]) -> dict[str, Any]:
    """Returns the fields that every task of a cell has."""
    return {
        "key": cell.key,
        "cell": cell.info,
        "benchmark": cell.benchmark,
        "perturbed": cell.perturbed,
        "plugins": plugins,
        "adapter": None if cell.method.in_memory else cell.method.ref,
        "code": _pickled(cell.method),
        "device": cell.device,
    }


def _pickled(method: MethodInfo) -> bytes:
    """Returns the pickled method if workers cannot import it, such as one defined in a notebook; else empty bytes.

    Raises:
        UserError: it refers to something that cannot be pickled.
    """
    if not method.in_memory:
        return b""
    import cloudpickle

    try:
        with _own_module_by_value(method.origin):
            return bytes(cloudpickle.dumps(method))
    except Exception as error:
        raise UserError(
            f"method {method.name} cannot be sent to worker processes ({type(error).__name__}: {error}); define it in "
            "a file and pass the file with plugins=, or remove open files, locks and similar objects from it."
        ) from error


@contextlib.contextmanager
def _own_module_by_value(name: str) -> Iterator[None]:
    """Pickles what a user's module defines by value, since a worker may not find the module; installed ones by name."""
    import sysconfig

    import cloudpickle

    module = sys.modules.get(name)
    file = getattr(module, "__file__", None) or ""
    installed = (sysconfig.get_path(place) for place in ("stdlib", "platstdlib", "purelib", "platlib"))
    if module is None or name == "__main__" or not file or file.startswith(tuple(installed)):
        yield
        return
    cloudpickle.register_pickle_by_value(module)
    try:
        yield
    finally:
        cloudpickle.unregister_pickle_by_value(module)


def _record(cell: Cell, event: Finished | Failed, command: str) -> Record:
    if isinstance(event, Finished):
        usage: CellUsage | None = event.outcome.usage
        result, failure = Result.model_validate(event.outcome.result), None
    else:
        usage = event.usage
        result, failure = None, Failure(kind=event.kind, reason=event.reason, detail=event.detail)
    provenance = Provenance.model_validate(
        {
            **(event.where or here(command)).model_dump(),
            "command": command,
            "created": now(),
            "wall_seconds": round(event.wall_seconds, 3),
            **_cost_fields(usage),
        }
    )
    return Record(
        key=cell.key,
        status="done" if result else "failed",
        cell=cell.info,
        result=result,
        failure=failure,
        provenance=provenance,
    )


def _cost_fields(usage: CellUsage | None) -> dict[str, Any]:
    """Returns the cost fields of a provenance; none if the process died before it could report its usage."""
    if usage is None:
        return {}
    return {
        "compute_seconds": round(usage.compute_seconds, 3),
        "shared_seconds": round(usage.shared_seconds, 3),
        "trials": [_rounded(cost) for cost in usage.trials],
        "predict_seconds": round(usage.predict_seconds, 3),
        "trial_scoring_seconds": round(usage.trial_scoring_seconds, 3),
        "peak_memory_mb": round(usage.peak_memory_mb, 1),
        "peak_device_memory_mb": usage.peak_device_memory_mb and round(usage.peak_device_memory_mb, 1),
    }


def _rounded(cost: TrialUsage) -> TrialCost:
    return TrialCost(**{name: round(value, 3) for name, value in asdict(cost).items()})


def _not_applicable(cell: Cell, command: str) -> Record:
    return Record(key=cell.key, status="not-applicable", cell=cell.info, provenance=here(command))


def _drop_empty(log: Path) -> None:
    with contextlib.suppress(OSError):
        if log.stat().st_size == 0:
            log.unlink()
