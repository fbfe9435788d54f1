"""Runs one cell inside a worker process: tunes the method, freezes the predictor, scores it."""

import logging
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt

from harness import hashing, registry, seeds
from harness.data.corpus import Corpus
from harness.errors import UserError
from harness.evaluation import metrics
from harness.evaluation.counts import count, metrics_of
from harness.execution.budget import Ledger
from harness.execution.cell import Outcome, PrepareTask, RunTask, Task, method_of
from harness.execution.tuning import Tuned, selection, tune
from harness.method import Context, Method, Precision, Predictor, Tag, TrainingData
from harness.records import predictions, predictors
from harness.records.schema import PerturbationCounts, Result, TrialRecord
from harness.scenario import Environment, Scenario, Sizes
from harness.scenarios import training_data, training_texts
from harness.scenarios.input_views import show_part, with_view
from harness.scenarios.perturbed import NO_PERTURBED, PerturbedEnvironments, perturbed_environments
from harness.scenarios.training_data import training_and_validation
from harness.scenarios.unit_names import trained_cves, unit_names
from harness.storage.bounded import TooLarge

_logger = logging.getLogger(__name__)


def run_cell(
    task: Task, ledger: Ledger, on_trial: Callable[[int], None], report: Callable[[int, float], None]
) -> Outcome:
    """Runs one task: a whole cell, or the preparation of a shared step.

    The scenario is drawn twice. For tuning, only copies of its training and validation rows are kept, so that no method
    can reach a test row, not even through a reference to the corpus. For scoring it is drawn again, after the predictor
    is frozen. Both draws use the same seed and so give the same rows.

    Args:
        task: the task to run.
        ledger: measures compute seconds and memory; it can be read also if the cell fails.
        on_trial: called with each trial's number before it starts.
        report: called with the steps and scores that the method reports.

    Returns:
        The result in plain values, compute seconds and memory, and the file of predictions.

    Raises:
        CellFailure: no trial finished.
        UserError: the method or the data cannot be opened.
    """
    registry.discover(task.plugins)
    info = method_of(task)
    method = info.factory()
    method.info = info  # a pickled class comes without its registration
    if isinstance(task, PrepareTask):
        _prepare(task, method, ledger)
        return Outcome(None, ledger.usage())
    assert isinstance(task, RunTask)
    with ledger.paused():
        data = _tuning_data(task, method.info.tags)
    context = _context(task, data.classes, ledger, report)
    name = f"{task.cell.method} on {task.cell.scenario}"
    tuned = tune(method, data.train, data.validation, data.groups, context, ledger, on_trial, name)
    ledger.end_tuning()
    result, tested = _score(task, tuned, method, data, ledger)
    usage = ledger.usage()  # before anything is saved, which is not part of the method's cost
    return Outcome(result, usage, _save(task, tuned.predictor, method, context), _encoded(task, tested))


@dataclass(frozen=True)
class _Tested:
    """What was tested: environments, and class probabilities by environment."""

    corpus: Corpus
    environments: dict[str, Environment]
    tables: dict[str, npt.NDArray[np.float32]]
    units: list[str]


def _encoded(task: RunTask, tested: _Tested) -> bytes:
    """Returns the file of predictions; none for a view, whose payloads are not whole, or if there are too many."""
    if task.cell.view:
        return b""
    named = task.named or task.benchmark
    try:
        return predictions.encode(task.key, named, tested.corpus, tested.environments, tested.tables, tested.units)
    except (TooLarge, MemoryError) as error:
        reason = str(error) or "do not fit into the memory of the worker"
        _logger.warning("%s: its predictions are not kept, since they %s.", task.label, reason)
        return b""


def _save(task: RunTask, predictor: Predictor, method: Method, context: Context) -> str:
    """Saves the frozen predictor in the task's folder; returns the error message, since the cell is done either way."""
    if not task.model:
        return ""
    shutil.rmtree(task.model, ignore_errors=True)  # left by a killed run; the cell lock keeps other runs away
    try:
        predictors.save(predictor, method.info, context, Path(task.model), task.key)
    except Exception as error:  # save is code of the method and may raise anything
        return str(error) if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
    return ""


def _context(task: Task, classes: tuple[str, ...], ledger: Ledger, report: Callable[[int, float], None]) -> Context:
    return Context.of(
        classes,
        seed=seeds.integer(task.cell.seed, "init"),
        device=task.cell.device,
        precision=cast(Precision, task.cell.precision),
        should_stop=ledger.exhausted,
        report=report,
        charge=ledger.charge,
        shared=ledger.shared,
    )


def _prepare(task: PrepareTask, method: Method, ledger: Ledger) -> None:
    with ledger.paused():
        corpus, scenario = _open(task)
        parts = {"train": scenario.train, "validation": scenario.validation, **scenario.environments}
        environment = parts.get(task.part) or _perturbed(task, corpus, scenario, task.part).environments.get(task.part)
        if environment is None:
            return  # no row of this scenario could be perturbed
        payloads = environment.render(corpus)
    method.prepare(payloads, _context(task, corpus.classes, ledger, lambda step, score: None))


@dataclass(frozen=True)
class _TuningData:
    train: TrainingData
    validation: TrainingData
    groups: npt.NDArray[np.int64]
    classes: tuple[str, ...]
    notes: tuple[str, ...]


