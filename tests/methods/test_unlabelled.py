"""Methods that learn from payloads without a class: what they train on, by hand-made rows and recorded fits."""

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch
from harness.methods.base.unlabelled import most_certain, with_unlabelled
from harness.methods.neural.heads import Alignment, AlignmentHead, CrossEntropyHead, SharedHead
from harness.methods.neural.inputs import ByteInputs
from harness.methods.neural.scorers import Prototypes
from harness.methods.neural.stage_one import permuted_side
from harness.methods.neural.text_side import TextSide
from harness.methods.neural.towers import ByteCNN
from harness.methods.neural.training import Classifier, Settings, train
from harness.methods.strategies.distillation import Distillation
from harness.methods.strategies.pseudo_labels import PseudoLabels
from torch.nn import functional

from harness import (
    PLAIN_TRAINING,
    BenchmarkRef,
    Context,
    Descriptions,
    Learner,
    Payloads,
    Predictor,
    Sizes,
    Training,
    TrainingData,
    Unlabelled,
    registry,
    space,
)
from harness.evaluation.metrics import confusion, macro_f1
from harness.scenarios.training_data import training_and_validation
from tests.tools import golden

CLASSES = ("open-redirect", "sql-injection")
PARAMS = {"part": 0.5, "weight": 0.25}


@dataclass
class Recorder(Learner):
    """Predicts class shares that are given by the payload, and keeps what it was trained on."""

    shares: dict[bytes, tuple[float, float]]
    fits: list[tuple[TrainingData, Training]] = field(default_factory=list)

    def fit(self, train, validation, params, context, training=PLAIN_TRAINING):  # type: ignore[no-untyped-def]
        self.fits.append((train, training))
        return Fixed(self.shares)


class Fixed(Predictor):
    def __init__(self, shares: dict[bytes, tuple[float, float]]) -> None:
        self.shares = shares

    def predict_proba(self, payloads: Payloads) -> np.ndarray:
        return np.array([self.shares[payload] for payload in payloads], dtype=np.float32)


def rows(texts: Descriptions | None = None, of_row: np.ndarray | None = None) -> TrainingData:
    without = Unlabelled(Payloads.from_list([b"c", b"d", b"e", b"f"]), of_row)
    return TrainingData(Payloads.from_list([b"a", b"b"]), np.array([0, 1]), texts, unlabelled=without)


def context(tmp_path: Path) -> Context:
    return golden.context(CLASSES, tmp_path)


def test_a_part_of_each_guessed_class_is_kept_the_most_certain_first() -> None:
    shares = np.array([[0.9, 0.1], [0.6, 0.4], [0.7, 0.3], [0.2, 0.8]], dtype=np.float32)
    assert most_certain(shares, 0.5).tolist() == [0, 2, 3]
    assert most_certain(shares, 0.2).tolist() == [0, 3]
    assert most_certain(shares, 1.0).tolist() == [0, 1, 2, 3]


def test_pseudo_labels_are_those_of_a_first_model(tmp_path: Path) -> None:
    learner = Recorder({b"c": (0.9, 0.1), b"d": (0.6, 0.4), b"e": (0.7, 0.3), b"f": (0.2, 0.8)})
    predictor = PseudoLabels().fit(learner, rows(), rows(), PARAMS, context(tmp_path))
    (first, plain), (second, training) = learner.fits
    assert plain == PLAIN_TRAINING
    assert len(first) == 2
    assert list(second.payloads) == [b"a", b"b", b"c", b"e", b"f"]
    assert second.labels.tolist() == [0, 1, 0, 0, 1]
    assert second.labels.dtype == np.int64
    assert training.weights == pytest.approx(np.array([1, 1, 0.25, 0.25, 0.25]) / 0.55)
    assert predictor.notes == ("3 payloads without a class were trained on, 2 with a label",)


def test_distillation_takes_the_classes_from_the_descriptions(tmp_path: Path) -> None:
    words = ("redirects to another site", "changes a query", "a redirect elsewhere", "a changed query of the database")
    texts = Descriptions(words, np.array([0, 1, -1, -1]), np.array([0, 1]))
    learner = Recorder({})
    data = rows(texts, np.array([2, 3, -1, 2]))
    predictor = Distillation().fit(learner, data, rows(), {**PARAMS, "part": 1.0}, context(tmp_path))
    ((joined, training),) = learner.fits
    assert list(joined.payloads) == [b"a", b"b", b"c", b"d", b"f"], "a payload without a text has no guess"
    assert joined.labels.tolist() == [0, 1, 0, 1, 0]
    assert training.weights is not None
    assert predictor.notes[0].startswith("3 payloads without a class")


@pytest.mark.parametrize("strategy", [PseudoLabels, Distillation])
def test_without_such_payloads_it_is_the_plain_learner_and_says_so(strategy: type, tmp_path: Path) -> None:
    learner = Recorder({})
    plain = TrainingData(Payloads.from_list([b"a", b"b"]), np.array([0, 1]))
    predictor = strategy().fit(learner, plain, plain, PARAMS, context(tmp_path))
    assert learner.fits == [(plain, PLAIN_TRAINING)]
    assert "this is the plain learner" in predictor.notes[0]


