"""Distribution drift of classes and payload lengths between a scenario's training and its environments."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from harness.auditing.draws import RenderedPart, ScenarioDraw

PERCENTILES = (5, 50, 95)


@dataclass(frozen=True)
class Drift:
    """Drift of one part of a scenario from its training, for one seed.

    Attributes:
        part: ``train``, or the name of an environment.
        rows: number of rows.
        shares: share of each class, in the order of the corpus.
        quantiles: 5 %, 50 % and 95 % quantiles of the payload lengths, in bytes.
        class_distance: total variation distance between the class shares and those of training, 0 to 1.
        length_distance: Kolmogorov-Smirnov statistic of the lengths against those of training, 0 to 1.
        length_p: two-sided p-value of the Kolmogorov-Smirnov test; 1 for training itself.
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


def drifts(draw: ScenarioDraw, classes: int) -> Iterator[Drift]:
    """Yields the drift of training itself (which is zero), then of every environment."""
    from scipy.stats import ks_2samp

    train, lengths = _shares(draw.train, classes), draw.train.payloads.lengths
    for name, part in {"train": draw.train, **draw.environments}.items():
        part_lengths, shares = part.payloads.lengths, _shares(part, classes)
        test = ks_2samp(lengths, part_lengths, method="asymp")
        yield Drift(
            draw.name,
            name,
            draw.seed,
            len(part),
            tuple(shares.tolist()),
            tuple(int(q) for q in np.percentile(part_lengths, PERCENTILES, method="inverted_cdf")),
            float(np.abs(shares - train).sum() / 2),
            float(test.statistic),
            float(test.pvalue),
        )


def _shares(part: RenderedPart, classes: int) -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    return np.asarray(np.bincount(part.labels, minlength=classes) / max(1, len(part)), dtype=np.float64)
