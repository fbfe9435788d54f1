"""Splits by unit: tested units may be in training (`random`) or are held out (`disjoint`)."""

from harness.scenario import Sizes
from harness.scenarios.splits.folds import Folds, Parts, finish


def random(folds: Folds, sizes: Sizes) -> Parts:
    """Splits without a shift: training may contain other attacks on the tested units, but no tested core."""
    test = folds.held & folds.tested
    return finish(folds, sizes, pool=~test, id_rows=test, test=test)


def disjoint(folds: Folds, sizes: Sizes) -> Parts:
    """Holds out the tested units: training has none of their rows; ``id`` are unseen attacks on training units."""
    test = folds.held & folds.tested
    id_rows = folds.neighbour & folds.tested
    return finish(folds, sizes, pool=~folds.held & ~id_rows, id_rows=id_rows, test=test)
