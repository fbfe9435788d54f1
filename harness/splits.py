"""Splits in folds of disjoint units: which rows train, validate and test (DESIGN of the protocol: docs/protocol.md).

Seed s tests fold ``s % FOLDS`` of the partition ``s // FOLDS``, so that seeds are samples of units (components of
linked CVEs, products ...), not repeats on the same ones. A fold's test rows come from half of each of its units'
cores (distinct attacks); scenarios with the same units have the same test rows (but for the temporal ones, which test
all cores after the cut-off). Cores are never on both sides of a split.
"""

import datetime
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness import seeds
from harness.corpus import Corpus
from harness.scenario import Rows, Sizes

FOLDS = 6
VALIDATION_SHARE = 0.2
TEMPORAL_SHARE = 0.4  # most rows from the cut-off on
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
        fold: int64 (n,), 0 to FOLDS - 1, constant within a unit.
        tested: bool (n,), whether the row's core is in the half that its unit gives to tests.
        labels: int64 (n,), class of each row.
        seed: the cell's seed.
    """

    unit: Rows
    core: Rows
    fold: Rows
    tested: Mask
    labels: Rows
    seed: int

    @property
    def held(self) -> Mask:
        """Rows of the units of the tested fold."""
        mask: Mask = self.fold == self.seed % FOLDS
        return mask

    @property
    def neighbour(self) -> Mask:
        """Rows of the units of the next fold, which give the in-distribution test rows."""
        mask: Mask = self.fold == (self.seed + 1) % FOLDS
        return mask


def components(columns: Sequence[Rows]) -> Rows:
    """Links rows that share a value in any column and returns each row's component.

    Args:
        columns: int64 (n,) codes; -1 (missing) links nothing.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    n = len(columns[0])
    sources, targets = [], []
    for codes in columns:
        known = np.flatnonzero(codes >= 0)
        _, first, inverse = np.unique(codes[known], return_index=True, return_inverse=True)
        sources.append(known)
        targets.append(known[first][inverse])
    source, target = np.concatenate(sources), np.concatenate(targets)
    graph = coo_array((np.ones(len(source), dtype=np.int8), (source, target)), shape=(n, n))
    component: Rows = connected_components(graph, directed=False)[1].astype(np.int64)
    return component


