"""Long-tailed training data: class frequencies fall exponentially, in a random order of classes per seed."""

import numpy as np
import numpy.typing as npt

from harness import seeds
from harness.scenario import Rows, Sizes
from harness.scenarios.splits.folds import Folds, Parts, finish


def long_tail(folds: Folds, imbalance: float, sizes: Sizes) -> Parts:
    """Splits with exponentially falling class frequencies in training (Cui et al. 2019, arXiv 1901.05555).

    Training may contain other attacks on the tested units, but no tested core. Each seed draws which
    classes are rare. Validation and ``id`` have the class frequencies of training, ``test`` those of the corpus.

    Args:
        folds: see `make_folds`.
        imbalance: number of rows of the most frequent class, divided by that of the rarest.
        sizes: most rows of each part; a part that is too large is scaled down in all classes alike.
    """
    rng = seeds.generator(folds.seed, "split", (3,))
    classes = int(folds.labels.max()) + 1
    share = imbalance ** (-rng.permutation(classes) / max(classes - 1, 1))
    test = folds.held & folds.tested
    id_rows = folds.neighbour & folds.tested
    pool = ~test & ~id_rows
    parts = finish(folds, Sizes(None, None, sizes.test), pool=pool, id_rows=id_rows, test=test)
    return Parts(
        train=_thin(parts.train, folds.labels, share, sizes.train, rng),
        validation=_thin(parts.validation, folds.labels, share, sizes.validation, rng),
        id=_thin(parts.id, folds.labels, share, sizes.test, rng),
        test=parts.test,
    )


def _thin(rows: Rows, labels: Rows, share: npt.NDArray[np.float64], most: int | None, rng: np.random.Generator) -> Rows:
    """Draws as many rows as possible with class frequencies proportional to ``share``, at least one of each class."""
    if not len(rows):
        return rows
    available = np.bincount(labels[rows], minlength=len(share))
    scale = float((available / share)[available > 0].min())  # limited by the scarcest class for its share
    if most is not None:
        scale = min(scale, most / float(share.sum()))
    counts = np.minimum(np.maximum(1, np.floor(scale * share)).astype(np.int64), available)
    samples = [rng.choice(rows[labels[rows] == c], counts[c], replace=False) for c in range(len(share)) if counts[c]]
    return np.sort(np.concatenate(samples))
