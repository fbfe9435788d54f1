"""Attribute-conditional resampling: a binary attribute is made to go with the class, as far as wanted, and then not."""

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
    """Row ids of a resampled split, and of each environment; ``dropped`` are classes that no environment holds."""

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
    """Draws rows of `random` so that the attribute agrees with the class as often as wanted, in every class.

    Nothing is drawn twice: a class shrinks to what its scarcer side allows. All environments have the same number of
    rows of each class and share as many rows as they can, so that they differ in nothing but the correlation.

    Args:
        folds: see `make_folds`; balanced by class and attribute for the best yield.
        agrees: int8 (n,), 1 where a row's attribute is on its class's side, 0 where it is not, -1 for rows of classes
            that keep what they have (thinned as much as the others are on the whole).
        train: rows that agree in training and validation, in percent (1 to 99).
        environments: the same per environment.
        sizes: most rows of each part.
    """
    rng = seeds.generator(folds.seed, "split", (5,))
    parts = random(folds, Sizes())
    draw = _Resampler(folds.labels, agrees, rng)
    tested = draw(parts.test, list(environments.values()), sizes.test)
    there = np.unique(folds.labels[parts.test])
    return ResampledRows(
        train=draw(parts.train, [train], sizes.train)[0],
        validation=draw(parts.validation, [train], sizes.validation)[0],
        environments=dict(zip(environments, tested, strict=True)),
        dropped=tuple(np.setdiff1d(there, folds.labels[tested[0]]).tolist()),
    )


@dataclass(frozen=True)
class _Resampler:
    labels: Rows
    agrees: npt.NDArray[np.int8]
    rng: np.random.Generator

    def __call__(self, rows: Rows, percents: Sequence[int], most: int | None) -> list[Rows]:
        """Returns one draw per percentage, each of the same classes in the same numbers."""
        rows = self.rng.permutation(rows)
        against, agreeing, kept = (self._by_class(rows[self.agrees[rows] == side]) for side in (0, 1, -1))
        size = _room(against, agreeing, kept, percents)
        if most is not None and size.sum() > most:
            size = size * most // size.sum()
        chance = self.rng.integers(100, size=len(size))  # rounds up as often as the fraction says
        out = []
        for percent in percents:
            count = (size * percent + chance) // 100
            drawn = [part[:n] for part, n in zip(agreeing, count, strict=True)]
            drawn += [part[:n] for part, n in zip(against, size - count, strict=True)]
            drawn += [part[:n] for part, n in zip(kept, size, strict=True)]
            out.append(np.sort(np.concatenate(drawn)))
        return out

    def _by_class(self, rows: Rows) -> list[Rows]:
        return [rows[self.labels[rows] == c] for c in range(int(self.labels.max()) + 1)]


def _room(against: list[Rows], agreeing: list[Rows], kept: list[Rows], percents: Sequence[int]) -> Rows:
    """Returns how many rows of each class every percentage can have; int64 (classes,)."""
    no, yes, either = (np.array([len(part) for part in side], dtype=np.int64) for side in (against, agreeing, kept))
    room = np.minimum(yes * 100 // max(percents), no * 100 // max(100 - p for p in percents))
    left = room.sum() / max(1, yes.sum() + no.sum())  # of the rows of classes that are resampled
    return np.asarray(room + np.floor(either * left), dtype=np.int64)