def make_folds(corpus: Corpus, groups: Sequence[str], seed: int) -> Folds:
    """Partitions a corpus's units into folds, balanced by class, and halves each unit's cores.

    Args:
        corpus: its column ``core`` tells attacks apart; without one, equal payload bytes are one core. Near-duplicates
            (its column ``cluster``) count as one core too.
        groups: columns whose shared values link rows; none makes every distinct core a unit.
        seed: the cell's seed.
    """
    core = corpus.codes("core")[0] if corpus.has("core") else _distinct_payloads(corpus)
    if corpus.has("cluster"):
        core = components([core, corpus.codes("cluster")[0]])
    unit = components([corpus.codes(column)[0] for column in groups] or [core])
    rng = seeds.generator(seed // FOLDS, "split")
    fold = _balanced(unit, corpus.labels, len(corpus.classes), rng)[unit]
    return Folds(unit, core, fold, _half_of_cores(unit, core, rng), corpus.labels, seed)


def _distinct_payloads(corpus: Corpus) -> Rows:
    codes = corpus.table.column("payload").combine_chunks().dictionary_encode().indices
    distinct: Rows = codes.to_numpy(zero_copy_only=False).astype(np.int64)
    return distinct


def _balanced(unit: Rows, labels: Rows, classes: int, rng: np.random.Generator) -> Rows:
    """Assigns units to folds, largest first, each where its classes are rarest; int64 (units,)."""
    counts = np.zeros((unit.max() + 1, classes), dtype=np.int64)
    np.add.at(counts, (unit, labels), 1)
    shuffled = rng.permutation(len(counts))
    order = shuffled[np.argsort(-counts.sum(1)[shuffled], kind="stable")]
    load = np.zeros((FOLDS, classes))
    out = np.zeros(len(counts), dtype=np.int64)
    for index in order:
        cost = load @ counts[index] + 1e-6 * load.sum(1)
        out[index] = best = int(np.argmin(cost))
        load[best] += counts[index]
    return out


def _half_of_cores(unit: Rows, core: Rows, rng: np.random.Generator) -> Mask:
    """Marks the rows of a random half (rounded up) of each unit's cores."""
    pairs, inverse = np.unique(np.stack([unit, core]), axis=1, return_inverse=True)
    order = np.lexsort((rng.random(pairs.shape[1]), pairs[0]))
    sizes = np.bincount(pairs[0])
    sizes = sizes[sizes > 0]
    rank = np.arange(len(order)) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    tested = np.zeros(len(order), dtype=bool)
    tested[order] = rank < np.repeat((sizes + 1) // 2, sizes)
    return tested[inverse]


def random(folds: Folds, sizes: Sizes) -> Parts:
    """Nothing shifts: training may hold other attacks on the tested units, never a tested core."""
    test = folds.held & folds.tested
    return _finish(folds, sizes, pool=~test, id_rows=test, test=test)


def disjoint(folds: Folds, sizes: Sizes) -> Parts:
    """Training holds no row of a tested unit; ``id`` are other attacks on units that training does hold."""
    test = folds.held & folds.tested
    known = folds.neighbour & folds.tested
    return _finish(folds, sizes, pool=~folds.held & ~known, id_rows=known, test=test)


def temporal(folds: Folds, date: npt.NDArray[np.float64], cutoff: float, sizes: Sizes) -> Parts:
    """Training ends before the cut-off, tests begin at it.

    Args:
        folds: see `make_folds`.
        date: float64 (n,), days; NaN where missing (such rows take no part).
        cutoff: in days.
        sizes: most rows of each part.
    """
    test = folds.held & (date >= cutoff)
    known = folds.held & folds.tested & (date < cutoff) & ~np.isin(folds.unit, folds.unit[test])
    pool = (date < cutoff) & ~known & ~np.isin(folds.unit, folds.unit[test])
    return _finish(folds, sizes, pool=pool, id_rows=known, test=test)


def long_tail(folds: Folds, imbalance: float, sizes: Sizes) -> Parts:
    """Class frequencies fall exponentially over the classes in training (Cui et al. 2019, arXiv 1901.05555).

    Which class is how rare is redrawn per seed. ``id`` and validation have the frequencies of training; ``test`` has
    the classes as they are in the corpus.

    Args:
        folds: see `make_folds`.
        imbalance: rows of the most frequent class over those of the rarest.
        sizes: most rows of each part; the training size is met by scaling all classes alike.
    """
    rng = seeds.generator(folds.seed, "split", (3,))
    classes = int(folds.labels.max()) + 1
    share = imbalance ** (-rng.permutation(classes) / max(classes - 1, 1))
    test = folds.held & folds.tested
    known = folds.neighbour & folds.tested
    pool = ~test & ~known
    parts = _finish(folds, Sizes(None, None, sizes.test), pool=pool, id_rows=known, test=test)
    return Parts(
        train=_thin(parts.train, folds.labels, share, sizes.train, rng),
        validation=_thin(parts.validation, folds.labels, share, sizes.validation, rng),
        id=_thin(parts.id, folds.labels, share, sizes.test, rng),
        test=parts.test,
    )


def _thin(rows: Rows, labels: Rows, share: npt.NDArray[np.float64], most: int | None, rng: np.random.Generator) -> Rows:
    """Draws rows so that class frequencies are as ``share``, as many as there can be, at least one per class."""
    there = np.bincount(labels[rows], minlength=len(share))
    scale = float((there / share)[there > 0].min())
    if most is not None:
        scale = min(scale, most / float(share.sum()))
    wanted = np.minimum(np.maximum(1, np.floor(scale * share)).astype(np.int64), there)
    drawn = [rng.choice(rows[labels[rows] == c], wanted[c], replace=False) for c in range(len(share)) if wanted[c]]
    return np.sort(np.concatenate(drawn))


def days(corpus: Corpus) -> npt.NDArray[np.float64]:
    """Returns the column ``date`` as days since 1970, float64 (n,), NaN where missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = corpus.table.column("date").cast(pa.int32()).cast(pa.float64())
    return np.asarray(pc.fill_null(column, float("nan")).to_numpy(), dtype=np.float64)


def cutoff(date: npt.NDArray[np.float64]) -> float:
    """Returns the earliest day that leaves at most 40 % of the dated rows to test on; the last day if none does."""
    known = np.sort(date[~np.isnan(date)])
    if not len(known):
        raise ValueError("no row of the corpus has a date")
    for day in np.unique(known):
        if (known >= day).mean() <= TEMPORAL_SHARE:
            return float(day)
    return float(known[-1])


def iso(day: float) -> str:
    """Returns a day since 1970 as an ISO 8601 date."""
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=day)).isoformat()


def _finish(folds: Folds, sizes: Sizes, *, pool: Mask, id_rows: Mask, test: Mask) -> Parts:
    """Keeps tested cores out of the pool, draws validation by core, and cuts every part to its size."""
    rng = seeds.generator(folds.seed, "split", (1,))
    held_out = np.union1d(folds.core[id_rows], folds.core[test])
    pool = pool & ~np.isin(folds.core, held_out)
    total = np.flatnonzero(pool)
    wanted = round(len(total) * VALIDATION_SHARE)
    if sizes.validation is not None:
        wanted = min(wanted, sizes.validation)
    cores = rng.permutation(np.unique(folds.core[total]))
    position = np.searchsorted(np.sort(cores), folds.core[total])
    rank = np.argsort(cores)[position]  # place of each row's core in the random order
    per_core = np.bincount(rank, minlength=len(cores))
    for_validation = np.cumsum(per_core) <= wanted
    is_validation = for_validation[rank]
    test_rows = _sample(np.flatnonzero(test), sizes.test, seeds.generator(folds.seed, "split", (2,)))
    return Parts(
        train=_sample(total[~is_validation], sizes.train, rng),
        validation=total[is_validation],
        id=test_rows if id_rows is test else _sample(np.flatnonzero(id_rows), sizes.test, rng),
        test=test_rows,
    )


def _sample(rows: Rows, most: int | None, rng: np.random.Generator) -> Rows:
    if most is None or len(rows) <= most:
        return rows
    return np.sort(rng.choice(rows, most, replace=False))
