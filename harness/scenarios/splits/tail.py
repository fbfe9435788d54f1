"""The long tail: classes become rare in training, which one how far is drawn anew for each seed."""

import numpy as np
import numpy.typing as npt

from harness import seeds
from harness.scenario import Rows, Sizes
from harness.scenarios.splits.folds import Folds, Parts, finish


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
    parts = finish(folds, Sizes(None, None, sizes.test), pool=pool, id_rows=known, test=test)
    return Parts(
        train=_thin(parts.train, folds.labels, share, sizes.train, rng),
        validation=_thin(parts.validation, folds.labels, share, sizes.validation, rng),
        id=_thin(parts.id, folds.labels, share, sizes.test, rng),
        test=parts.test,
    )


def _thin(rows: Rows, labels: Rows, share: npt.NDArray[np.float64], most: int | None, rng: np.random.Generator) -> Rows:
    """Draws rows so that class frequencies are as ``share``, as many as there can be, at least one per class."""
    if not len(rows):
        return rows
    there = np.bincount(labels[rows], minlength=len(share))
    scale = float((there / share)[there > 0].min())
    if most is not None:
        scale = min(scale, most / float(share.sum()))
    wanted = np.minimum(np.maximum(1, np.floor(scale * share)).astype(np.int64), there)
    drawn = [rng.choice(rows[labels[rows] == c], wanted[c], replace=False) for c in range(len(share)) if wanted[c]]
    return np.sort(np.concatenate(drawn))
