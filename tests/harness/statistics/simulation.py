"""Simulated benchmarks whose true scores are known, with the structure of a real run: see `World`.

``python -m tests.harness.statistics.simulation [FIRST LAST]`` prints the figures of docs/statistics.md.
"""

import math
import sys
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.evaluation import metrics
from harness.protocol import EQUIVALENCE_MARGIN
from harness.statistics.components import unit_influence
from harness.statistics.contrasts import UntestedClaim, judge
from harness.statistics.intervals import Interval, Sample, t_interval

CLASSES, CVES, ROWS, FEATURES = 11, 48, 6, 16  # CVEs of each class, rows (cores) of each CVE
TESTED_ROWS = 3  # of each CVE: a fold tests half of the cores of its units
TRAINING, VALIDATION = 330, 110  # rows, as in the preset `standard`
HIDDEN = 40  # random features of the learner
CVE_SPREAD, ROW_SPREAD, SHIFT = 0.8, 0.7, 0.4
PENALTY = 3.0  # of the default configuration; the random one has up to ten times as much
BASE = "base"
EQUALS = tuple(f"equal {i}" for i in range(10))
WORSE = ("1 point", "2.5 points", "5 points")  # about so much lower a score
BLUR = {BASE: 0.60, **dict.fromkeys(EQUALS, 0.60), **dict(zip(WORSE, (0.64, 0.675, 0.755), strict=True))}
DESIGNS = {"6 folds": (6, 6), "6 folds x 2": (6, 12), "6 folds x 3": (6, 18), "12 folds": (12, 12)}  # folds, seeds
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


class Outcome(NamedTuple):
    """What one world yields: by name, scores with their mean and half-width, and whether an event occurred."""

    intervals: dict[str, Interval]
    events: dict[str, bool]


def outcome(world: World, designs: Iterable[str], board: bool = True) -> Outcome:
    """Simulates every design on one world.

    Args:
        world: the corpus.
        designs: names of `DESIGNS`.
        board: whether to judge claims, which takes most of the time.
    """
    intervals: dict[str, Interval] = {}
    events: dict[str, bool] = {}
    longest: dict[int, int] = {}
    for folds, seeds in (DESIGNS[name] for name in designs):
        longest[folds] = max(seeds, longest.get(folds, 0))
    cells = {
        (method, folds): world.cells(method, folds, range(seeds))
        for folds, seeds in longest.items()
        for method in (BASE, EQUALS[0], *(WORSE if board and folds == 6 else ()))
    }
    for name in designs:
        folds, seeds = DESIGNS[name]
        samples = {method: _sample(own[:seeds], folds) for (method, count), own in cells.items() if count == folds}
        difference = samples[BASE].minus(samples[EQUALS[0]])
        for what, sample in (("score", samples[BASE]), ("difference", difference)):
            intervals[f"{name}, {what}"] = t_interval(sample)
            intervals[f"{name}, {what}, plain t over seeds"] = plain_t(sample.values, seeds)
            intervals[f"{name}, {what}, rules of protocol 2"] = plain_t(sample.values, 6)
        if board and folds == 6:
            for other in WORSE:
                events |= _verdicts(f"{name}, {other} better", samples[BASE].minus(samples[other]))
                events |= _verdicts(f"{name}, {other} worse", samples[other].minus(samples[BASE]))
                intervals[f"{name}, {other}"] = t_interval(samples[BASE].minus(samples[other]))
            events |= _verdicts(f"{name}, no difference", difference)
    if board:
        events |= _board_of_untrue_claims(world, cells[BASE, 6][:6])
    return Outcome(intervals, events)


def _sample(cells: Sequence[Cell], folds: int) -> Sample:
    influence = np.stack([cell.influence for cell in cells])
    return Sample([cell.score for cell in cells], [seed % folds for seed in range(len(cells))], folds, influence)


def plain_t(values: Sequence[float], most: int) -> Interval:
    """The t interval of independent values, of which at most so many count: the rule of protocol 2 with six."""
    from scipy.special import stdtrit

    count = min(len(values), most)
    error = float(np.std(values, ddof=1)) / math.sqrt(count)
    return Interval(float(np.mean(values)), float(stdtrit(count - 1, 0.975)) * error)


def _verdicts(name: str, sample: Sample) -> dict[str, bool]:
    """The verdict on a single claim with one contrast, and that of protocol 2."""
    (claim,) = judge([UntestedClaim("ours", (("other", sample),))], EQUIVALENCE_MARGIN)
    old = plain_t(sample.values, 6)
    return {
        **{f"{name}: {v}": claim.verdict == v for v in ("superior", "inferior", "equivalent", "inconclusive")},
        f"{name}: confirmed (protocol 2)": old.low > 0,
        f"{name}: refuted (protocol 2)": old.low <= 0 and old.high < EQUIVALENCE_MARGIN,
    }


def _board_of_untrue_claims(world: World, base: Sequence[Cell]) -> dict[str, bool]:
    """Ten methods that all claim to beat an equal one, over six folds."""
    theirs = _sample(base, 6)
    differences = [_sample(world.cells(method, 6, range(6)), 6).minus(theirs) for method in EQUALS]
    claims = judge([UntestedClaim("ours", (("other", own),)) for own in differences], EQUIVALENCE_MARGIN)
    return {
        "ten untrue claims: any superior": any(claim.verdict == "superior" for claim in claims),
        "ten untrue claims: any superior or inferior": any(c.verdict in ("superior", "inferior") for c in claims),
        "ten untrue claims: any confirmed (protocol 2)": any(plain_t(own.values, 6).low > 0 for own in differences),
    }


def simulate(worlds: Iterable[int], designs: Iterable[str] = tuple(DESIGNS), board: bool = True) -> list[Outcome]:
    """Simulates worlds of these numbers."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(1):
        return [outcome(World(number), designs, board) for number in worlds]


def report(outcomes: Sequence[Outcome]) -> dict[str, float]:
    """Returns coverage, mean half-widths and shares of events in percent, and true values in points.

    The true score is the mean over all worlds; the true difference of equal methods is 0.
    """
    figures: dict[str, float] = {}
    for name in outcomes[0].intervals:
        found = [one.intervals[name] for one in outcomes]
        mean = float(np.mean([interval.mean for interval in found]))
        truth = 0.0 if ", difference" in name else mean
        figures[f"{name}: coverage"] = 100 * float(np.mean([i.low <= truth <= i.high for i in found]))
        figures[f"{name}: half-width"] = 100 * float(np.mean([i.half_width or 0 for i in found]))
        figures[f"{name}: mean"] = 100 * mean
    shares: dict[str, list[bool]] = defaultdict(list)
    for one in outcomes:
        for name, happened in one.events.items():
            shares[name].append(happened)
    return figures | {name: 100 * float(np.mean(values)) for name, values in shares.items()}


if __name__ == "__main__":
    first, last = (int(text) for text in sys.argv[1:3]) if len(sys.argv) > 2 else (0, 1000)
    for name, figure in report(simulate(range(first, last))).items():
        print(f"{figure:6.1f}  {name}")