def _open(task: Task) -> tuple[Corpus, Scenario]:
    benchmark = registry.open_benchmark(task.benchmark)
    corpus = benchmark.corpus()
    if corpus.meta.hash != task.cell.corpus:
        raise RuntimeError(f"the corpus changed while the run was under way ({task.benchmark})")
    spec = next(s for s in benchmark.scenarios() if s.name == task.cell.base_scenario)
    scenario = benchmark.build(corpus, spec, task.cell.seed, Sizes(*task.cell.sizes))
    return corpus, show_part(scenario, with_view(spec, task.cell.view)) if task.cell.view else scenario


def _perturbed(task: Task, corpus: Corpus, scenario: Scenario, only: str | None = None) -> PerturbedEnvironments:
    options = NO_PERTURBED if task.cell.view else task.perturbed
    return perturbed_environments(scenario, options, corpus, task.cell.seed, only)


def _tuning_data(task: Task, tags: frozenset[Tag]) -> _TuningData:
    corpus, scenario = _open(task)
    train, validation = training_and_validation(corpus, scenario, tags)
    groups = validation.labels if validation.groups is None else validation.groups
    notes = (*scenario.notes, *(training_data.group_notes(scenario, train) if "groups" in tags else ()))
    if "text" in tags and task.benchmark.text is not None:
        notes += (f"{task.cell.scenario}, seed {task.cell.seed}: {training_texts.withheld_note(corpus, scenario)}",)
    return _TuningData(train, validation, groups.copy(), corpus.classes, notes)


def _score(
    task: Task, tuned: Tuned, method: Method, data: _TuningData, ledger: Ledger
) -> tuple[dict[str, Any], _Tested]:
    with ledger.paused():
        corpus, scenario = _open(task)
        perturbed = _perturbed(task, corpus, scenario)
    environments = {**scenario.environments, **perturbed.environments}
    tables = {name: _predict(tuned.predictor, corpus, env) for name, env in environments.items()}
    ledger.end_scoring()
    predicted = {name: table.argmax(axis=1) for name, table in tables.items()}
    units = unit_names(corpus, scenario)
    counts = count(corpus, environments, tables, predicted, units, trained_cves(corpus, scenario, units))
    measured = metrics_of(counts)
    result = Result(
        classes=list(corpus.classes),
        rows={"train": len(data.train), "validation": len(data.validation)},
        best_trial=tuned.best.number,
        params=tuned.best.params,
        limited_by=tuned.limited_by,
        selected_by=selection(method),
        trials=_with_tests(tuned, measured, corpus, scenario),
        metrics=measured,
        predictions={name: hashing.of_array(classes.astype(np.int16)) for name, classes in predicted.items()},
        units=list(counts.units),
        counts=counts.counts,
        confidence=counts.confidence,
        flips=counts.flips,
        occlusion=counts.occlusion,
        trained=counts.trained,
        perturbations={
            name: PerturbationCounts(
                left_out=dict(sorted(tally.left_out.items())),
                draws=tally.plain(),
                base=counts.base.get(name, ""),
                worst=counts.worst.get(name, ""),
            )
            for name, tally in perturbed.tallies.items()
        },
        unread=_unread(tuned.predictor, corpus, scenario),
        notes=[*data.notes, *(f"{task.cell.method}: {note}" for note in tuned.predictor.notes)],
    )
    return result.model_dump(mode="json"), _Tested(corpus, environments, tables, units)


def _unread(predictor: Predictor, corpus: Corpus, scenario: Scenario) -> float | None:
    """Returns `Predictor.unread` for the payloads of the first environment whose attack spans are known."""
    content = next(iter(scenario.environments.values())).rendered(corpus)
    spans = [tuple(span or ()) for span in content.spans]
    return predictor.unread(content.payloads, spans) if any(spans) else None


def _with_tests(
    tuned: Tuned, selected: Mapping[str, Mapping[str, float]], corpus: Corpus, scenario: Scenario
) -> list[TrialRecord]:
    """Returns the trials with the test macro-F1 of each complete one; the selection is over by then.

    These figures show what the default configuration reaches, and how much the selection on validation loses.

    Args:
        tuned: result of the search; its other predictors are dropped one by one, which frees their memory.
        selected: metrics of the selected trial by environment.
        corpus: the corpus.
        scenario: the scenario, whose environments are the tests.
    """
    trials = []
    for trial in tuned.trials:
        tests: dict[str, float] = {}
        if trial.number == tuned.best.number:
            tests = {name: selected[name]["macro_f1"] for name in scenario.environments}
        elif predictor := tuned.others.pop(trial.number, None):
            for name, environment in scenario.environments.items():
                predicted = _predict(predictor, corpus, environment).argmax(axis=1)
                table = metrics.confusion(corpus.labels[environment.rows], predicted, len(corpus.classes))
                tests[name] = metrics.macro_f1(table)
        trials.append(trial.model_copy(update={"test_macro_f1": tests}))
    return trials


def _predict(predictor: Predictor, corpus: Corpus, environment: Environment) -> npt.NDArray[np.float32]:
    table = predictor.predict_proba(environment.render(corpus))
    return metrics.check_probabilities(table, len(environment.rows), len(corpus.classes))
