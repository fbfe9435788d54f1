"""Association of attributes with classes: mutual information, Fisher tests, and confidence intervals of shares."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from harness.auditing.incidence import Incidence
from harness.scenario import Rows

Z = 1.959964  # normal quantile of a two-sided 95 % interval
ClassMatrix = npt.NDArray[np.float64]  # (classes, attributes)


@dataclass(frozen=True)
class Association:
    """Contingency counts of attributes and classes, and the statistics computed from them.

    Arrays have shape (classes, attributes) unless another shape is given. The statistics are computed once, since they
    are read cue by cue.

    Attributes:
        counts: int64, observations of the class that have the attribute.
        totals: int64 (attributes,), observations of any class that have the attribute.
        sizes: int64 (classes,), observations of the class.
    """

    counts: Rows
    totals: Rows
    sizes: Rows

    @classmethod
    def of(cls, incidence: Incidence, labels: Rows, classes: int) -> "Association":
        """Counts the observations of each class that have each attribute.

        Args:
            incidence: the attributes of m observations.
            labels: int64 (m,), class of each observation.
            classes: number of classes.
        """
        counts = np.stack([np.asarray(incidence.matrix.T @ (labels == c).astype(np.int64)) for c in range(classes)])
        return cls(counts, counts.sum(axis=0), np.bincount(labels, minlength=classes))

    @cached_property
    def share(self) -> ClassMatrix:
        """Share of the class's observations that have the attribute."""
        return np.asarray(self.counts / np.maximum(1, self.sizes)[:, None])

    @cached_property
    def elsewhere(self) -> ClassMatrix:
        """Share of the other classes' observations that have the attribute."""
        others = np.maximum(1, self.sizes.sum() - self.sizes)
        return np.asarray((self.totals - self.counts) / others[:, None])

    @cached_property
    def bits(self) -> ClassMatrix:
        """Mutual information, in bits, of having the attribute and belonging to the class."""
        n, class_size, total = self.sizes.sum(), self.sizes[:, None], self.totals[None, :]
        cells = (  # the 2 x 2 table of class and attribute: joint count, and the two marginal counts
            (self.counts, class_size, total),
            (class_size - self.counts, class_size, n - total),
            (total - self.counts, n - class_size, total),
            (n - class_size - total + self.counts, n - class_size, n - total),
        )
        out = np.zeros(self.counts.shape)
        for joint, first, second in cells:
            # An empty cell adds nothing (0 log 0 = 0); its logarithm is not evaluated.
            product = np.maximum(1, first * second).astype(np.float64)
            ratio = np.where(joint > 0, joint, 1) * n / product
            out += joint / n * np.log2(ratio, where=joint > 0, out=np.zeros_like(out))
        return np.maximum(out, 0.0)

    @cached_property
    def strength(self) -> ClassMatrix:
        """Uncertainty coefficient (Theil's U): mutual information over the entropy of belonging to the class.

        It is 0 if the attribute is independent of the class, and 1 if it determines whether the class is present.
        """
        share = np.clip(self.sizes / self.sizes.sum(), 1e-12, 1 - 1e-12)
        entropy = -(share * np.log2(share) + (1 - share) * np.log2(1 - share))
        return np.asarray(self.bits / entropy[:, None])

    def adjusted_p_values(self) -> ClassMatrix:
        """Returns adjusted p-values of Fisher's one-sided exact test (the class has the attribute more often).

        They are adjusted for the false discovery rate by the method of Benjamini and Hochberg (1995), over all classes
        and attributes together.
        """
        from scipy.stats import false_discovery_control, hypergeom

        n, p = int(self.sizes.sum()), np.ones(self.counts.shape)
        for index, size in enumerate(self.sizes.tolist()):
            # Many attributes have the same counts: evaluate the slow tail probability once per distinct pair.
            pairs, inverse = np.unique(np.stack([self.counts[index], self.totals]), axis=1, return_inverse=True)
            p[index] = np.clip(hypergeom.sf(pairs[0] - 1, n, pairs[1], size), 0.0, 1.0)[inverse]
        return np.asarray(false_discovery_control(p.ravel()).reshape(p.shape)) if p.size else p


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """Returns the 95 % score interval of a share (Wilson 1927); (0, 1) without trials."""
    if trials == 0:
        return 0.0, 1.0
    share, spread = hits / trials, Z * Z / trials
    centre = (share + spread / 2) / (1 + spread)
    half_width = Z / (1 + spread) * float(np.sqrt(share * (1 - share) / trials + spread / (4 * trials)))
    return max(0.0, centre - half_width), min(1.0, centre + half_width)


def newcombe(hits: int, trials: int, other_hits: int, other_trials: int) -> tuple[float, float]:
    """Returns the 95 % interval of the difference of two shares (Newcombe 1998, method 10)."""
    first, second = hits / max(1, trials), other_hits / max(1, other_trials)
    (low, high), (other_low, other_high) = wilson(hits, trials), wilson(other_hits, other_trials)
    below = float(np.hypot(first - low, other_high - second))
    above = float(np.hypot(high - first, second - other_low))
    return max(-1.0, first - second - below), min(1.0, first - second + above)
