"""Zero-shot splits: tests contain classes without training rows."""

import numpy as np

from harness.protocol import UNSEEN_FOLDS
from harness.scenario import Sizes
from harness.scenarios.splits.folds import Folds, Mask, Parts, finish


def unseen_classes(classes: int, seed: int) -> tuple[int, ...]:
    """Returns the class indices that a seed holds out: every third class, the same ones for every third seed."""
    return tuple(range(seed % UNSEEN_FOLDS, classes, UNSEEN_FOLDS))


def zero_shot(folds: Folds, sizes: Sizes) -> tuple[Parts, tuple[int, ...]]:
    """Splits as `units.disjoint`, with a third of the classes only in the tests (Xian et al. 2019, arXiv 1707.00600).

    Returns:
        The parts, where ``id`` are the tested units' rows of seen classes and ``test`` those of unseen classes; and the
        indices of the unseen classes.
    """
    unseen = unseen_classes(int(folds.labels.max()) + 1, folds.seed)
    is_unseen: Mask = np.isin(folds.labels, unseen)
    tested = folds.held & folds.tested
    pool = ~folds.held & ~is_unseen
    return finish(folds, sizes, pool=pool, id_rows=tested & ~is_unseen, test=tested & is_unseen), unseen
