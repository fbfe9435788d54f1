"""Which rows a batch holds, by group or by environment, and what each row counts."""

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ..inputs import Rows
from ..training import Draw, batches

Weights = npt.NDArray[np.float64]
POOL = 16  # batches whose rows are sorted by length together
LEAST = 2  # rows of an environment in a batch: one per half of the penalty of `losses.invariance`


def counterweights(groups: Rows) -> Weights:
    """Returns weights under which every group that has a row counts alike, float64 (n,), 1 on the mean."""
    _, group, rows = np.unique(groups, return_inverse=True, return_counts=True)
    return np.asarray(len(groups) / (len(rows) * rows[group]), dtype=np.float64)


def subsample(groups: Rows, rng: np.random.Generator) -> Rows:
    """Returns as many rows of every group as the smallest that has a row, sorted, int64."""
    _, group, rows = np.unique(groups, return_inverse=True, return_counts=True)
    order = rng.permutation(len(groups))
    order = order[np.argsort(group[order], kind="stable")]
    rank = np.arange(len(order)) - np.repeat(np.cumsum(rows) - rows, rows)
    return np.asarray(np.sort(order[rank < rows.min()]), dtype=np.int64)


def held_out(groups: Rows, share: float, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Returns which rows make up this share of every group, bool (n,): rounded up, and never the whole of one."""
    out = np.zeros(len(groups), dtype=np.bool_)
    for group in np.unique(groups):
        rows = rng.permutation(np.flatnonzero(groups == group))
        out[rows[: min(-int(-share * len(rows) // 1), len(rows) - 1)]] = True
    return out


def weighted(weights: Weights) -> Draw:
    """Returns a draw of n rows in which each comes as often as its weight says, to the next whole number.

    Systematic resampling: n equally spaced marks over the rows' shares in a random order, which scatters less than
    independent draws do.

    Args:
        weights: float64 (n,), of any sum.
    """
    share = weights / weights.sum() * len(weights)

    def draw(lengths: Rows, size: int, rng: np.random.Generator) -> Iterator[Rows]:
        order = rng.permutation(len(share))
        marks = np.arange(len(share)) + rng.random()
        place = np.searchsorted(np.cumsum(share[order]), marks, side="right")
        rows = order[np.minimum(place, len(share) - 1)]
        return (rows[cut] for cut in batches(lengths[rows], size, rng))

    return draw


def balanced(groups: Rows) -> Draw:
    """Returns a draw in which every group comes as often as every other."""
    return weighted(counterweights(groups))


def by_environment(environments: Rows) -> Draw:
    """Returns a draw whose batches hold as many rows of one environment as of another, and at least `LEAST`.

    Where a batch has no room for all environments, each draws some of them. No row of an environment comes again before
    all others came, in this epoch or the next, unless a batch asks for more than the environment has. It serves one
    training.
    """
    members = [np.flatnonzero(environments == e) for e in np.unique(environments)]
    endless: list[Iterator[Rows]] = []

    def draw(lengths: Rows, size: int, rng: np.random.Generator) -> Iterator[Rows]:
        if not endless:
            endless.append(_endless(members, lengths, size, rng))
        return itertools.islice(endless[0], -(-len(environments) // size))

    return draw


def _endless(members: list[Rows], lengths: Rows, size: int, rng: np.random.Generator) -> Iterator[Rows]:
    """Yields pools of batches of similar length, in a random order; a pool holds no row twice."""
    turns = min(len(members), max(1, size // LEAST))
    share = max(LEAST, size // turns)
    enough = [np.resize(rows, max(share, len(rows))) for rows in members]
    waiting = [
        np.empty(0, dtype=np.int64) for _ in members
    ]  # places among an environment's rows that are still to come
    while True:
        turn = rng.permutation(len(members))[:turns]
        pool = max(1, min(POOL, min(len(enough[e]) for e in turn) // share))
        parts = []
        for e in turn:
            if len(waiting[e]) < pool * share:
                others = np.setdiff1d(np.arange(len(enough[e])), waiting[e])
                waiting[e] = np.concatenate([waiting[e], rng.permutation(others), rng.permutation(waiting[e])])
            places, waiting[e] = np.split(waiting[e], [pool * share])
            rows = enough[e][places]
            parts.append(rows[np.argsort(lengths[rows], kind="stable")].reshape(pool, share))
        yield from np.concatenate(parts, axis=1)[rng.permutation(pool)]
