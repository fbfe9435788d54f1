"""Folds of disjoint units, and what all splits share: no tested core in training, validation by core, sizes."""

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
    """Row ids, int64, of the parts of a split; ``id`` has the distribution of ``train``, ``test`` a shifted one."""

    train: Rows
    validation: Rows
    id: Rows
    test: Rows


@dataclass(frozen=True)
class Folds:
    """The folds of one corpus and seed, shared by all of its splits.

    Attributes:
        unit: int64 (n,), unit (component of linked rows) of each row.
        core: int64 (n,), core (distinct attack) of each row.
        fold: int64 (n,), fold of each row, 0 to count - 1; the same for all rows of a unit.
        tested: bool (n,), whether the row's core belongs to the half of its unit's cores that is tested.
        labels: int64 (n,), class of each row.
        seed: seed of the cell.
        count: number of folds: FOLDS, or the number of units if there are fewer.
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
        """Rows of the tested fold, bool (n,)."""
        mask: Mask = self.fold == self.seed % self.count
        return mask

    @property
    def neighbour(self) -> Mask:
        """Rows of the next fold, from which in-distribution test rows are drawn, bool (n,)."""
        mask: Mask = self.fold == (self.seed + 1) % self.count
        return mask


def make_folds(corpus: Corpus, groups: Sequence[str], seed: int, strata: Sequence[Rows] = ()) -> Folds:
    """Partitions the units of a corpus into folds, balanced by class, and marks half of each unit's cores as tested.

    The result is cached in the process by corpus, links, strata and cycle of seeds: a cell builds its scenario twice,
    and a survey every scenario for every fold.

    Args:
        corpus: see `link`.
        groups: see `link`.
        seed: seed of the cell.
        strata: arrays of codes from 0, int64 (n,) each, to balance the folds by instead of the class.
    """
    links = (corpus.meta.hash, tuple(groups))
    unit, core = _cached(("link", *links), lambda: link(corpus, groups))
    count = min(FOLDS, int(unit.max()) + 1)
    cycle = seed // count

    def partition() -> tuple[Rows, Mask]:
        rng = seeds.generator(cycle, "split")
        fold = _balanced(unit, strata or (corpus.labels,), count, rng)[unit]
        return fold, _half_of_cores(unit, core, rng)

    key = ("folds", *links, cycle, *(hashing.of_array(codes) for codes in strata))
    fold, tested = _cached(key, partition)
    return Folds(unit, core, fold, tested, corpus.labels, seed, count)


_MOST_CACHED = 16
_results: dict[tuple[object, ...], Any] = {}


def _cached(key: tuple[object, ...], compute: Callable[[], tuple[Any, Any]]) -> tuple[Any, Any]:
    """Returns the cached arrays of a key, or computes them; they are shared and therefore made read-only."""
    if key not in _results:
        arrays = compute()
        for array in arrays:
            array.flags.writeable = False
        while len(_results) >= _MOST_CACHED:  # a dictionary keeps the order of insertion: drop the oldest
            del _results[next(iter(_results))]
        _results[key] = arrays
    result: tuple[Any, Any] = _results[key]
    return result


def _balanced(unit: Rows, strata: Sequence[Rows], folds: int, rng: np.random.Generator) -> Rows:
    """Assigns units to folds greedily, the largest first, each to the fold with the fewest rows of its strata.

    Returns:
        int64 (units,), fold of each unit.
    """
    counts = np.concatenate([_rows_by_unit(unit, codes) for codes in strata], axis=1)
    shuffled = rng.permutation(len(counts))
    order = shuffled[np.argsort(-counts.sum(1)[shuffled], kind="stable")]  # units of equal size in random order
    load = np.zeros((folds, counts.shape[1]))
    out = np.zeros(len(counts), dtype=np.int64)
    for index in order:
        cost = load @ counts[index] + 1e-6 * load.sum(1)  # the second term breaks ties by the size of the fold
        out[index] = best = int(np.argmin(cost))
        load[best] += counts[index]
    return out


def _rows_by_unit(unit: Rows, codes: Rows) -> Rows:
    """Counts the rows of each unit and code; int64 (units, codes)."""
    counts = np.zeros((unit.max() + 1, codes.max() + 1), dtype=np.int64)
    np.add.at(counts, (unit, codes), 1)
    return counts


def _half_of_cores(unit: Rows, core: Rows, rng: np.random.Generator) -> Mask:
    """Marks the rows of a random half (rounded up) of the cores of each unit; bool (n,)."""
    # Ranks the distinct (unit, core) pairs at random within their unit, without a loop over units: lexsort orders them
    # by unit, then by a random number; the rank is the position minus the start of the unit's block.
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
    """Completes a split: removes tested cores from the pool, draws validation from it by core, and limits the sizes.

    Sizes are limited by row and not by core, so that a small part contains as many distinct attacks as possible; each
    class keeps its share.

    Args:
        folds: see `make_folds`.
        sizes: most rows of each part.
        pool: bool (n,), rows for training and validation.
        id_rows: bool (n,), in-distribution test rows; the same object as ``test`` if there is no shift.
        test: bool (n,), test rows.
    """
    rng = seeds.generator(folds.seed, "split", (1,))
    held_out = np.union1d(folds.core[id_rows], folds.core[test])
    pool = pool & ~np.isin(folds.core, held_out)
    total = np.flatnonzero(pool)
    target = round(len(total) * VALIDATION_SHARE)
    cores = rng.permutation(np.unique(folds.core[total]))
    position = np.searchsorted(np.sort(cores), folds.core[total])
    # `cores` is in random order. Validation takes cores from its start until the target number of rows is reached.
    rank = np.argsort(cores)[position]  # position of each row's core in the random order
    per_core = np.bincount(rank, minlength=len(cores))
    fits = per_core <= target  # skip cores that alone exceed the target; the first would end the selection
    for_validation = fits & (np.cumsum(per_core * fits) <= target)
    is_validation = for_validation[rank]

    def limited(rows: Rows, most: int | None, rng: np.random.Generator) -> Rows:
        return sample(rows, most, folds.labels, rng)

    test_rows = limited(np.flatnonzero(test), sizes.test, seeds.generator(folds.seed, "split", (2,)))
    return Parts(
        train=limited(total[~is_validation], sizes.train, rng),
        validation=limited(total[is_validation], sizes.validation, seeds.generator(folds.seed, "split", (6,))),
        id=test_rows if id_rows is test else limited(np.flatnonzero(id_rows), sizes.test, rng),
        test=test_rows,
    )


def sample(rows: Rows, most: int | None, labels: Rows, rng: np.random.Generator) -> Rows:
    """Draws at most ``most`` of the rows at random, stratified by class.

    Args:
        rows: row ids, int64 (n,).
        most: largest number of rows to return; None for no limit.
        labels: int64, class of every row of the corpus.
        rng: random generator.

    Returns:
        Row ids, int64, in ascending order.
    """
    if most is None or len(rows) <= most:
        return rows
    shuffled = rng.permutation(rows)
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    counts = np.bincount(labels[by_class])
    counts = counts[counts > 0]
    rank = np.arange(len(by_class)) - np.repeat(np.cumsum(counts) - counts, counts)
    # Spreads the rows of each class evenly over (0, 1): any prefix of the order by place has every class in its share.
    place = (rank + 0.5) / np.repeat(counts, counts)
    return np.sort(by_class[np.argsort(place, kind="stable")[:most]])
