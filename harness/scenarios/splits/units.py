"""Splits by unit: none held out (`random`), the tested ones held out (`disjoint`)."""

from harness.scenario import Sizes
from harness.scenarios.splits.folds import Folds, Parts, finish


def random(folds: Folds, sizes: Sizes) -> Parts:
    """Nothing shifts: training may hold other attacks on the tested units, never a tested core."""
    test = folds.held & folds.tested
    return finish(folds, sizes, pool=~test, id_rows=test, test=test)


def disjoint(folds: Folds, sizes: Sizes) -> Parts:
    """Training holds no row of a tested unit; ``id`` are other attacks on units that training does hold."""
    test = folds.held & folds.tested
    known = folds.neighbour & folds.tested
    return finish(folds, sizes, pool=~folds.held & ~known, id_rows=known, test=test)
