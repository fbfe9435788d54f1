"""Row weights and subsets that balance groups."""

import numpy as np
import numpy.typing as npt

Rows = npt.NDArray[np.int64]


def balancing_weights(groups: Rows) -> npt.NDArray[np.float64]:
    """Returns row weights under which all groups have the same total weight, float64 (n,), with mean 1."""
    _, group, rows = np.unique(groups, return_inverse=True, return_counts=True)
    return np.asarray(len(groups) / (len(rows) * rows[group]), dtype=np.float64)


def subsample(groups: Rows, rng: np.random.Generator) -> Rows:
    """Returns a random subset of rows with as many of every group as the smallest group has, ascending, int64."""
    _, group, rows = np.unique(groups, return_inverse=True, return_counts=True)
    order = rng.permutation(len(groups))
    order = order[np.argsort(group[order], kind="stable")]
    rank = np.arange(len(order)) - np.repeat(np.cumsum(rows) - rows, rows)
    return np.asarray(np.sort(order[rank < rows.min()]), dtype=np.int64)


def held_out_mask(groups: Rows, share: float, rng: np.random.Generator) -> npt.NDArray[np.bool_]:
    """Returns a random mask that is true for a share of the rows of every group, bool (n,).

    The number per group is rounded up, but at least one row of every group stays out.
    """
    out = np.zeros(len(groups), dtype=np.bool_)
    for group in np.unique(groups):
        rows = rng.permutation(np.flatnonzero(groups == group))
        out[rows[: min(-int(-share * len(rows) // 1), len(rows) - 1)]] = True
    return out
