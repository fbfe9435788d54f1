"""Every robust method on small problems whose shortcut is known: its worst group against plain training's."""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
import torch
from harness.methods.learners.byte_cnn import ByteCNNLearner
from harness.methods.neural.towers import ByteCNN, Tower
from scipy import stats
from torch import nn

from harness import Context, Method, Params, Payloads, TrainingData, registry, space
from harness.evaluation.metrics import worst_group_accuracy
from harness.strategy import PairedMethod, Plain
from tests.tools import golden

SEEDS = 12
WIDTH = 12  # numbers in a payload: what decides, the shortcut, and noise
Rows = np.ndarray


class Numbers:
    """Payloads that are float32 numbers, as batches."""

    def __init__(self, payloads: Payloads) -> None:
        self._table = torch.from_numpy(np.stack([np.frombuffer(payload, np.float32) for payload in payloads]))
        self.lengths = np.full(len(payloads), WIDTH, dtype=np.int64)

    def batch(self, rows: Rows) -> tuple[torch.Tensor, torch.Tensor]:
        values = self._table[torch.from_numpy(rows)]
        return values, torch.ones_like(values, dtype=torch.bool)


class Small(Tower):
    """One hidden layer."""

    def __init__(self) -> None:
        super().__init__()
        self.width = 16
        self.layers = nn.Sequential(nn.Linear(WIDTH, 16), nn.ReLU())

    def read(self, payloads: Payloads, context: Context) -> Numbers:
        return Numbers(payloads)

    def forward(self, values: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        return self.layers(values)


@dataclass(frozen=True)
class Problem:
    """Two classes; the shortcut agrees with the class as often as a source's ``rho`` says, and is easier to read.

    Attributes:
        rho: per source.
        noise: spread of what decides, whose means are -1 and 1; that of the shortcut is 0.1.
        wrong: share of labels that are turned around before the shortcut is drawn, as in coloured MNIST.
        rows: of training.
        marked: whether a row's environment is what its shortcut shows, and not the source that it was drawn from.
    """

    rho: tuple[float, ...]
    noise: float
    wrong: float = 0.0
    rows: int = 1000
    marked: bool = False

    def draw(self, rng: np.random.Generator, rows: int, even: bool) -> TrainingData:
        """``even`` makes the shortcut tell nothing."""
        truth, source = rng.integers(2, size=rows), rng.integers(len(self.rho), size=rows)
        label = np.where(rng.random(rows) < self.wrong, 1 - truth, truth)
        agrees = rng.random(rows) < (0.5 if even else np.array(self.rho)[source])
        shortcut = np.where(agrees, label, 1 - label)
        table = rng.normal(size=(rows, WIDTH))
        table[:, 0] = 2 * truth - 1 + self.noise * table[:, 0]
        table[:, 1] = 2 * shortcut - 1 + 0.1 * table[:, 1]
        payloads = Payloads.from_list(row.tobytes() for row in table.astype(np.float32))
        return TrainingData(
            payloads, label, groups=label * 2 + ~agrees, environments=shortcut if self.marked else source
        )


@dataclass(frozen=True)
class Carriers(Problem):
    """The same as requests: letters of the attack decide, some of them at random, and the host is the shortcut."""

    def draw(self, rng: np.random.Generator, rows: int, even: bool) -> TrainingData:
        data = super().draw(rng, rows, even)
        shortcut = np.where(data.groups % 2, 1 - data.labels, data.labels)
        payloads, spans = [], []
        for label, host in zip(data.labels.tolist(), shortcut.tolist(), strict=True):
            letters = np.where(rng.random(8) < self.noise, rng.integers(97, 123, size=8), 97 + label)
            start = b"GET /?q="
            payloads.append(start + bytes(letters.tolist()) + b" HTTP/1.1\r\nHost: %s.example\r\n\r\n" % HOSTS[host])
            spans.append((len(start), len(start) + 8))
        return replace(data, payloads=Payloads.from_list(payloads), spans=tuple(spans))


HOSTS = (b"north", b"south")
GROUPS = Problem((0.95,), 0.8)
SOURCES = Problem((0.9, 0.7), 0.3, wrong=0.25, rows=4000)  # penalties on few rows are mostly noise
MARKED = Problem((0.8,), 0.8, marked=True)
REQUESTS = Carriers((0.95,), 0.8)


def on_small_tower(name: str, problem: Problem) -> Method:
    class OnSmallTower(ByteCNNLearner):
        def tower(self, params: Params) -> Tower:
            return ByteCNN(8, 16, 4, 1) if isinstance(problem, Carriers) else Small()

    strategy = Plain() if name == "byte-cnn" else registry.strategies[name].factory()
    return PairedMethod(strategy, OnSmallTower())


def scores(name: str, problem: Problem, params: Params, root: Path) -> np.ndarray:
    """Worst-group accuracy of a method in a test in which the shortcut tells nothing, float64 (seeds,)."""
    method, out = on_small_tower(name, problem), []
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        train, validation = (problem.draw(rng, rows, False) for rows in (problem.rows, problem.rows * 2 // 5))
        test = problem.draw(rng, 2000, True)
        context = replace(golden.context(("open-redirect", "sql-injection"), root), seed=seed)
        predictor = method.fit(train, validation, {**space.defaults(method.space), **params}, context)
        hit = predictor.predict_proba(test.payloads).argmax(axis=1) == test.labels
        out.append(worst_group_accuracy(hit, test.groups))
    return np.array(out)


def gain(name: str, problem: Problem, params: Params, other: str, others: Params, root: Path) -> tuple[float, float]:
    """Mean and half width of the 95 % interval over seeds of what a method's worst group gains on another's."""
    ours, theirs = scores(name, problem, params, root), scores(other, problem, others, root)
    values = ours - theirs
    half = stats.t.ppf(0.975, SEEDS - 1) * values.std(ddof=1) / SEEDS**0.5
    print(
        f"{name} {params}: worst group {ours.mean():.3f}, of {other} {others} {theirs.mean():.3f}; "
        f"{100 * values.mean():+.1f} ± {100 * half:.1f} points over {SEEDS} seeds"
    )
    return float(values.mean()), float(half)


CASES = [
    ("rwg", GROUPS, {}),
    ("rwg", GROUPS, {"by": "subsampling"}),
    ("group-dro", GROUPS, {}),
    ("jtt", GROUPS, {}),
    ("dfr", GROUPS, {}),
    ("cnc", GROUPS, {}),
    ("irm", SOURCES, {}),
    ("v-rex", SOURCES, {"penalty": 1e3}),
    ("coral", MARKED, {}),
    ("carrier-mix", REQUESTS, {}),
]


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("name", "problem", "params"), CASES, ids=lambda value: str(value))
def test_the_worst_group_gains_on_plain_training(name: str, problem: Problem, params: Params, tmp_path: Path) -> None:
    registry.discover()
    mean, half = gain(name, problem, params, "byte-cnn", {}, tmp_path)
    assert mean - half > 0


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(
    ("name", "problem", "penalty"), [("irm", SOURCES, 1e2), ("v-rex", SOURCES, 1e3), ("coral", MARKED, 1.0)], ids=str
)
def test_it_is_the_penalty_that_gains_not_the_groups_of_validation(
    name: str, problem: Problem, penalty: float, tmp_path: Path
) -> None:
    registry.discover()
    mean, half = gain(name, problem, {"penalty": penalty}, name, {"penalty": 0.0}, tmp_path)
    assert mean - half > 0


@pytest.mark.slow
def test_coral_does_not_help_where_sources_differ_in_the_correlation_alone(tmp_path: Path) -> None:
    """As published: on coloured MNIST it does what plain training does (DomainBed, arXiv 2007.01434)."""
    registry.discover()
    mean, half = gain("coral", SOURCES, {}, "coral", {"penalty": 0.0}, tmp_path)
    assert mean - half < 0.05
