"""How far the classes and the lengths of a scenario's tests lie from those of its training."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.audit.draws import Draw, Part

QUANTILES = (5, 50, 95)


@dataclass(frozen=True)
class Drift:
    """One part of one seed of a scenario.

    Attributes:
        part: ``train``, or an environment.
        shares: share of each class among its rows, in the corpus's order.
        quantiles: of the payloads' lengths in bytes: 5 %, median, 95 %.
        class_distance: total variation distance of the class shares from those of training, 0 to 1.
        length_distance: Kolmogorov-Smirnov distance of the lengths from those of training, 0 to 1.
        length_p: the p-value of the latter (two-sided); 1 for training itself.
    """

    scenario: str
    part: str
    seed: int
    rows: int
    shares: tuple[float, ...]
    quantiles: tuple[int, ...]
    class_distance: float
    length_distance: float
    length_p: float


def drifts(draw: Draw, classes: int) -> Iterator[Drift]:
    """Yields the drift of every environment, training first (which has none)."""
    from scipy.stats import ks_2samp

    train, lengths = _shares(draw.train, classes), draw.train.payloads.lengths
    for name, part in {"train": draw.train, **draw.environments}.items():
        own, shares = part.payloads.lengths, _shares(part, classes)
        test = ks_2samp(lengths, own, method="asymp")
        yield Drift(
            draw.name,
            name,
            draw.seed,
            len(part),
            tuple(shares.tolist()),
            tuple(int(q) for q in np.percentile(own, QUANTILES, method="inverted_cdf")),
            float(np.abs(shares - train).sum() / 2),
            float(test.statistic),
            float(test.pvalue),
        )


def _shares(part: Part, classes: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.asarray(np.bincount(part.labels, minlength=classes) / max(1, len(part)), dtype=np.float64)