def test_payloads_with_a_text_are_joined_without_a_class() -> None:
    texts = Descriptions(("one", "two", "three"), np.array([0, 1, -1]), np.array([0, 1]))
    joined = with_unlabelled(rows(texts, np.array([2, -1, 0, 2])))
    assert list(joined.payloads) == [b"a", b"b", b"c", b"e", b"f"]
    assert joined.labels.tolist() == [0, 1, -1, -1, -1]
    assert joined.descriptions is not None
    assert joined.descriptions.of_row.tolist() == [0, 1, 2, 0, 2]
    assert with_unlabelled(rows()).labels.tolist() == [0, 1], "a method without the tag text gets no descriptions"


def side() -> TextSide:
    """Two texts of class 0, one of class 1, one without a class; two labelled rows, and one without a class."""
    texts = functional.normalize(torch.tensor([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0], [-1.0, 0.5]]), dim=1)
    anchors = functional.normalize(torch.tensor([[1.0, -1.0], [-1.0, 1.0]]), dim=1)
    return TextSide(texts, torch.tensor([0, 0, 1, -1]), torch.tensor([0, 2, 3]), anchors)


def test_a_payload_without_a_class_has_one_positive_its_own_text() -> None:
    head = AlignmentHead(Prototypes(2, 2, 2, 2, projected=False), side(), Alignment(temperature=0.5))
    vectors = functional.normalize(torch.tensor([[0.2, 1.0], [1.0, 0.3]]), dim=1)
    loss = head.loss(vectors, torch.tensor([-1, 0]), torch.tensor([2, 0]))
    log_shares = torch.log_softmax(vectors @ side().texts.T / 0.5, dim=1)
    own_text, same_class = -log_shares[0, 3], -log_shares[1, :2].logsumexp(dim=0)
    assert float(loss) == pytest.approx(float((own_text + same_class) / 2), abs=1e-5)


def test_prototypes_and_rows_of_text_are_of_texts_with_a_class() -> None:
    vectors, classes = side().prototypes()
    assert classes.tolist() == [0, 1]
    assert torch.allclose(vectors[0], functional.normalize(side().texts[:2].sum(0), dim=0))
    near = TextSide(side().texts, side().labels, side().of_row, side().anchors, "nearest")
    assert near.prototypes()[1].tolist() == [0, 0, 1]
    head = SharedHead(2, side(), 2)
    assert torch.isfinite(head.loss(torch.randn(64, 2), torch.zeros(64, dtype=torch.long), torch.zeros(64)))


def test_the_permuted_control_keeps_the_texts_without_a_class_apart() -> None:
    data = TrainingData(Payloads.from_list([b"0", b"1", b"2"]), np.array([0, 1, -1]))
    permuted = permuted_side(side(), data, Context(3, (), "cpu", "float32", None))
    assert permuted.labels.tolist() == [1, 1, 0, -1]
    assert permuted.of_row[2] == 3, "the only text of its kind"


def test_a_training_that_has_not_begun_to_learn_is_not_stopped(tmp_path: Path) -> None:
    """Nothing is learned at a rate of nearly 0: training ends early only if it is already better than chance."""
    payloads = Payloads.from_list([b"GET /a HTTP/1.1", b"GET /b HTTP/1.1"] * 4)
    labels = np.array([0, 1] * 4)
    epochs = []
    for certain in (False, True):
        torch.manual_seed(0)
        tower = ByteCNN(4, 8, 4, 1)
        reports: list[float] = []
        here = Context(
            0, golden.context(CLASSES, tmp_path).classes, "cpu", "float32", None,
            report=lambda step, score, reports=reports: reports.append(score),
        )  # fmt: skip
        head = CrossEntropyHead(8, 2)
        with torch.no_grad():  # validation has class 0 alone: a bias towards it is better than equal probabilities
            head.scorer.linear.bias.copy_(torch.tensor([3.0, -3.0]) * (1 if certain else -1))
        inputs = ByteInputs(payloads, 64, shortest=4)
        only = ByteInputs(payloads[:1], 64, shortest=4)
        train(Classifier(tower, head), inputs, labels, (only, labels[:1]), Settings(1e-9, 12, patience=3), here)
        epochs.append(len(reports))
    assert epochs == [12, 4]


@pytest.mark.slow
def test_descriptions_stand_in_for_labels(tmp_path: Path, cache: Path) -> None:
    """Where most payloads have a description and no class, methods that use it are far ahead of those that do not."""
    registry.discover()
    benchmark = registry.open_benchmark(BenchmarkRef("synthetic"))
    corpus = benchmark.corpus()
    spec = next(spec for spec in benchmark.scenarios() if spec.name == "described-only")
    scores = {}
    scenario = benchmark.build(corpus, spec, 0, Sizes(330, 110, 220))
    test = scenario.environments["test"]
    for name in ("tfidf-logreg", "pseudo-labels:ngrams", "distillation:ngrams", "text-guided:byte-cnn"):
        info = registry.method(name)
        data = training_and_validation(corpus, scenario, info.tags)
        predictor = info.factory().fit(*data, space.defaults(info.space), golden.context(corpus.classes, tmp_path))
        guess = predictor.predict_proba(test.render(corpus)).argmax(1)
        scores[name] = macro_f1(confusion(corpus.labels[test.rows], guess, len(corpus.classes)))
    for name in ("distillation:ngrams", "text-guided:byte-cnn"):
        assert scores[name] > max(scores["tfidf-logreg"], scores["pseudo-labels:ngrams"]) + 0.15
