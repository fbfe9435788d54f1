"""Splits by unit: tested units may be in training (`random`) or are held out (`disjoint`, `crossed`)."""

import numpy as np

from harness.scenario import Sizes
from harness.scenarios.splits.folds import Folds, Parts, finish
from harness.scenarios.splits.new_cves import NewCves, without_tested


def random(folds: Folds, sizes: Sizes) -> Parts:
    """Splits without a shift: training may contain other attacks on the tested units, but no tested core."""
    test = folds.testable & folds.tested
    return finish(folds, sizes, pool=~test, test=test)


def disjoint(folds: Folds, sizes: Sizes, cves: NewCves | None = None) -> Parts:
    """Holds out the tested units: training has none of their rows; ``id`` are unseen attacks on training units.

    Args:
        folds: see `make_folds`.
        sizes: most rows of each part.
        cves: if given, training has no tested CVE and no endpoint of one either.
    """
    test = folds.testable & folds.tested
    pool, notes = without_tested(cves, ~folds.held, test)
    return finish(folds, sizes, pool=pool, test=test, shifted=True).with_notes(notes)


def crossed(folds: Folds, others: Folds, sizes: Sizes, cves: NewCves | None = None) -> Parts:
    """Holds out units of two kinds at once, such as techniques and CVEs: both are new in the tests.

    A fold tests the rows of its units that lie in half of the folds of the others. With all of them, few of the others
    would be left for training, since a technique occurs in most CVEs of its class.

    Args:
        folds: folds of the units that define what is tested, see `make_folds`.
        others: folds of the units that training must not share either.
        sizes: most rows of each part.
        cves: see `disjoint`.
    """
    test = folds.testable & ((others.fold - folds.number) % others.count < (others.count + 1) // 2)
    pool, notes = without_tested(cves, ~folds.held & ~np.isin(others.unit, others.unit[test]), test)
    return finish(folds, sizes, pool=pool, test=test, shifted=True, known=(others.unit,)).with_notes(notes)
