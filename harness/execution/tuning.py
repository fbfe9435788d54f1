"""The tuning step: searches the space of a method on training and validation data, without access to test data."""

import math
import traceback
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from harness import seeds, space
from harness.errors import format_error
from harness.evaluation import metrics
from harness.execution.budget import Ledger, OverBudget, Pruner, Sampler
from harness.execution.devices import is_out_of_memory
from harness.method import Context, Method, Predictor, TrainingData
from harness.records.schema import FailureKind, LimitedBy, SelectedBy, TrialRecord, TrialState

if TYPE_CHECKING:
    import optuna


class CellFailure(Exception):
    """No trial of a cell finished; ``detail`` is the traceback of the first failed trial."""

    def __init__(self, reason: str, detail: str, kind: FailureKind) -> None:
        super().__init__(reason)
        self.detail, self.kind = detail, kind


@dataclass
class Tuned:
    """The result of a search.

    Attributes:
        predictor: of the best trial, which is not trained further.
        trials: records of all trials.
        best: record of the best trial.
        limited_by: what ended the search.
        others: predictors of the other complete trials, by trial number.
    """

    predictor: Predictor
    trials: list[TrialRecord]
    best: TrialRecord
    limited_by: LimitedBy
    others: dict[int, Predictor]


def tune(
    method: Method,
    train: TrainingData,
    validation: TrainingData,
    groups: np.ndarray[tuple[int], np.dtype[np.int64]],
    context: Context,
    ledger: Ledger,
    on_trial: Callable[[int], None],
    cell: str,
) -> Tuned:
    """Searches the space of a method within the budget and returns the predictor of the best trial.

    Trial 0 is the default configuration; trial i is drawn by a sampler seeded with (method, scenario, seed, i). Cells
    share no draw, so that one lucky or unlucky configuration does not move all of them together. The cost of every
    trial counts, also of pruned and failed ones and of the one that is interrupted at the limit.

    Args:
        method: the method to tune.
        train: training data.
        validation: data on which trials are scored.
        groups: int64 (validation rows,), group of each row, for the worst-group accuracy.
        context: seed, classes, device and callbacks.
        ledger: measures the compute seconds; holds the budget.
        on_trial: called with each trial's number before it starts.
        cell: names of the method and the scenario.

    Raises:
        CellFailure: no trial finished.
        MemoryError: a trial ran out of memory. The search does not go on, since the memory may not be free again.
    """
    search = _Search(method, ledger, context, cell)
    best: tuple[tuple[float, float], TrialRecord] | None = None
    predictors: dict[int, Predictor] = {}
    for number in range(search.most):
        if number and ledger.exhausted():
            break
        on_trial(number)
        trial = search.ask(number)
        try:
            with ledger.trial():
                predictor = method.fit(train, validation, trial.params, trial.context)
                macro_f1, worst = _validate(predictor, validation, groups, len(context.classes))
        except MemoryError:
            raise
        except Exception as error:
            if is_out_of_memory(error):
                raise MemoryError(str(error)) from error
            search.fail(trial, error)
        else:
            value = worst if selection(method) == "worst_group" else macro_f1
            record = search.complete(trial, macro_f1, worst, value)
            rank = (value, macro_f1)  # worst groups have few rows, so several trials often tie
            if record.state == "complete":
                predictors[number] = predictor
                if best is None or rank > best[0]:
                    best = (rank, record)
    if best is None:
        raise CellFailure(*search.first_error)
    limited_by: LimitedBy = "seconds" if ledger.limit_reached else search.limited_by
    return Tuned(predictors.pop(best[1].number), search.trials, best[1], limited_by, predictors)


class _Trial:
    """A running trial: its configuration, reports and counts, and whether it is pruned."""

    def __init__(self, number: int, seed: int, trial: "optuna.Trial", space_: space.Space, context: Context) -> None:
        self.number, self.seed, self.optuna = number, seed, trial
        self.params = space.draw(space_, trial)
        self.pruned = False
        self.examples = self.steps = 0
        self.reports: list[tuple[int, float]] = []
        self._context = context
        self.context = replace(context, should_stop=self._should_stop, report=self._report, count=self._count)

    def record(self, state: TrialState, **more: Any) -> TrialRecord:
        """Returns the record of the trial."""
        return TrialRecord(
            number=self.number,
            params=self.params,
            state=state,
            seed=self.seed,
            examples=self.examples,
            steps=self.steps,
            reports=self.reports,
            **more,
        )

    def _should_stop(self) -> bool:
        return self.pruned or self._context.should_stop()

    def _report(self, step: int, score: float) -> None:
        if not math.isfinite(score):
            raise ValueError(f"the score reported at step {step} is {score}; it must be finite")
        self._context.report(step, score)
        self.reports.append((step, round(score, 6)))
        self.optuna.report(score, step)
        self.pruned = self.pruned or self.optuna.should_prune()

    def _count(self, examples: int, steps: int) -> None:
        if not 0 <= examples < 2**53 or not 0 <= steps < 2**53:
            raise ValueError(f"{examples} examples and {steps} steps were counted; they must be numbers of at least 0")
        self.examples += examples
        self.steps += steps


