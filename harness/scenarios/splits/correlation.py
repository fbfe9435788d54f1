"""Resampling by an attribute: makes a binary attribute correlate with the class, to a different extent in tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from harness import seeds
from harness.scenario import Rows, Sizes
from harness.scenarios.splits.folds import Folds
from harness.scenarios.splits.units import random


@dataclass(frozen=True)
class ResampledRows:
    """Row ids, int64, of a resampled split; ``dropped`` are the test classes that the environments do not contain."""

    train: Rows
    validation: Rows
    environments: Mapping[str, Rows]
    dropped: tuple[int, ...]


def correlated(
    folds: Folds,
    agrees: npt.NDArray[np.int8],
    train: int,
    environments: Mapping[str, int],
    sizes: Sizes,
) -> ResampledRows:
    """Draws rows of `random` so that, in every class, the attribute agrees with the class at a given rate.

    Rows are drawn without replacement, so the scarcer side limits the size of a class. All environments have the same
    number of rows of each class and share as many rows as possible, so that only the correlation differs.

    Args:
        folds: see `make_folds`; balance them by class and attribute to lose the fewest rows.
        agrees: int8 (n,), 1 for rows whose attribute agrees with their class, 0 for the others, -1 for rows of classes
            that are not resampled (these are thinned in the same proportion as the resampled classes together).
        train: percentage of agreeing rows in training and validation (1 to 99).
        environments: percentage of agreeing rows in each environment.
        sizes: most rows of each part.
    """
    parts = random(folds, Sizes())
    # The tests depend on the fold alone, so that all repeats have the same rows.
    tests = _Resampler(folds.labels, agrees, seeds.generator(folds.number, "split", (5,)))(
        parts.test, list(environments.values()), sizes.test
    )
    draw = _Resampler(folds.labels, agrees, seeds.generator(folds.seed, "split", (10,)))
    test_classes = np.unique(folds.labels[parts.test])
    return ResampledRows(
        train=draw(parts.train, [train], sizes.train)[0],
        validation=draw(parts.validation, [train], sizes.validation)[0],
        environments=dict(zip(environments, tests, strict=True)),
        dropped=tuple(np.setdiff1d(test_classes, folds.labels[tests[0]]).tolist()),
    )


@dataclass(frozen=True)
class _Resampler:
    labels: Rows
    agrees: npt.NDArray[np.int8]
    rng: np.random.Generator

    def __call__(self, rows: Rows, percents: Sequence[int], most: int | None) -> list[Rows]:
        """Returns one draw per percentage; all have the same number of rows of each class.

        The rows are shuffled once and every draw takes the first rows of each class and side, so that the draws overlap
        as much as their percentages allow.
        """
        rows = self.rng.permutation(rows)
        against, agreeing, others = (self._by_class(rows[self.agrees[rows] == side]) for side in (0, 1, -1))
        size = _class_sizes(against, agreeing, others, percents)
        if most is not None and size.sum() > most:
            size = size * most // size.sum()
        # Random rounding: size * percent / 100 is rounded up with the probability of its fraction, so that small
        # classes have the right share on average. One number per class serves all draws, which keeps them nested.
        chance = self.rng.integers(100, size=len(size))
        out = []
        for percent in percents:
            count = (size * percent + chance) // 100
            by_class = [part[:n] for part, n in zip(agreeing, count, strict=True)]
            by_class += [part[:n] for part, n in zip(against, size - count, strict=True)]
            by_class += [part[:n] for part, n in zip(others, size, strict=True)]
            out.append(np.sort(np.concatenate(by_class)))
        return out

    def _by_class(self, rows: Rows) -> list[Rows]:
        return [rows[self.labels[rows] == c] for c in range(int(self.labels.max()) + 1)]


def _class_sizes(against: list[Rows], agreeing: list[Rows], others: list[Rows], percents: Sequence[int]) -> Rows:
    """Returns the largest number of rows of each class that is possible for every percentage; int64 (classes,)."""
    no, yes, either = (np.array([len(part) for part in side], dtype=np.int64) for side in (against, agreeing, others))
    # The highest percentage uses the most agreeing rows, the lowest one the most others.
    sizes = np.minimum(yes * 100 // max(percents), no * 100 // max(100 - p for p in percents))
    share = sizes.sum() / max(1, yes.sum() + no.sum())  # of the rows of resampled classes
    return np.asarray(sizes + np.floor(either * share), dtype=np.int64)
