"""Long-tailed training data: class frequencies fall exponentially, in a random order of classes per seed."""

import numpy as np
import numpy.typing as npt

from harness import seeds
from harness.protocol import FEWEST_RARE
from harness.scenario import Rows, Sizes
from harness.scenarios.splits.folds import Folds, Parts, finish


def long_tail(folds: Folds, imbalance: float, sizes: Sizes) -> Parts:
    """Splits with exponentially falling class frequencies in training (Cui et al. 2019, arXiv 1901.05555).

    Training may contain other attacks on the tested units, but no tested core. Each seed draws which classes are rare;
    the counts are the same for all seeds, as long as every class has enough rows. Validation has the class frequencies
    of training, ``test`` those of the corpus; ``id`` is ``test``.

    Args:
        folds: see `make_folds`.
        imbalance: largest number of rows of the most frequent class, divided by that of the rarest; it is smaller if
            the rarest class would have fewer than `FEWEST_RARE` rows.
        sizes: most rows of each part.
    """
    rng = seeds.generator(folds.seed, "split", (3,))
    classes = int(folds.labels.max()) + 1
    test = folds.testable & folds.tested
    parts = finish(folds, Sizes(None, None, sizes.test), pool=~test, test=test)
    ratio = tail_ratio(classes, sizes.train or len(parts.train), imbalance)
    share = ratio ** (-rng.permutation(classes) / max(classes - 1, 1))
    return Parts(
        train=_thin(parts.train, folds.labels, share, sizes.train, FEWEST_RARE, rng),
        validation=_thin(parts.validation, folds.labels, share, sizes.validation, 1, rng),
        id=parts.test,
        test=parts.test,
    )


def tail_ratio(classes: int, rows: int, imbalance: float) -> float:
    """Returns the ratio of the most frequent class to the rarest one, at least 1.

    It is the imbalance, or the largest ratio at which the rarest class has `FEWEST_RARE` of the rows.
    """
    exponents = np.arange(classes) / max(classes - 1, 1)
    low, high = 1.0, imbalance
    for _ in range(60):  # bisection: the rarest class has fewer rows the larger the ratio
        middle = (low + high) / 2
        rarest = rows / float((middle**exponents).sum())
        low, high = (middle, high) if rarest >= FEWEST_RARE else (low, middle)
    return high if high == imbalance else low


def _thin(
    rows: Rows, labels: Rows, share: npt.NDArray[np.float64], most: int | None, fewest: int, rng: np.random.Generator
) -> Rows:
    """Draws as many rows as possible with class frequencies proportional to ``share``, ``fewest`` of each class."""
    if not len(rows):
        return rows
    available = np.bincount(labels[rows], minlength=len(share))
    scale = float((available / share)[available > 0].min())  # limited by the scarcest class for its share
    if most is not None:
        scale = min(scale, most / float(share.sum()))
    counts = np.minimum(np.maximum(fewest, np.floor(scale * share + 1e-6)).astype(np.int64), available)
    samples = [rng.choice(rows[labels[rows] == c], counts[c], replace=False) for c in range(len(share)) if counts[c]]
    return np.sort(np.concatenate(samples))