class _Search:
    """The Optuna study of one cell, and the records of its trials."""

    def __init__(self, method: Method, ledger: Ledger, context: Context, cell: str) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._budget, self._space, self._context = ledger.budget, method.space, context
        self._stream = tuple(cell.encode())
        self._study = optuna.create_study(direction="maximize", pruner=_pruner(ledger.budget.pruner))
        self._states = {"failed": optuna.trial.TrialState.FAIL, "pruned": optuna.trial.TrialState.PRUNED}
        self.most = int(min(ledger.budget.trials, space.size(method.space)))
        self.limited_by: LimitedBy = "trials" if self.most == ledger.budget.trials else "space"
        self.trials: list[TrialRecord] = []
        self.first_error: tuple[str, str, FailureKind] = ("every trial was pruned", "", "exception")

    def ask(self, number: int) -> _Trial:
        """Draws the configuration of a trial.

        The study gets a new sampler for each trial, seeded by the cell and the trial's number: a random trial then does
        not depend on how many were drawn before it, so that runs with more trials extend those with fewer.
        """
        seed = seeds.integer(self._context.seed, "search", (*self._stream, number))
        self._study.sampler = _sampler(self._budget.sampler, seed)
        if number == 0:
            self._study.enqueue_trial(space.defaults(self._space))
        return _Trial(number, seed, self._study.ask(), self._space, self._context)

    def complete(self, trial: _Trial, macro_f1: float, worst: float, value: float) -> TrialRecord:
        """Records a trial that returned; a pruned one cannot be selected as the best."""
        state: TrialState = "pruned" if trial.pruned else "complete"
        record = trial.record(state, macro_f1=macro_f1, worst_group=worst)
        self.trials.append(record)
        if trial.pruned:
            self._study.tell(trial.optuna, state=self._states["pruned"])
        else:
            self._study.tell(trial.optuna, value)
        return record

    def fail(self, trial: _Trial, error: Exception) -> None:
        """Records a trial that raised an error."""
        over = isinstance(error, OverBudget)
        reason = str(error) if over else f"{type(error).__name__}: {error}"
        if not any(record.reason for record in self.trials):
            kind: FailureKind = "over-budget" if over else "exception"
            self.first_error = (reason if over else format_error(error), traceback.format_exc(), kind)
        self.trials.append(trial.record("over-budget" if over else "failed", reason=reason))
        self._study.tell(trial.optuna, state=self._states["failed"])


def selection(method: Method) -> SelectedBy:
    """Returns the validation metric that selects the best trial: worst-group accuracy for group-aware methods.

    Ties are broken by macro-F1.
    """
    return "worst_group" if "groups" in method.info.tags else "macro_f1"


def _validate(
    predictor: Predictor, validation: TrainingData, groups: np.ndarray[tuple[int], np.dtype[np.int64]], classes: int
) -> tuple[float, float]:
    table = metrics.check_probabilities(predictor.predict_proba(validation.payloads), len(validation), classes)
    predicted = table.argmax(axis=1)
    macro_f1 = metrics.macro_f1(metrics.confusion(validation.labels, predicted, classes))
    worst = metrics.worst_group_accuracy(predicted == validation.labels, groups)
    assert math.isfinite(macro_f1)
    return macro_f1, worst


def _sampler(kind: Sampler, seed: int) -> "optuna.samplers.BaseSampler":
    import optuna

    if kind == "tpe":
        return optuna.samplers.TPESampler(seed=seed, n_startup_trials=4)
    return optuna.samplers.RandomSampler(seed=seed)


def _pruner(kind: Pruner) -> "optuna.pruners.BasePruner":
    import optuna

    if kind == "median":
        return optuna.pruners.MedianPruner(n_startup_trials=1, n_warmup_steps=1)
    if kind == "hyperband":
        return optuna.pruners.HyperbandPruner()
    return optuna.pruners.NopPruner()
