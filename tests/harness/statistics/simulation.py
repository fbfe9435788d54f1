"""Simulated benchmarks whose true scores are known, with the structure of a real run: see `World`.

``python -m tests.harness.statistics.simulation [WORLDS]`` prints the tables of docs/statistics.md.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.evaluation import metrics
from harness.statistics.intervals import unit_influence

CLASSES, CVES, ROWS, FEATURES = 11, 48, 6, 16  # CVEs of each class, rows (cores) of each CVE
TESTED_ROWS = 3  # of each CVE: a fold tests half of the cores of its units
TRAINING, VALIDATION = 330, 110  # rows, as in the preset `standard`
HIDDEN = 40  # random features of the learner
CVE_SPREAD, ROW_SPREAD, SHIFT = 0.8, 0.7, 0.4
PENALTY = 3.0  # of the default configuration; the random one has up to ten times as much
BASE = "base"
EQUALS = tuple(f"equal {i}" for i in range(10))
BLUR = {BASE: 0.60, **dict.fromkeys(EQUALS, 0.60), "1 point": 0.63, "2.5 points": 0.69, "5 points": 0.78}
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class Cell(NamedTuple):
    """What a cell yields: its score, and the influence of every CVE on it, NaN for CVEs that it does not test."""

    score: float
    influence: Floats


@dataclass
class World:
    """A corpus drawn from a fixed population: rows of CVEs of classes, each with random effects.

    Like a real run, a fold tests half of the rows of its CVEs; a method is trained on 330 rows that are drawn from the
    CVEs of all other folds, so that training sets overlap; and each seed has its own training draw, its own random
    configuration chosen on validation rows, and its own initialisation. Every method sees the features through noise of
    its own, whose strength makes the true differences and whose part per CVE makes methods disagree on whole CVEs.

    Attributes:
        number: selects the random stream.
        training: rows to train on; None for all of the other folds.
    """

    number: int
    training: int | None = TRAINING
    cve: Ints = field(init=False)
    label: Ints = field(init=False)
    rows: Floats = field(init=False)
    folds: dict[int, Ints] = field(init=False)

    def __post_init__(self) -> None:
        centres = np.random.default_rng(7).normal(size=(CLASSES, FEATURES))  # the classes are the same in all worlds
        random = np.random.default_rng([11, self.number])
        of_cve = np.repeat(np.arange(CLASSES), CVES)
        effects = centres[of_cve] + CVE_SPREAD * random.normal(size=(len(of_cve), FEATURES))
        self.cve = np.repeat(np.arange(len(of_cve)), ROWS)
        self.label = of_cve[self.cve]
        self.rows = effects[self.cve] + ROW_SPREAD * random.normal(size=(len(self.cve), FEATURES))
        self.folds = {
            count: np.concatenate([random.permutation(np.arange(CVES) % count) for _ in range(CLASSES)])
            for count in (6, 12)
        }

    def cells(self, method: str, folds: int, seeds: Sequence[int]) -> list[Cell]:
        """Returns the cells of a method: seed s tests fold s mod ``folds``."""
        view = self._view(method)
        return [self._cell(view, method, folds, seed) for seed in seeds]

    def _view(self, method: str) -> Floats:
        random = np.random.default_rng([13, self.number, *method.encode()])
        noise = 0.7 * random.normal(size=(CLASSES * CVES, FEATURES))[self.cve] + random.normal(size=self.rows.shape)
        return self.rows + BLUR[method] * noise

    def _cell(self, view: Floats, method: str, folds: int, seed: int) -> Cell:
        held = self.folds[folds][self.cve] == seed % folds
        draw = np.random.default_rng([12, self.number, folds, seed])  # the same training rows for every method
        other = draw.permutation(np.flatnonzero(~held))
        validation, rest = other[:VALIDATION], other[VALIDATION:]
        train = rest[: self.training]
        random = np.random.default_rng([14, self.number, folds, seed, *method.encode()])
        weights, offsets = random.normal(size=(FEATURES, HIDDEN)) / np.sqrt(FEATURES), random.normal(size=HIDDEN)

        def hidden(rows: Floats) -> Floats:
            out: Floats = np.maximum(rows @ weights + offsets, 0)
            return np.column_stack([0.5 * out, rows])

        x, y = hidden(view[train]), np.eye(CLASSES)[self.label[train]]
        penalties = (PENALTY, PENALTY * float(10 ** random.uniform(0, 1)))
        fits = [np.linalg.solve(x.T @ x + penalty * np.eye(x.shape[1]), x.T @ y) for penalty in penalties]
        checked = hidden(view[validation])
        best = max(fits, key=lambda fit: ((checked @ fit).argmax(axis=1) == self.label[validation]).mean())
        tested = np.flatnonzero(held & (np.arange(len(held)) % ROWS < TESTED_ROWS))
        guesses = [(hidden(view[tested] + shift) @ best).argmax(axis=1) for shift in (0.0, SHIFT)]
        return self._scored(tested, guesses)

    def _scored(self, tested: Ints, guesses: Sequence[Ints]) -> Cell:
        """Returns the mean macro-F1 over environments, and its derivative by the weight of each CVE."""
        truth = self.label[tested]
        cves, unit = np.unique(self.cve[tested], return_inverse=True)
        influence = np.full(CLASSES * CVES, np.nan)
        influence[cves] = 0
        scores = []
        for guess in guesses:
            true, hit, predicted = np.zeros((3, len(cves), CLASSES))
            np.add.at(true, (unit, truth), 1)
            np.add.at(predicted, (unit, guess), 1)
            np.add.at(hit, (unit[truth == guess], truth[truth == guess]), 1)
            influence[cves] += unit_influence(true, hit, predicted) / len(guesses)
            scores.append(metrics.macro_f1(metrics.confusion(truth, guess, CLASSES)))
        return Cell(float(np.mean(scores)), influence)
