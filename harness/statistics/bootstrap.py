"""Crossed bootstrap over CVEs and seeds, from counts: every figure of a resample is a weighted sum of them.

Units (CVEs) and seeds are drawn anew independently of each other, a unit with one weight in all scenarios, environments
and methods (the pigeonhole bootstrap, Owen 2007), so that differences and ranks are resampled as pairs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

ROUNDS = 2000
FEWEST_UNITS = 30  # of a group whose accuracy is compared
_TAIL = 2.5  # percent on either side of an interval
_CHUNK = 250  # rounds at a time, so that what is computed of them stays in the processor's cache
Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int64]


class Counts(NamedTuple):
    """What one method predicted in one environment: int64 (m,) each, rows counted by unit, true and predicted class."""

    unit: Ints
    true: Ints
    predicted: Ints
    rows: Ints


@dataclass(frozen=True)
class Place:
    """One environment of one scenario with one seed, as every method of a board met it.

    Attributes:
        name: scenario and environment.
        seed: of the cell.
        share: of this environment in its seed's score.
        units: name of each unit; equal names are one unit, here and in other places.
        counts: by method; ``unit`` indexes ``units``.
    """

    name: str
    seed: int
    share: float
    units: Sequence[str]
    counts: Mapping[str, Counts]


class WorstGroup(NamedTuple):
    """The group with the lowest accuracy, and the interval of the minimum."""

    name: str
    accuracy: float
    low: float
    high: float


@dataclass(frozen=True)
class Resampled:
    """Figures of every round.

    Attributes:
        methods: in the order of the columns.
        scores: float32 (rounds, methods).
        score: float32 (methods,), as it is.
        groups: names of the groups that are large enough: a class in an environment, pooled over seeds.
        observed: accuracy of each group as it is, float32 (methods, groups).
        worst_group: lowest accuracy over the groups, float32 (rounds, methods); empty where there is no group.
    """

    methods: tuple[str, ...]
    scores: Floats
    score: Floats
    groups: tuple[str, ...]
    observed: Floats
    worst_group: Floats

    def interval(self, method: str) -> tuple[float, float]:
        """Returns the percentile interval of a method's score, its rounds centred on the score as it is.

        A resample holds fewer distinct units, which by itself moves macro-F1; the spread is what is wanted of it.
        """
        column = self.methods.index(method)
        low, high = _percentiles(self.scores[:, column])
        shift = float(self.score[column] - self.scores[:, column].mean())
        return low + shift, high + shift

    def worst(self, method: str) -> WorstGroup | None:
        """Returns a method's worst group with the interval of the minimum, whose group is chosen anew in every round.

        The lowest of noisy figures lies below the lowest true one, and that of a resample lower still by about as much,
        so the interval is the basic one, which reflects the rounds about what was observed (Davison and Hinkley 1997).
        Rounds without a row of any group say nothing of it. None where no group is large enough.
        """
        if not self.groups:
            return None
        column = self.methods.index(method)
        place = int(self.observed[column].argmin())
        accuracy = float(self.observed[column, place])
        lowest = self.worst_group[:, column]
        low, high = _percentiles(lowest[~np.isnan(lowest)])
        return WorstGroup(self.groups[place], accuracy, max(0, 2 * accuracy - high), min(1, 2 * accuracy - low))

    def ranks(self, methods: Sequence[str]) -> dict[str, tuple[int, int]]:
        """Returns the interval of each method's rank among the methods; ties take the better rank."""
        scores = self.scores[:, [self.methods.index(name) for name in methods]]
        ranks = np.stack([(scores > scores[:, [i]]).sum(axis=1) for i in range(len(methods))], axis=1) + 1
        low, high = np.percentile(ranks, [_TAIL, 100 - _TAIL], axis=0, method="nearest").astype(int)
        return {name: (int(low[i]), int(high[i])) for i, name in enumerate(methods)}


def _percentiles(values: Floats) -> tuple[float, float]:
    low, high = np.percentile(values, [_TAIL, 100 - _TAIL])
    return float(low), float(high)


def resample(
    places: Sequence[Place], methods: Sequence[str], classes: Sequence[str], rounds: int = ROUNDS, seed: int = 0
) -> Resampled:
    """Resamples units and seeds, and computes every method's score and worst group in every round.

    Args:
        places: every scored environment of every seed, each with counts of all methods.
        methods: whose figures are wanted; at least one.
        classes: their names, in label order.
        rounds: resamples.
        seed: of the generator.
    """
    from threadpoolctl import threadpool_limits

    sample = _Sample(places, methods, len(classes))
    score, observed = sample.figures(*sample.as_observed())
    random = np.random.default_rng(seed)
    chunks = [min(_CHUNK, rounds - start) for start in range(0, rounds, _CHUNK)]
    with threadpool_limits(1):  # threads that wait for each other cost more than these small products
        found = [sample.figures(*sample.draw(random, size)) for size in chunks]
    return Resampled(
        methods=tuple(methods),
        scores=np.concatenate([scores for scores, _ in found]),
        score=score[0],
        groups=tuple(f"{name}, {classes[code]}" for name, codes in sample.groups.items() for code in codes),
        observed=observed[0],
        worst_group=np.concatenate([np.fmin.reduce(shares, axis=2) for _, shares in found])
        if sample.groups
        else score[:0],
    )


