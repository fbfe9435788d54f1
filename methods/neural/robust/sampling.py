"""Batch samplers by row weights and by environments."""

import itertools
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from ..inputs import Rows
from ..training import BatchSampler, batches

Weights = npt.NDArray[np.float64]
POOL = 16  # batches whose rows are sorted by length together
MIN_ENVIRONMENT_ROWS = 2  # rows of an environment in a batch: one per half of `losses.irm_penalty`


def weighted_sampler(weights: Weights) -> BatchSampler:
    """Returns a sampler of n rows per epoch, each row as often as its weight says, rounded down or up.

    Systematic resampling: n equally spaced marks over the cumulative weights in a random order. The counts have a lower
    variance than those of independent draws.

    Args:
        weights: float64 (n,), with any sum.
    """
    frequency = weights / weights.sum() * len(weights)

    def sample(lengths: Rows, size: int, rng: np.random.Generator) -> Iterator[Rows]:
        order = rng.permutation(len(frequency))
        marks = np.arange(len(frequency)) + rng.random()
        index = np.searchsorted(np.cumsum(frequency[order]), marks, side="right")
        rows = order[np.minimum(index, len(frequency) - 1)]  # the last mark may exceed a sum rounded down
        return (rows[part] for part in batches(lengths[rows], size, rng))

    return sample


def environment_sampler(environments: Rows) -> BatchSampler:
    """Returns a sampler of batches with equally many rows of each environment, at least `MIN_ENVIRONMENT_ROWS`.

    If a batch is too small for all environments, each batch holds a random subset of them. A row is not repeated before
    all others of its environment were used, across epochs, unless a batch needs more rows than the environment has. The
    sampler keeps this state, so make a new one for each training.
    """
    members = [np.flatnonzero(environments == e) for e in np.unique(environments)]
    stream: list[Iterator[Rows]] = []  # one iterator for all epochs, made in the first, when lengths are known

    def sample(lengths: Rows, size: int, rng: np.random.Generator) -> Iterator[Rows]:
        if not stream:
            stream.append(_environment_batches(members, lengths, size, rng))
        return itertools.islice(stream[0], -(-len(environments) // size))

    return sample


def _environment_batches(members: list[Rows], lengths: Rows, size: int, rng: np.random.Generator) -> Iterator[Rows]:
    """Yields batches without end: pools of batches of similar length, in random order; no row is twice in a pool."""
    per_batch = min(len(members), max(1, size // MIN_ENVIRONMENT_ROWS))  # environments in a batch
    share = max(MIN_ENVIRONMENT_ROWS, size // per_batch)  # rows of each
    supply = [np.resize(rows, max(share, len(rows))) for rows in members]  # a small environment repeats its rows
    queues = [np.empty(0, dtype=np.int64) for _ in members]  # indices into `supply` that come next
    while True:
        subset = rng.permutation(len(members))[:per_batch]
        pool = max(1, min(POOL, min(len(supply[e]) for e in subset) // share))
        parts = []
        for e in subset:
            if len(queues[e]) < pool * share:
                # Refill: first the rest of the queue, then all other rows, and only then the rest again.
                others = np.setdiff1d(np.arange(len(supply[e])), queues[e])
                queues[e] = np.concatenate([queues[e], rng.permutation(others), rng.permutation(queues[e])])
            indices, queues[e] = np.split(queues[e], [pool * share])
            rows = supply[e][indices]
            # Sorting within each environment puts rows of similar length into the same batch, row by row of the table.
            parts.append(rows[np.argsort(lengths[rows], kind="stable")].reshape(pool, share))
        yield from np.concatenate(parts, axis=1)[rng.permutation(pool)]
