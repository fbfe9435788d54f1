"""The search of a cell: whose draws are whose, and what is kept of the trials that were not selected."""

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
from harness.space import Float
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
