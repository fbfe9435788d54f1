"""Folds of disjoint units, and what all splits share: no tested core in training, validation by core, ``id``, sizes.

A seed stands for a fold and a repeat: seed s tests fold ``s % count`` of one fixed partition, and ``s // count``
numbers the repeat. What is tested depends on the fold alone; training, validation and ``id`` on the seed.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
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
    """Row ids, int64, of the parts of a split, and sentences about the draw.

    ``id`` has the distribution of ``train``, ``test`` a shifted one; they are the same rows in a split without a shift.
    """

    train: Rows
    validation: Rows
    id: Rows
    test: Rows
    notes: tuple[str, ...] = ()

    def with_notes(self, notes: tuple[str, ...]) -> "Parts":
        """Returns the same rows with these notes before their own."""
        return replace(self, notes=(*notes, *self.notes))


@dataclass(frozen=True)
class Folds:
    """The folds of one corpus and seed, shared by all of its splits.

    Attributes:
        unit: int64 (n,), unit (component of linked rows) of each row.
        core: int64 (n,), core (distinct attack) of each row.
        fold: int64 (n,), fold of each row, 0 to count - 1; the same for all rows of a unit. -1 where all rows of a unit
            are reserved: such a unit is never held out.
        tested: bool (n,), whether the row's core belongs to the half of its unit's cores that is tested.
        labels: int64 (n,), class of each row.
        seed: seed of the cell.
        count: number of folds: FOLDS, or the number of units if there are fewer.
        reserved: bool (n,), rows that no fold tests, neither in the tests nor in ``id``; training and validation may
            have them.
    """

    unit: Rows
    core: Rows
    fold: Rows
    tested: Mask
    labels: Rows
    seed: int
    count: int
    reserved: Mask

    @property
    def number(self) -> int:
        """The tested fold, the same one for every ``count``-th seed."""
        return self.seed % self.count

    @property
    def held(self) -> Mask:
        """Rows of the tested fold, bool (n,)."""
        mask: Mask = self.fold == self.number
        return mask

    @property
    def testable(self) -> Mask:
        """Rows of the tested fold that are not reserved, bool (n,)."""
        return self.held & ~self.reserved

    @property
    def linked(self) -> bool:
        """Whether some unit has several cores; otherwise a core of a unit that training has is in training itself."""
        return len(np.unique(self.unit * (self.core.max() + 1) + self.core)) > int(self.unit.max()) + 1


def make_folds(
    corpus: Corpus, groups: Sequence[str], seed: int, strata: Sequence[Rows] = (), reserved: Mask | None = None
) -> Folds:
    """Partitions the units of a corpus into folds, balanced by class, and marks half of each unit's cores as tested.

    The result is cached in the process by corpus, links and strata: a cell builds its scenario twice, and a survey
    every scenario for every fold.

    Args:
        corpus: see `link`.
        groups: see `link`.
        seed: seed of the cell.
        strata: arrays of codes from 0, int64 (n,) each, to balance the folds by instead of the class.
        reserved: bool (n,), rows that no fold tests; by default there are none.
    """
    links = (corpus.meta.hash, tuple(groups))
    unit, core = cached_arrays(("link", *links), lambda: link(corpus, groups))
    key = ("folds", *links, *(hashing.of_array(codes) for codes in strata))
    return _partition(corpus, unit, core, seed, strata, reserved, key)


def folds_of_units(corpus: Corpus, unit: Rows, seed: int, reserved: Mask | None = None) -> Folds:
    """Partitions given units, int64 (n,), into folds; see `make_folds`."""
    core = cached_arrays(("link", corpus.meta.hash, ()), lambda: link(corpus, ()))[1]
    return _partition(corpus, unit, core, seed, (), reserved, ("folds", corpus.meta.hash, hashing.of_array(unit)))


def reserved_fold(folds: Folds) -> Folds:
    """Returns folds in which the reserved rows are tested, and the units of no other row are held out.

    All splits then draw training, validation and tests as they do for a fold of the partition. The seed selects the
    draw of training and validation.
    """
    held = np.isin(folds.unit, folds.unit[folds.reserved])
    return replace(folds, fold=np.where(held, folds.number, -1), reserved=held & ~folds.reserved)


def _partition(
    corpus: Corpus,
    unit: Rows,
    core: Rows,
    seed: int,
    strata: Sequence[Rows],
    reserved: Mask | None,
    key: tuple[object, ...],
) -> Folds:
    if reserved is None:
        reserved = np.zeros(len(unit), dtype=bool)
    count = min(FOLDS, len(np.unique(unit[~reserved])))

    def partition() -> tuple[Rows, Mask]:
        rng = seeds.generator(0, "split")  # one partition for all seeds
        fold = _balanced(unit, strata or (corpus.labels,), ~reserved, count, rng)[unit]
        return fold, _half_of_cores(unit, core, rng)

    fold, tested = cached_arrays((*key, hashing.of_array(reserved)), partition)
    return Folds(unit, core, fold, tested, corpus.labels, seed, count, reserved)


_MOST_CACHED = 24
_results: dict[tuple[object, ...], Any] = {}


def cached_arrays(key: tuple[object, ...], compute: Callable[[], tuple[Any, Any]]) -> tuple[Any, Any]:
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


def _balanced(unit: Rows, strata: Sequence[Rows], counted: Mask, folds: int, rng: np.random.Generator) -> Rows:
    """Assigns units to folds greedily, the largest first, each to the fold with the fewest rows of its strata.

    Returns:
        int64 (units,), fold of each unit; -1 for a unit without a counted row.
    """
    counts = np.concatenate([_rows_by_unit(unit, codes, counted) for codes in strata], axis=1)
    shuffled = rng.permutation(len(counts))
    order = shuffled[np.argsort(-counts.sum(1)[shuffled], kind="stable")]  # units of equal size in random order
    load = np.zeros((folds, counts.shape[1]))
    out = np.zeros(len(counts), dtype=np.int64)
    for index in order:
        cost = load @ counts[index] + 1e-6 * load.sum(1)  # the second term breaks ties by the size of the fold
        out[index] = best = int(np.argmin(cost))
        load[best] += counts[index]
    out[counts.sum(1) == 0] = -1
    return out


def _rows_by_unit(unit: Rows, codes: Rows, counted: Mask) -> Rows:
    """Counts the counted rows of each unit and code; int64 (units, codes)."""
    counts = np.zeros((unit.max() + 1, codes.max() + 1), dtype=np.int64)
    np.add.at(counts, (unit[counted], codes[counted]), 1)
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


def finish(
    folds: Folds, sizes: Sizes, *, pool: Mask, test: Mask, shifted: bool = False, known: Sequence[Rows] = ()
) -> Parts:
    """Completes a split: removes tested cores from the pool, draws validation from it by core, and limits the sizes.

    Sizes are limited by row and not by core, so that a small part contains as many distinct attacks as possible; each
    class keeps its share.

    ``id`` of a shifted split are other cores of units that occur among the drawn training rows: cores of the pool that
    neither training nor validation shows. About as many rows as there are test rows, at most a fifth of the pool, are
    withheld from training for it, so that there are some even if training is as large as the pool.

    Args:
        folds: see `make_folds`.
        sizes: most rows of each part.
        pool: bool (n,), rows for training, validation and ``id``.
        test: bool (n,), test rows.
        shifted: whether ``id`` has rows of its own; otherwise it is ``test``.
        known: int64 (n,) each, further codes that a row of ``id`` shares with a training row, beside its unit.
    """
    rng = seeds.generator(folds.seed, "split", (1,))
    pool = pool & ~np.isin(folds.core, folds.core[test])
    test_rows = sample(np.flatnonzero(test), sizes.test, folds.labels, seeds.generator(folds.number, "split", (2,)))
    withheld: Mask = np.zeros_like(pool)
    id_rng = seeds.generator(folds.seed, "split", (7,))
    if shifted:
        target = min(int(test.sum()), round(VALIDATION_SHARE * int(pool.sum())))  # whatever the sizes
        spare = np.flatnonzero(pool & ~folds.reserved & ~(folds.linked & folds.tested))
        withheld = np.isin(folds.core, folds.core[spare[_some_cores(folds.core[spare], target, id_rng)]])
    total = np.flatnonzero(pool & ~withheld)
    is_validation = _some_cores(folds.core[total], round(len(total) * VALIDATION_SHARE), rng)
    parts = Parts(
        train=sample(total[~is_validation], sizes.train, folds.labels, rng),
        validation=sample(
            total[is_validation], sizes.validation, folds.labels, seeds.generator(folds.seed, "split", (6,))
        ),
        id=test_rows,
        test=test_rows,
    )
    return _with_id(folds, parts, pool, sizes.test, known, id_rng) if shifted else parts


def _with_id(
    folds: Folds, parts: Parts, pool: Mask, most: int | None, known: Sequence[Rows], rng: np.random.Generator
) -> Parts:
    """Returns the parts with unseen cores of trained units as ``id``, and a note if there are few."""
    used = np.isin(folds.core, folds.core[np.concatenate([parts.train, parts.validation])])
    candidates = pool & ~used & ~folds.reserved
    for codes in (folds.unit, *known) if folds.linked else ():
        candidates &= np.isin(codes, codes[parts.train])
    rows = sample(np.flatnonzero(candidates), most, folds.labels, rng)
    few = most is not None and len(rows) < min(most, len(parts.test))
    note = f"id has only {len(rows)} rows, since training has no more units with other attacks"
    return replace(parts, id=rows, notes=(note,) if few else ())


def _some_cores(core: Rows, target: int, rng: np.random.Generator) -> Mask:
    """Marks the rows of random cores, at most ``target`` rows in all; bool (n,).

    Args:
        core: int64 (n,), core of each row.
        target: largest number of rows.
        rng: random generator.
    """
    cores = rng.permutation(np.unique(core))
    # `cores` is in random order. Cores are taken from its start until the target number of rows is reached.
    rank = np.argsort(cores)[np.searchsorted(np.sort(cores), core)]  # position of each row's core in the random order
    per_core = np.bincount(rank, minlength=len(cores))
    fits = per_core <= target  # skip cores that alone exceed the target; the first would end the selection
    taken = fits & (np.cumsum(per_core * fits) <= target)
    marked: Mask = taken[rank]
    return marked


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
    by_class, rank = shuffled_by_class(rows, labels, rng)
    # Spreads the rows of each class evenly over (0, 1): any prefix of the order by place has every class in its share.
    place = (rank + 0.5) / np.bincount(labels[by_class])[labels[by_class]]
    return np.sort(by_class[np.argsort(place, kind="stable")[:most]])


def shuffled_by_class(rows: Rows, labels: Rows, rng: np.random.Generator) -> tuple[Rows, Rows]:
    """Returns the rows ordered by class, in random order within each, and their places from 0 within their class."""
    shuffled = rng.permutation(rows)
    by_class = shuffled[np.argsort(labels[shuffled], kind="stable")]
    counts = np.bincount(labels[by_class])
    return by_class, np.arange(len(by_class)) - np.repeat(np.cumsum(counts) - counts, counts)
