"""Estimators and pipelines of a user's as methods."""

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from harness.methods.base.answers import AdapterError

from harness import Categorical, Context, Float, Payloads, TrainingData, UserError, registry, space
from harness.data.taxonomy import threat_class
from harness.execution.budget import Budget, Ledger
from harness.method import MethodInfo, MethodRef, Predictor
from tests.conftest import Shell, results_of

CLASSES = ("sql-injection", "path-traversal", "open-redirect")
PAYLOADS = Payloads.from_list([b"GET /?q=1+union+select \xff\x00", b"GET /../../etc/passwd \xfe\x00"] * 20)
TRAIN = TrainingData(PAYLOADS, labels=np.tile([0, 1], 20))

MODULE = """
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.linear_model import LogisticRegression, SGDClassifier
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.svm import LinearSVC
from harness import Float

def pipe(last): return make_pipeline(HashingVectorizer(encoding="latin-1", n_features=256), last)
def plain(): return pipe(LogisticRegression())
def margins(): return pipe(LinearSVC())
def random(): return pipe(SGDClassifier(loss="log_loss"))

class Labeller:
    '''Has no probabilities and no classes; trained elsewhere, on labels of its own.'''
    def fit(self, X, y):
        assert X.dtype == object and type(X[0]) is bytes and X[0].endswith(b"\\0")
        assert set(y) <= {"sql-injection", "path-traversal"}
        return self
    def predict(self, X): return [7 if b"union" in x else 9 for x in X]

def searched(C, loss="hinge", alpha=0): return pipe(LogisticRegression(C=C))
searched.space = {"C": Float(0.1, 10.0, default=1.0, log=True), "loss": ["a", "b"], "alpha": 3}

value = 3
def nothing(): return 3
def raises(): raise RuntimeError("no weights")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "users_model.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    registry.discover()
    yield tmp_path
    sys.modules.pop("users_model", None)


def opened(factory: str, labels: dict[str, str] | None = None) -> MethodInfo:
    return registry.open_method(MethodRef("sklearn", f"users_model:{factory}", labels or {}))


def fitted(factory: str, seed: int = 0, labels: dict[str, str] | None = None) -> Predictor:
    context = Context(seed, tuple(map(threat_class, CLASSES)), "cpu", "float32", Ledger(Budget(1, 60)).shared)
    info = opened(factory, labels)
    return info.factory().fit(TRAIN, TRAIN, space.defaults(info.space), context)


@pytest.mark.parametrize(
    ("factory", "notes"),
    [
        ("plain", []),
        ("margins", ["its probabilities are a softmax of decision_function"]),
        ("Labeller", ["its probabilities are 1 for what predict says and 0 else"]),
        ("searched", []),
    ],
)
def test_every_way_to_answer_becomes_probabilities(folder: Path, factory: str, notes: list[str]) -> None:
    predictor = fitted(factory, labels={"7": "sql-injection", "9": "path-traversal"})
    table = predictor.predict_proba(PAYLOADS)
    assert table.dtype == np.float32
    assert np.allclose(table.sum(axis=1), 1, atol=1e-4)
    assert (table.argmax(axis=1) == TRAIN.labels).all()
    assert (table[:, 2] == 0).all(), "a class that training lacks"
    assert predictor.notes == notes


def test_one_with_a_space_is_ranked_and_searched(folder: Path) -> None:
    info = opened("searched")
    assert info.kind == "ranked"
    assert info.space == {
        "C": Float(0.1, 10.0, default=1.0, log=True),
        "loss": Categorical(("a", "b"), default="a"),
        "alpha": Categorical((3,), default=3),
    }
    assert opened("plain").kind == "fixed"


def test_the_cell_s_seed_reaches_every_part(folder: Path) -> None:
    first, again, other = (fitted("random", seed).predict_proba(PAYLOADS) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_a_label_of_its_own_is_named(folder: Path) -> None:
    with pytest.raises(AdapterError, match="the label '7' is not a class of this corpus"):
        fitted("Labeller").predict_proba(PAYLOADS)


def test_a_factory_that_returns_no_estimator_is_named(folder: Path) -> None:
    with pytest.raises(AdapterError, match="the factory returned int, which has no fit"):
        fitted("nothing")


def test_the_key_holds_the_module_s_bytes(folder: Path) -> None:
    first = opened("plain").adapter
    assert first is not None
    assert set(first) == {"digest", "labels"}
    (folder / "users_model.py").write_text(MODULE + "# other\n", encoding="utf-8")
    assert opened("plain").adapter != first


@pytest.mark.parametrize(
    ("argument", "complaint"),
    [
        ("users_model", "the form is sklearn:MODULE:FACTORY"),
        ("nosuchmodule:x", r"nosuchmodule cannot be imported \(ModuleNotFoundError"),
        ("users_model:plane", "users_model has no plane; did you mean plain"),
        ("users_model:value", "value is of type int; a function or class"),
    ],
)
def test_a_mistake_is_one_sentence(folder: Path, argument: str, complaint: str) -> None:
    with pytest.raises(UserError, match=complaint):
        registry.open_method(MethodRef("sklearn", argument))


@pytest.mark.parametrize("text", ["3", "{'a': object()}", "{'a': []}", "{'a': Float(1.0, 0.0, default=0.5)}"])
def test_a_malformed_space_is_one_sentence(folder: Path, text: str) -> None:
    (folder / "users_model.py").write_text(f"{MODULE}\nplain.space = {text}\n", encoding="utf-8")
    with pytest.raises(UserError, match="space"):
        opened("plain")


def test_it_is_tuned_and_fails_like_any_method(shell: Shell, mapped: tuple[str, ...]) -> None:
    (shell.folder / "users_model.py").write_text(MODULE, encoding="utf-8")
    methods = ",".join(f"sklearn:users_model:{name}" for name in ("searched", "plain", "raises"))
    done = shell("run", "--method", f"{methods},majority", *mapped, "--scenario", "random", "--trials", 3)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "failed: sklearn:users_model:raises on random, seed 0: RuntimeError: no weights" in done.stdout
    records = {r["cell"]["method"]: r for r in results_of(shell.folder / "results/local").values()}  # type: ignore[index]
    trials = {name: len(r["result"]["trials"]) for name, r in records.items() if r["status"] == "done"}
    assert trials == {"sklearn:users_model:searched": 3, "sklearn:users_model:plain": 1, "majority": 1}
