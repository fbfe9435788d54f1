"""The tuning step: it is handed training and validation data and can reach nothing else."""

import math
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from harness import metrics, seeds, space
from harness.budget import Ledger, Sampler
from harness.method import Context, Method, Predictor, TrainingData
from harness.record import LimitedBy, SelectedBy, TrialRecord

if TYPE_CHECKING:
    import optuna


class CellFailure(Exception):
    """No trial of a cell came to an end; carries the first trial's traceback."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(reason)
        self.detail = detail


@dataclass
class Tuned:
    """The frozen outcome of a search: the best trial's predictor, as it stands."""

    predictor: Predictor
    trials: list[TrialRecord]
    best: TrialRecord
    limited_by: LimitedBy


def tune(
    method: Method,
    train: TrainingData,
    validation: TrainingData,
    groups: np.ndarray[tuple[int], np.dtype[np.int64]],
    context: Context,
    ledger: Ledger,
    on_trial: Callable[[int], None],
) -> Tuned:
    """Searches the method's space under the budget and keeps the best trial's predictor.

    Trial 0 is the default configuration; trial i is drawn by a sampler seeded with (cell seed, i). Failed trials are
    charged like any other.

    Args:
        method: what to fit.
        train: what it trains on.
        validation: what trials are scored on.
        groups: int64 (validation rows,), for the worst-group accuracy.
        context: seed, classes and clock.
        ledger: the open clock; its budget bounds the search.
        on_trial: called with each trial's number before it starts.

    Raises:
        CellFailure: every trial failed.
    """
    search = _Search(method, ledger, context.seed)
    best: tuple[float, Predictor, TrialRecord] | None = None
    for number in range(search.most):
        if number and ledger.exhausted():
            break
        on_trial(number)
        params = search.ask(number)
        began = ledger.own
        try:
            predictor = method.fit(train, validation, params, context)
            macro_f1, worst = _validate(predictor, validation, groups, len(context.classes))
        except MemoryError:
            raise
        except Exception as error:
            if _is_out_of_memory(error):
                raise MemoryError(str(error)) from error
            search.fail(number, params, error)
        else:
            record = TrialRecord(number=number, params=params, state="complete", macro_f1=macro_f1, worst_group=worst)
            value = worst if selection(method) == "worst_group" else macro_f1
            search.complete(record, value)
            if best is None or value > best[0]:
                best = (value, predictor, record)
        finally:
            ledger.trial_seconds.append(ledger.own - began)
    if best is None:
        raise CellFailure(*search.first_error)
    return Tuned(best[1], search.trials, best[2], "seconds" if ledger.bound else search.limited_by)


def _is_out_of_memory(error: Exception) -> bool:
    """Whether a library reported that memory ran out by another exception, as torch and XGBoost do."""
    return any(words in str(error).lower() for words in ("can't allocate memory", "bad_alloc", "out of memory"))


class _Search:
    """The Optuna study of one cell, and the trials it leaves."""

    def __init__(self, method: Method, ledger: Ledger, seed: int) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = optuna.create_study(direction="maximize")
        self._failed = optuna.trial.TrialState.FAIL
        self._space, self._sampler, self._seed = method.space, ledger.budget.sampler, seed
        self.most = int(min(ledger.budget.trials, space.size(method.space)))
        self.limited_by: LimitedBy = "trials" if self.most == ledger.budget.trials else "space"
        self.trials: list[TrialRecord] = []
        self.first_error = ("", "")

    def ask(self, number: int) -> dict[str, space.Value]:
        """Returns the configuration of a trial."""
        self._study.sampler = _sampler(self._sampler, self._seed, number)
        if number == 0:
            self._study.enqueue_trial(space.defaults(self._space))
        self._trial = self._study.ask()
        return space.draw(self._space, self._trial)

    def complete(self, record: TrialRecord, value: float) -> None:
        """Takes the outcome of the trial that was asked for."""
        self.trials.append(record)
        self._study.tell(self._trial, value)

    def fail(self, number: int, params: dict[str, space.Value], error: Exception) -> None:
        """Takes its failure."""
        reason = f"{type(error).__name__}: {error}"
        self.first_error = self.first_error if self.first_error[0] else (reason, traceback.format_exc())
        self.trials.append(TrialRecord(number=number, params=params, state="failed", reason=reason))
        self._study.tell(self._trial, state=self._failed)


def selection(method: Method) -> SelectedBy:
    """Returns the validation metric that chooses the trial: worst group for methods that are told groups."""
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


def _sampler(kind: Sampler, seed: int, number: int) -> "optuna.samplers.BaseSampler":
    import optuna

    drawn = seeds.integer(seed, "search", (number,))
    if kind == "tpe":
        return optuna.samplers.TPESampler(seed=drawn, n_startup_trials=4)
    return optuna.samplers.RandomSampler(seed=drawn)
