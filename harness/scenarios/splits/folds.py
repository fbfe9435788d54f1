"""Folds of disjoint units, and what every split shares: tested cores kept apart, validation by core, sizes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from harness import hashing, seeds
from harness.data.corpus import Corpus
from harness.data.linking import link
from harness.protocol import FOLDS, VALIDATION_SHARE
from harness.scenario import Rows, Sizes

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Parts:
    """Row ids of the parts of a split; ``test`` shifts from ``train``, ``id`` does not."""

    train: Rows
    validation: Rows
    id: Rows
    test: Rows


@dataclass(frozen=True)
class Folds:
    """What every split of one corpus and seed shares.

    Attributes:
        unit: int64 (n,), component of each row.
        core: int64 (n,), distinct attack of each row.
        fold: int64 (n,), 0 to count - 1, constant within a unit.
        tested: bool (n,), whether the row's core is in the half that its unit gives to tests.
        labels: int64 (n,), class of each row.
        seed: the cell's seed.
        count: how many folds there are: FOLDS, or as many as there are units where these are fewer.
    """

    unit: Rows
    core: Rows
    fold: Rows
    tested: Mask
    labels: Rows
    seed: int
    count: int

    @property
    def held(self) -> Mask:
        """Rows of the units of the tested fold."""
        mask: Mask = self.fold == self.seed % self.count
        return mask

    @property
    def neighbour(self) -> Mask:
        """Rows of the units of the next fold, which give the in-distribution test rows."""
        mask: Mask = self.fold == (self.seed + 1) % self.count
        return mask


def make_folds(corpus: Corpus, groups: Sequence[str], seed: int, strata: Sequence[Rows] = ()) -> Folds:
    """Partitions a corpus's units into folds, balanced by class, and halves each unit's cores.

    A process computes the folds of a corpus, its links and a cycle of seeds once: a cell draws its scenario twice, a
    survey every scenario for every fold.

    Args:
        corpus: see `link`.
        groups: see `link`.
        seed: the cell's seed.
        strata: int64 (n,) codes from 0 each, to balance the folds by in place of the class.
    """
    links = (corpus.meta.hash, tuple(groups))
    unit, core = _remembered(("link", *links), lambda: link(corpus, groups))
    count = min(FOLDS, int(unit.max()) + 1)
    cycle = seed // count

    def partition() -> tuple[Rows, Mask]:
        rng = seeds.generator(cycle, "split")
        fold = _balanced(unit, strata or (corpus.labels,), count, rng)[unit]
        return fold, _half_of_cores(unit, core, rng)

    key = ("folds", *links, cycle, *(hashing.of_array(codes) for codes in strata))
    fold, tested = _remembered(key, partition)
    return Folds(unit, core, fold, tested, corpus.labels, seed, count)


_MOST_REMEMBERED = 16
_results: dict[tuple[object, ...], Any] = {}


def _remembered(key: tuple[object, ...], compute: Callable[[], tuple[Any, Any]]) -> tuple[Any, Any]:
    """Returns what was computed for a key before, or computes it; the arrays are shared, and so made read-only."""
    if key not in _results:
        arrays = compute()
        for array in arrays:
            array.flags.writeable = False
        while len(_results) >= _MOST_REMEMBERED:
            del _results[next(iter(_results))]
        _results[key] = arrays
    found: tuple[Any, Any] = _results[key]
    return found


def _balanced(unit: Rows, strata: Sequence[Rows], folds: int, rng: np.random.Generator) -> Rows:
    """Assigns units to folds, largest first, each where its strata are rarest; int64 (units,)."""
    counts = np.concatenate([_counted(unit, codes) for codes in strata], axis=1)
    shuffled = rng.permutation(len(counts))
    order = shuffled[np.argsort(-counts.sum(1)[shuffled], kind="stable")]
    load = np.zeros((folds, counts.shape[1]))
    out = np.zeros(len(counts), dtype=np.int64)
    for index in order:
        cost = load @ counts[index] + 1e-6 * load.sum(1)
        out[index] = best = int(np.argmin(cost))
        load[best] += counts[index]
    return out


def _counted(unit: Rows, codes: Rows) -> Rows:
    counts = np.zeros((unit.max() + 1, codes.max() + 1), dtype=np.int64)
    np.add.at(counts, (unit, codes), 1)
    return counts


def _half_of_cores(unit: Rows, core: Rows, rng: np.random.Generator) -> Mask:
    """Marks the rows of a random half (rounded up) of each unit's cores."""
    pairs, inverse = np.unique(unit * (core.max() + 1) + core, return_inverse=True)
    owner = pairs // (core.max() + 1)
    order = np.lexsort((rng.random(len(pairs)), owner))
    sizes = np.bincount(owner)
    sizes = sizes[sizes > 0]
    rank = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    tested = np.zeros(len(order), dtype=bool)
    tested[order] = rank < np.repeat((sizes + 1) // 2, sizes)
    return tested[inverse]


def finish(folds: Folds, sizes: Sizes, *, pool: Mask, id_rows: Mask, test: Mask) -> Parts:
    """Keeps tested cores out of the pool, draws a fifth of it by core for validation, and thins every part to its size.

    Thinned by row, each class in its share, so that a part of few rows holds as many attacks as it can.
    """
    rng = seeds.generator(folds.seed, "split", (1,))
    held_out = np.union1d(folds.core[id_rows], folds.core[test])
    pool = pool & ~np.isin(folds.core, held_out)
    total = np.flatnonzero(pool)
    wanted = round(len(total) * VALIDATION_SHARE)
    cores = rng.permutation(np.unique(folds.core[total]))
    position = np.searchsorted(np.sort(cores), folds.core[total])
    rank = np.argsort(cores)[position]  # place of each row's core in the random order
    per_core = np.bincount(rank, minlength=len(cores))
    fits = per_core <= wanted  # a larger core would end the draw wherever it comes
    for_validation = fits & (np.cumsum(per_core * fits) <= wanted)
    is_validation = for_validation[rank]

    def drawn(rows: Rows, most: int | None, rng: np.random.Generator) -> Rows:
        return sample(rows, most, folds.labels, rng)

    test_rows = drawn(np.flatnonzero(test), sizes.test, seeds.generator(folds.seed, "split", (2,)))
    return Parts(
        train=drawn(total[~is_validation], sizes.train, rng),
        validation=drawn(total[is_validation], sizes.validation, seeds.generator(folds.seed, "split", (6,))),
        id=test_rows if id_rows is test else drawn(np.flatnonzero(id_rows), sizes.test, rng),
        test=test_rows,
    )


def sample(rows: Rows, most: int | None, labels: Rows, rng: np.random.Generator) -> Rows:
    """Returns at most so many of the rows, drawn at random, each class in its share, in ascending order.

    Args:
        rows: row ids, int64 (n,).
        most: how many; None is no bound.
        labels: class of every row of the corpus.
        rng: of the draw.
    """
    if most is None or len(rows) <= most:
        return rows
    shuffled = rng.permutation(rows)
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    counts = np.bincount(labels[by_class])
    counts = counts[counts > 0]
    rank = np.arange(len(by_class)) - np.repeat(np.cumsum(counts) - counts, counts)
    place = (rank + 0.5) / np.repeat(counts, counts)  # the first rows by place hold every class in its share
    return np.sort(by_class[np.argsort(place, kind="stable")[:most]])
