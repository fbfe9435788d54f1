"""How strongly attributes go with classes: mutual information, shares with intervals, and corrected p-values."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness.audit.incidence import Incidence
from harness.scenario import Rows

Z = 1.959964  # of a 95 % interval
Table = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Association:
    """Counts of observations, and what follows from them; arrays are (classes, attributes) where not said otherwise.

    Attributes:
        have: int64, observations of the class that have the attribute.
        total: int64 (attributes,), observations that have it.
        sizes: int64 (classes,), observations of the class.
        bits: mutual information of having the attribute and being of the class.
        strength: bits over the entropy of being of the class: 0 says nothing, 1 gives the class away.
    """

    have: Rows
    total: Rows
    sizes: Rows

    @classmethod
    def of(cls, found: Incidence, labels: Rows, classes: int) -> "Association":
        """Counts who has what.

        Args:
            found: m observations and their attributes.
            labels: int64 (m,), class of each observation.
            classes: how many there are.
        """
        have = np.stack([np.asarray(found.matrix.T @ (labels == c).astype(np.int64)) for c in range(classes)])
        return cls(have, have.sum(axis=0), np.bincount(labels, minlength=classes))

    @property
    def share(self) -> Table:
        """Share of the class that has the attribute."""
        return np.asarray(self.have / np.maximum(1, self.sizes)[:, None])

    @property
    def elsewhere(self) -> Table:
        """Share of the other classes' observations that have it."""
        others = np.maximum(1, self.sizes.sum() - self.sizes)
        return np.asarray((self.total - self.have) / others[:, None])

    @property
    def bits(self) -> Table:
        """See `Association`."""
        n, of_class, of_total = self.sizes.sum(), self.sizes[:, None], self.total[None, :]
        cells = (
            (self.have, of_class, of_total),
            (of_class - self.have, of_class, n - of_total),
            (of_total - self.have, n - of_class, of_total),
            (n - of_class - of_total + self.have, n - of_class, n - of_total),
        )
        out = np.zeros(self.have.shape)
        for joint, first, second in cells:
            product = np.maximum(1, first * second).astype(np.float64)
            out += (
                joint
                / n
                * np.log2(np.where(joint > 0, joint, 1) * n / product, where=joint > 0, out=np.zeros_like(out))
            )
        return np.maximum(out, 0.0)

    @property
    def strength(self) -> Table:
        """See `Association`."""
        share = np.clip(self.sizes / self.sizes.sum(), 1e-12, 1 - 1e-12)
        entropy = -(share * np.log2(share) + (1 - share) * np.log2(1 - share))
        return np.asarray(self.bits / entropy[:, None])

    def corrected(self) -> Table:
        """Returns one-sided exact p-values (Fisher: the class has it more often), corrected over all tests.

        The correction is that of Benjamini and Hochberg (1995), over every class and attribute together.
        """
        from scipy.stats import false_discovery_control, hypergeom

        n, p = int(self.sizes.sum()), np.ones(self.have.shape)
        for index, size in enumerate(self.sizes.tolist()):
            pairs, place = np.unique(np.stack([self.have[index], self.total]), axis=1, return_inverse=True)
            p[index] = np.clip(hypergeom.sf(pairs[0] - 1, n, pairs[1], size), 0.0, 1.0)[place]
        return np.asarray(false_discovery_control(p.ravel()).reshape(p.shape)) if p.size else p


def wilson(hits: int, of: int) -> tuple[float, float]:
    """Returns the 95 % interval of a share (Wilson 1927); everything is possible where nothing was seen."""
    if of == 0:
        return 0.0, 1.0
    share, spread = hits / of, Z * Z / of
    middle = (share + spread / 2) / (1 + spread)
    half = Z / (1 + spread) * float(np.sqrt(share * (1 - share) / of + spread / (4 * of)))
    return max(0.0, middle - half), min(1.0, middle + half)


def newcombe(hits: int, of: int, others: int, of_others: int) -> tuple[float, float]:
    """Returns the 95 % interval of the difference of two shares (Newcombe 1998, method 10)."""
    first, second = hits / max(1, of), others / max(1, of_others)
    (low, high), (other_low, other_high) = wilson(hits, of), wilson(others, of_others)
    below = float(np.hypot(first - low, other_high - second))
    above = float(np.hypot(high - first, second - other_low))
    return max(-1.0, first - second - below), min(1.0, first - second + above)
