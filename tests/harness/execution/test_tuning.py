"""The search of a cell: whose draws are whose, and what is kept of the trials that were not selected."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import harness
from harness import registry
from harness.data.payloads import Payloads
from harness.execution.budget import Budget, Ledger
from harness.execution.tuning import Tuned, tune
from harness.method import Method, Predictor, TrainingData
from harness.records.schema import Result
from harness.space import Categorical, Float
from tests.tools import golden

CLASSES = ("open-redirect", "sql-injection")
LABELS = np.array([0, 1] * 10)


class Always(Predictor):
    def __init__(self, share: float) -> None:
        self.share = share

    def predict_proba(self, payloads: Payloads) -> np.ndarray:
        table = np.full((len(payloads), 2), self.share, np.float32)
        table[:, 1] = 1 - self.share
        return table


@pytest.fixture
def method() -> Method:
    registry.discover()

    class Drawn(Method):
        """Fails below 0.2, so that not every trial completes."""

        space = {"share": Float(0.0, 1.0, default=0.6)}
        info = registry.method("majority")

        def fit(self, train, validation, params, context) -> Predictor:  # type: ignore[no-untyped-def]
            if params["share"] < 0.2:
                raise ValueError("too small")
            return Always(params["share"])

    return Drawn()


def search(method: Method, cell: str, folder: Path, trials: int = 8) -> Tuned:
    data = TrainingData(Payloads.from_list([b"x"] * len(LABELS)), LABELS)
    context = golden.context(CLASSES, folder)
    return tune(method, data, data, LABELS, context, Ledger(Budget(trials, 60)), lambda number: None, cell)


def shares(tuned: Tuned) -> list[float]:
    return [trial.params["share"] for trial in tuned.trials]


def test_cells_share_no_draw_but_the_default(method: Method, tmp_path: Path) -> None:
    one, again, other = (search(method, cell, tmp_path) for cell in ("m on iid", "m on iid", "m on planted-95"))
    assert shares(one) == shares(again)
    assert shares(one)[0] == shares(other)[0] == 0.6
    assert set(shares(one)[1:]).isdisjoint(shares(other)[1:])


def test_more_trials_extend_fewer(method: Method, tmp_path: Path) -> None:
    assert shares(search(method, "m on iid", tmp_path, 5)) == shares(search(method, "m on iid", tmp_path, 8))[:5]


def test_the_predictors_of_the_other_complete_trials_are_kept(method: Method, tmp_path: Path) -> None:
    tuned = search(method, "m on iid", tmp_path)
    complete = {trial.number for trial in tuned.trials if trial.state == "complete"}
    assert set(tuned.others) == complete - {tuned.best.number}
    assert any(trial.state == "failed" for trial in tuned.trials)
    for number, predictor in tuned.others.items():
        assert isinstance(predictor, Always)
        assert predictor.share == tuned.trials[number].params["share"]


def test_another_seed_draws_other_configurations(method: Method, tmp_path: Path) -> None:
    data = TrainingData(Payloads.from_list([b"x"] * len(LABELS)), LABELS)
    found = []
    for seed in (0, 1, 0):
        context = replace(golden.context(CLASSES, tmp_path), seed=seed)
        tuned = tune(method, data, data, LABELS, context, Ledger(Budget(4, 60)), lambda number: None, "m on iid")
        found.append(shares(tuned))
    assert found[0] == found[2]
    assert set(found[0][1:]).isdisjoint(found[1][1:])


def test_of_equal_trials_the_first_is_selected(method: Method, tmp_path: Path) -> None:
    """Every share gives one class to all rows, half of which have it."""
    tuned = search(method, "m on iid", tmp_path)
    scores = [trial.macro_f1 for trial in tuned.trials if trial.state == "complete"]
    assert scores == [pytest.approx(1 / 3)] * len(scores)
    assert len(scores) > 2
    assert tuned.best.number == 0


class Guess(Predictor):
    def __init__(self, classes: np.ndarray) -> None:
        self.classes = classes

    def predict_proba(self, payloads: Payloads) -> np.ndarray:
        return np.eye(2, dtype=np.float32)[self.classes]


def test_macro_f1_breaks_ties_of_the_worst_group(tmp_path: Path) -> None:
    """The first group has one row, which all trials get wrong; all but the first get the others right."""
    registry.discover()
    groups = np.array([0, *([1] * 19)])
    wrong = np.where(np.arange(20) < 6, 1 - LABELS, LABELS)
    nearly = np.where(np.arange(20) < 1, 1 - LABELS, LABELS)

    class Grouped(Method):
        space = {"x": Float(0.0, 1.0, default=0.5)}
        info = replace(registry.method("majority"), tags=frozenset({"groups"}))

        def fit(self, train, validation, params, context) -> Predictor:  # type: ignore[no-untyped-def]
            return Guess(wrong if params["x"] == 0.5 else nearly)

    data = TrainingData(Payloads.from_list([b"x"] * 20), LABELS, groups=groups)
    context = golden.context(CLASSES, tmp_path)
    tuned = tune(Grouped(), data, data, groups, context, Ledger(Budget(3, 60)), lambda number: None, "m on iid")
    assert {trial.worst_group for trial in tuned.trials} == {0.0}
    assert tuned.best.number == 1


def test_a_pruned_trial_is_recorded_and_never_selected(tmp_path: Path) -> None:
    """Trials after the first report lower scores and are pruned, although their predictors would be right."""
    registry.discover()

    class Late(Method):
        space = {"x": Float(0.0, 1.0, default=0.5)}
        info = registry.method("majority")

        def fit(self, train, validation, params, context) -> Predictor:  # type: ignore[no-untyped-def]
            first = params["x"] == 0.5
            for step in range(4):
                context.report(step, 0.9 if first else 0.1)
            return Guess(1 - LABELS if first else LABELS)

    data = TrainingData(Payloads.from_list([b"x"] * 20), LABELS)
    ledger = Ledger(Budget(4, 60, pruner="median"))
    context = golden.context(CLASSES, tmp_path)
    tuned = tune(Late(), data, data, LABELS, context, ledger, lambda number: None, "m on iid")
    assert [trial.state for trial in tuned.trials] == ["complete", "pruned", "pruned", "pruned"]
    assert (tuned.trials[0].macro_f1, tuned.trials[1].macro_f1) == (0.0, 1.0)
    assert tuned.best.number == 0
    assert tuned.others == {}


def test_a_space_of_fewer_points_than_trials_ends_the_search(tmp_path: Path) -> None:
    registry.discover()

    class Two(Method):
        space = {"answer": Categorical(("a", "b"), default="a")}
        info = registry.method("majority")

        def fit(self, train, validation, params, context) -> Predictor:  # type: ignore[no-untyped-def]
            return Guess(LABELS)

    data = TrainingData(Payloads.from_list([b"x"] * 20), LABELS)
    for trials, expected, limit in ((1, 1, "trials"), (2, 2, "trials"), (5, 2, "space")):
        ledger, context = Ledger(Budget(trials, 60)), golden.context(CLASSES, tmp_path)
        tuned = tune(Two(), data, data, LABELS, context, ledger, lambda number: None, "m on iid")
        assert (len(tuned.trials), tuned.limited_by) == (expected, limit)


def test_records_have_the_tests_of_every_trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    options = {"scenarios": "cve-disjoint", "rows": (88, 44, 44), "seeds": 1}
    searched = harness.run("tfidf-logreg", "synthetic", trials=3, results="searched", **options)
    default = harness.run("tfidf-logreg", "synthetic", trials=1, results="default", **options)
    (record,), (plain,) = searched.records, default.records
    assert isinstance(record.result, Result)
    assert isinstance(plain.result, Result)
    best = record.result.best_trial
    for environment, metrics in record.result.metrics.items():
        assert record.result.trials[best].test_macro_f1[environment] == metrics["macro_f1"]
        default_score = plain.result.metrics[environment]["macro_f1"]
        assert record.result.trials[0].test_macro_f1[environment] == default_score
    assert len({trial.test_macro_f1["test"] for trial in record.result.trials}) > 1
    assert record.provenance.trial_scoring_seconds > 0
    assert plain.provenance.trial_scoring_seconds < 0.1
