"""Zero-shot splits: tests contain classes without training rows."""

from dataclasses import replace

import numpy as np

from harness import seeds
from harness.protocol import UNSEEN_FOLDS
from harness.scenario import Sizes
from harness.scenarios.splits.folds import Folds, Mask, Parts, finish, sample


def unseen_classes(classes: int, fold: int) -> tuple[int, ...]:
    """Returns the class indices that a fold holds out: every third class, the same ones for every third fold."""
    return tuple(range(fold % UNSEEN_FOLDS, classes, UNSEEN_FOLDS))


def zero_shot(folds: Folds, sizes: Sizes) -> tuple[Parts, tuple[int, ...]]:
    """Splits as `units.disjoint`, with a third of the classes only in the tests (Xian et al. 2019, arXiv 1707.00600).

    Returns:
        The parts, where ``id`` are the tested units' rows of seen classes and ``test`` those of unseen classes; and the
        indices of the unseen classes.
    """
    unseen = unseen_classes(int(folds.labels.max()) + 1, folds.number)
    is_unseen: Mask = np.isin(folds.labels, unseen)
    tested = folds.testable & folds.tested
    seen = np.flatnonzero(tested & ~is_unseen)
    pool = ~folds.held & ~is_unseen & ~np.isin(folds.core, folds.core[seen])
    parts = finish(folds, sizes, pool=pool, test=tested & is_unseen)
    rng = seeds.generator(folds.number, "split", (8,))
    return replace(parts, id=sample(seen, sizes.test, folds.labels, rng)), unseen
