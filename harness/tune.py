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
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = optuna.create_study(direction="maximize")
    selected_by = selection(method)
    most = int(min(ledger.budget.trials, space.size(method.space)))
    limited_by: LimitedBy = "trials" if most == ledger.budget.trials else "space"
    trials: list[TrialRecord] = []
    best: tuple[float, Predictor, TrialRecord] | None = None
    first_error = ("", "")
    for number in range(most):
        if number and ledger.exhausted():
            limited_by = "seconds"
            break
        on_trial(number)
        study.sampler = _sampler(ledger.budget.sampler, context.seed, number)
        if number == 0:
            study.enqueue_trial(space.defaults(method.space))
        trial = study.ask()
        params = space.draw(method.space, trial)
        began = ledger.own
        try:
            predictor = method.fit(train, validation, params, context)
            macro_f1, worst = _validate(predictor, validation, groups, len(context.classes))
        except MemoryError:
            raise
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            first_error = first_error if first_error[0] else (reason, traceback.format_exc())
            trials.append(TrialRecord(number=number, params=params, state="failed", reason=reason))
            study.tell(trial, state=optuna.trial.TrialState.FAIL)
        else:
            record = TrialRecord(number=number, params=params, state="complete", macro_f1=macro_f1, worst_group=worst)
            trials.append(record)
            value = worst if selected_by == "worst_group" else macro_f1
            study.tell(trial, value)
            if best is None or value > best[0]:
                best = (value, predictor, record)
        finally:
            ledger.trial_seconds.append(ledger.own - began)
    if best is None:
        raise CellFailure(*first_error)
    return Tuned(best[1], trials, best[2], limited_by)


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
