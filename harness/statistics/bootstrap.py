"""Crossed bootstrap over CVEs and seeds, computed from counts: each figure of a resample is a weighted sum of counts.

Units (CVEs) and seeds are resampled independently of each other. A unit has one weight in all scenarios, environments
and methods (the pigeonhole bootstrap, Owen 2007), so that differences and ranks are resampled as pairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

ROUNDS = 2000
_TAIL = 2.5  # percent on either side of an interval
_CHUNK = 250  # rounds at a time, so that their intermediate arrays stay in the processor's cache
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Counts(NamedTuple):
    """Predictions of one method in one environment: int64 (m,) each, rows counted by unit, true and predicted class."""

    unit: Ints
    true: Ints
    predicted: Ints
    rows: Ints


@dataclass(frozen=True)
class EnvironmentCounts:
    """Counts of all methods of a leaderboard in one environment of one scenario with one seed.

    Attributes:
        name: scenario and environment.
        seed: of the cell.
        share: weight of this environment in its seed's score.
        units: name of each unit; equal names are one unit, here and in other environments.
        counts: by method; ``unit`` indexes ``units``.
    """

    name: str
    seed: int
    share: float
    units: Sequence[str]
    counts: Mapping[str, Counts]


@dataclass(frozen=True)
class BootstrapResult:
    """Scores of the sample and of every resample.

    Attributes:
        methods: in the order of the columns.
        scores: float32 (rounds, methods).
        score: observed scores, float32 (methods,).
    """

    methods: tuple[str, ...]
    scores: Floats
    score: Floats

    def interval(self, method: str) -> tuple[float, float]:
        """Returns the percentile interval of a method's score, with the rounds centred on the observed score."""
        # A resample holds fewer distinct units than the sample, which by itself moves macro-F1. Only the spread of the
        # rounds is wanted, so their mean is shifted onto the observed score.
        column = self.methods.index(method)
        low, high = _percentiles(self.scores[:, column])
        shift = float(self.score[column] - self.scores[:, column].mean())
        return low + shift, high + shift

    def ranks(self, methods: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Returns the interval of each method's rank among the given methods; ties take the better rank."""
        scores = self.scores[:, [self.methods.index(name) for name in methods]]
        ranks = np.stack([(scores > scores[:, [i]]).sum(axis=1) for i in range(len(methods))], axis=1) + 1
        low, high = np.percentile(ranks, [_TAIL, 100 - _TAIL], axis=0, method="nearest").astype(int)
        return {name: (int(low[i]), int(high[i])) for i, name in enumerate(methods)}


def _percentiles(values: Floats) -> tuple[float, float]:
    low, high = np.percentile(values, [_TAIL, 100 - _TAIL])
    return float(low), float(high)


def resample(
    environments: Sequence[EnvironmentCounts],
    methods: Sequence[str],
    classes: int,
    rounds: int = ROUNDS,
    seed: int = 0,
) -> BootstrapResult:
    """Resamples units and seeds, and computes every method's score in every round.

    Args:
        environments: every scored environment of every seed, each with counts of all methods.
        methods: methods to compute scores for; at least one.
        classes: their number.
        rounds: number of resamples.
        seed: of the random generator.
    """
    from threadpoolctl import threadpool_limits

    sample = _Sample(environments, methods, classes)
    score = sample.scores(*sample.observed_weights())
    random = np.random.default_rng(seed)
    chunks = [min(_CHUNK, rounds - start) for start in range(0, rounds, _CHUNK)]
    with threadpool_limits(1):  # for products this small, threads cost more in waiting than they save
        results = [sample.scores(*sample.draw_weights(random, size)) for size in chunks]
    return BootstrapResult(tuple(methods), np.concatenate(results), score[0])


class _Sample:
    """Environments as matrices with a row per unit.

    The columns are the rows of each class, then for each method its hits by class, then for each method its predictions
    by class. One product of weights with such a matrix gives all that macro-F1 needs, in every round and for every
    method at once.
    """

    def __init__(self, environments: Sequence[EnvironmentCounts], methods: Sequence[str], classes: int) -> None:
        self._seeds = sorted({environment.seed for environment in environments})
        names = sorted({name for environment in environments for name in environment.units})
        units = {name: i for i, name in enumerate(names)}
        self._units, self._classes = len(units), classes
        self._environments = [
            (
                environment,
                self._seeds.index(environment.seed),
                np.array([units[u] for u in environment.units]),
                self._matrix(environment, methods),
            )
            for environment in environments
        ]

    def _matrix(self, environment: EnvironmentCounts, methods: Sequence[str]) -> Floats:
        width = self._classes * len(methods)
        first = environment.counts[methods[0]]  # the true classes are the same for every method
        entries = [(first.unit, first.true, first.rows)]
        for i, name in enumerate(methods):
            counts, offset = environment.counts[name], self._classes * (1 + i)
            hit = counts.true == counts.predicted
            entries.append((counts.unit[hit], offset + counts.true[hit], counts.rows[hit]))
            entries.append((counts.unit, offset + width + counts.predicted, counts.rows))
        unit, column, rows = (np.concatenate(parts) for parts in zip(*entries, strict=True))
        shape = len(environment.units), self._classes + 2 * width
        sums = np.bincount(unit * shape[1] + column, weights=rows, minlength=shape[0] * shape[1])
        return sums.reshape(shape).astype(np.float32)

    def observed_weights(self) -> tuple[Floats, Floats]:
        """Returns the weights of the sample itself: units float32 (1, units), seeds float32 (1, seeds)."""
        return np.ones((1, self._units), np.float32), np.full((1, len(self._seeds)), 1 / len(self._seeds), np.float32)

    def draw_weights(self, random: np.random.Generator, size: int) -> tuple[Floats, Floats]:
        """Returns the weights of random resamples: units float32 (size, units), seeds float32 (size, seeds)."""
        units, seeds = (random.multinomial(n, np.full(n, 1 / n), size) for n in (self._units, len(self._seeds)))
        return units.astype(np.float32), (seeds / len(self._seeds)).astype(np.float32)

    def scores(self, unit_weights: Floats, seed_weights: Floats) -> Floats:
        """Returns the scores of all methods in resamples with these weights, float32 (n, methods)."""
        scores: Floats = np.zeros((1, 1), np.float32)
        for environment, seed, units, matrix in self._environments:
            weight: Floats = seed_weights[:, [seed]]
            sums: Floats = unit_weights[:, units] @ matrix
            true = sums[:, None, : self._classes]
            rest: Floats = np.reshape(sums[:, self._classes :], (len(sums), 2, -1, self._classes))
            scores = scores + environment.share * weight * macro_f1(true, rest[:, 0], rest[:, 1])
        return scores.astype(np.float32)


def macro_f1(true: Floats, hit: Floats, predicted: Floats) -> Floats:
    """Returns the mean F1 over the classes that have weight in the truth, along the last axis; 0 if none has.

    Args:
        true, hit, predicted: weights of the rows of each class, of the correctly predicted rows, and of the rows
            predicted as that class; the arrays broadcast.
    """
    f1 = true + predicted
    np.maximum(f1, np.float32(1e-9), out=f1)  # a class that is neither true nor predicted gives 0 / 1e-9 = 0
    np.divide(hit, f1, out=f1)
    # A product with ones sums the short last axis much faster than `sum(axis=-1)`.
    out: Floats = 2 * (f1 @ np.ones(f1.shape[-1], np.float32)) / np.maximum((true > 0).sum(axis=-1), 1)
    return out
