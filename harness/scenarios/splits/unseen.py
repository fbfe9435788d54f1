"""Zero-shot: classes that training knows by their name alone."""

import numpy as np

from harness.protocol import UNSEEN_FOLDS
from harness.scenario import Sizes
from harness.scenarios.splits.folds import Folds, Mask, Parts, finish


def unseen_classes(classes: int, seed: int) -> tuple[int, ...]:
    """Returns the classes that a seed holds out: every third in their sorted order, the same ones every third seed."""
    return tuple(range(seed % UNSEEN_FOLDS, classes, UNSEEN_FOLDS))


def zero_shot(folds: Folds, sizes: Sizes) -> tuple[Parts, tuple[int, ...]]:
    """Splits as `units.disjoint`, with a third of the classes in the tests alone (Xian et al. 2019, arXiv 1707.00600).

    Returns:
        The parts, where ``id`` are the tested units' rows of seen classes and ``test`` those of unseen ones, and the
        unseen classes.
    """
    unseen = unseen_classes(int(folds.labels.max()) + 1, folds.seed)
    new: Mask = np.isin(folds.labels, unseen)
    tested = folds.held & folds.tested
    pool = ~folds.held & ~new
    return finish(folds, sizes, pool=pool, id_rows=tested & ~new, test=tested & new), unseen
