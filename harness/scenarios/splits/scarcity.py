"""Scarce labels: few rows of each class, labels with errors, payloads without a label, classes with a few rows.

Tests are those of the scenario that holds out the same units with all labels, so that both can be compared.
"""

from dataclasses import dataclass, replace

import numpy as np

from harness import seeds
from harness.protocol import LABELLED_SHARE, VALIDATION_PART
from harness.scenario import Rows, Sizes
from harness.scenarios.splits.folds import Folds, Parts, sample, shuffled_by_class
from harness.scenarios.splits.new_cves import NewCves
from harness.scenarios.splits.units import disjoint
from harness.scenarios.splits.unseen import zero_shot


@dataclass(frozen=True)
class ScarceParts:
    """The parts of a split with scarce labels.

    Attributes:
        parts: training and validation with labels, and the tests.
        described: int64, rows without a labelled payload whose descriptions training may use, with their class; None
            for none.
        unlabelled: int64, rows of training without a class; None for none.
    """

    parts: Parts
    described: Rows | None = None
    unlabelled: Rows | None = None


def few_labels(folds: Folds, rows: int, sizes: Sizes, cves: NewCves | None) -> ScarceParts:
    """Splits as `disjoint`, with at most this many training rows of each class, and a part of that for validation.

    The training rows of a class are among those of every larger number under the same seed. All descriptions of the
    rows that training could have had are kept. Only the tests are limited by ``sizes``.

    Args:
        folds: see `make_folds`.
        rows: of each class in training; validation has a third as many, rounded up.
        sizes: most rows of the tests.
        cves: see `disjoint`.
    """
    parts = disjoint(folds, Sizes(None, None, sizes.test), cves)
    train = _of_each_class(parts.train, rows, folds, (9,))
    validation = _of_each_class(parts.validation, -(-rows // VALIDATION_PART), folds, (10,))
    kept = replace(parts, train=train, validation=validation)
    return ScarceParts(kept, described=np.setdiff1d(parts.train, train))


def some_labels(folds: Folds, sizes: Sizes, cves: NewCves | None) -> ScarceParts:
    """Splits as `disjoint`, and takes the labels of most training rows away; see `LABELLED_SHARE`.

    Validation has the same share of its rows. Both keep at least as many rows as there are classes.
    """
    parts = disjoint(folds, sizes, cves)
    train, validation = (
        sample(
            rows,
            max(int(folds.labels.max()) + 1, round(LABELLED_SHARE * len(rows))),
            folds.labels,
            seeds.generator(folds.seed, "split", (11,)),
        )
        for rows in (parts.train, parts.validation)
    )
    kept = replace(parts, train=train, validation=validation)
    return ScarceParts(kept, unlabelled=np.setdiff1d(parts.train, train))


def few_shot(folds: Folds, rows: int, sizes: Sizes) -> tuple[ScarceParts, tuple[int, ...]]:
    """Splits as `zero_shot`, with this many training rows of each class that `zero_shot` leaves out.

    Training may use the descriptions of these classes: their payloads are scarce, not what is known of them.

    Returns:
        The parts, and the indices of the classes with few rows.
    """
    parts, scarce = zero_shot(folds, sizes)
    is_scarce = np.isin(folds.labels, scarce)
    tested = folds.core[np.concatenate([parts.id, parts.test])]
    pool = np.flatnonzero(is_scarce & ~folds.held & ~np.isin(folds.core, tested))
    shots = _of_each_class(pool, rows, folds, (12,))
    kept = replace(parts, train=np.sort(np.concatenate([parts.train, shots])))
    return ScarceParts(kept, described=np.setdiff1d(pool, shots)), scarce


def _of_each_class(rows: Rows, most: int, folds: Folds, stream: tuple[int, ...]) -> Rows:
    """Draws at most this many rows of each class; a smaller number draws a subset of the same rows."""
    by_class, rank = shuffled_by_class(rows, folds.labels, seeds.generator(folds.seed, "split", stream))
    return np.sort(by_class[rank < most])