class _Sample:
    """Places as matrices: the rows of each class, then the hits of each method, then its predictions, by unit."""

    def __init__(self, places: Sequence[Place], methods: Sequence[str], classes: int) -> None:
        self._seeds = sorted({place.seed for place in places})
        units = {name: i for i, name in enumerate(sorted({name for place in places for name in place.units}))}
        self._units, self._classes = len(units), classes
        self._places = [
            (
                place,
                self._seeds.index(place.seed),
                np.array([units[u] for u in place.units]),
                self._matrix(place, methods),
            )
            for place in places
        ]
        self.groups = _large_groups(places)

    def _matrix(self, place: Place, methods: Sequence[str]) -> Floats:
        width = self._classes * len(methods)
        first = place.counts[methods[0]]  # the truth is the same for every method
        entries = [(first.unit, first.true, first.rows)]
        for i, name in enumerate(methods):
            found, offset = place.counts[name], self._classes * (1 + i)
            hit = found.true == found.predicted
            entries.append((found.unit[hit], offset + found.true[hit], found.rows[hit]))
            entries.append((found.unit, offset + width + found.predicted, found.rows))
        unit, column, rows = (np.concatenate(parts) for parts in zip(*entries, strict=True))
        shape = len(place.units), self._classes + 2 * width
        sums = np.bincount(unit * shape[1] + column, weights=rows, minlength=shape[0] * shape[1])
        return sums.reshape(shape).astype(np.float32)

    def as_observed(self) -> tuple[Floats, Floats]:
        """Returns the weights of the sample as it is: (1, units) and (1, seeds)."""
        return np.ones((1, self._units), np.float32), np.full((1, len(self._seeds)), 1 / len(self._seeds), np.float32)

    def draw(self, random: np.random.Generator, size: int) -> tuple[Floats, Floats]:
        """Returns the weights of so many resamples."""
        units, seeds = (random.multinomial(n, np.full(n, 1 / n), size) for n in (self._units, len(self._seeds)))
        return units.astype(np.float32), (seeds / len(self._seeds)).astype(np.float32)

    def figures(self, of_unit: Floats, of_seed: Floats) -> tuple[Floats, Floats]:
        """Returns scores (n, methods) and the accuracy of every large group (n, methods, groups); NaN if not drawn."""
        scores: Floats = np.zeros((1, 1), np.float32)
        hits: dict[str, Floats] = {}
        rows: dict[str, Floats] = {}
        for place, seed, units, matrix in self._places:
            weight: Floats = of_seed[:, [seed]]
            weights: Floats = of_unit[:, units] * weight
            sums: Floats = weights @ matrix  # macro-F1 is the same at any scale; groups pool seeds
            true = sums[:, None, : self._classes]
            rest: Floats = np.reshape(sums[:, self._classes :], (len(sums), 2, -1, self._classes))
            hit, predicted = rest[:, 0], rest[:, 1]
            scores = scores + place.share * weight * macro_f1(true, hit, predicted)
            if place.name in self.groups:
                hits[place.name] = hits.get(place.name, 0) + hit
                rows[place.name] = rows.get(place.name, 0) + true
        with np.errstate(invalid="ignore"):
            shares = [hits[name][:, :, codes] / rows[name][:, :, codes] for name, codes in self.groups.items()]
        return scores.astype(np.float32), np.concatenate(shares, axis=2) if shares else np.empty((*scores.shape, 0))


def macro_f1(true: Floats, hit: Floats, predicted: Floats) -> Floats:
    """Returns the mean F1 over the classes that have weight in the truth, along the last axis; 0 where none has.

    Args:
        true, hit, predicted: weights of the rows of each class, of those that were hit, and of those predicted; the
            arrays broadcast.
    """
    f1 = true + predicted
    np.maximum(f1, np.float32(1e-9), out=f1)
    np.divide(hit, f1, out=f1)
    out: Floats = 2 * (f1 @ np.ones(f1.shape[-1], np.float32)) / np.maximum((true > 0).sum(axis=-1), 1)
    return out


def _large_groups(places: Sequence[Place]) -> dict[str, list[int]]:
    """Classes by environment of which at least `FEWEST_UNITS` units were tested, over all seeds."""
    found: dict[str, dict[int, set[str]]] = {}
    for place in places:
        first = next(iter(place.counts.values()))
        for unit, code in set(zip(first.unit.tolist(), first.true.tolist(), strict=True)):
            found.setdefault(place.name, {}).setdefault(code, set()).add(place.units[unit])
    large = {
        name: sorted(code for code, units in classes.items() if len(units) >= FEWEST_UNITS)
        for name, classes in sorted(found.items())
    }
    return {name: codes for name, codes in large.items() if codes}
