"""Leave one source out: tests come from a collection that training never saw."""

import numpy as np

from harness.errors import UserError
from harness.protocol import FEWEST_SOURCE_UNITS
from harness.scenario import Rows, Sizes
from harness.scenarios.splits.folds import Folds, Mask, Parts, finish


def testable_sources(folds: Folds, source: Rows) -> Rows:
    """Returns the sources that are tested, in the order of the seeds: those of enough units, most rows first.

    Args:
        folds: see `make_folds`.
        source: int64 (n,) codes, -1 where missing.

    Raises:
        UserError: fewer than two sources are large enough.
    """
    known = source >= 0
    rows = np.bincount(source[known])
    pairs = np.unique(source[known] * (folds.unit.max() + 1) + folds.unit[known])
    units = np.bincount(pairs // (folds.unit.max() + 1), minlength=len(rows))
    order = np.argsort(-rows, kind="stable")
    found: Rows = order[units[order] >= FEWEST_SOURCE_UNITS]
    if len(found) < 2:
        raise UserError(
            f"it needs at least two sources of {FEWEST_SOURCE_UNITS} units each, and {len(found)} of "
            f"{np.count_nonzero(rows)} is that large."
        )
    return found


def cross_source(folds: Folds, target: Mask, sizes: Sizes) -> Parts:
    """Training on all other rows, tests on the target's units of the held-out fold.

    Training never holds a core of a tested row, but other attacks on the same units may be there, by other hands.
    ``id`` are unseen attacks from the sources of training.

    Args:
        folds: see `make_folds`.
        target: bool (n,), the rows of which some are tested.
        sizes: most rows of each part.
    """
    test = folds.held & target
    known = folds.neighbour & folds.tested & ~target & ~np.isin(folds.core, folds.core[test])
    return finish(folds, sizes, pool=~target & ~known, id_rows=known, test=test)


def leave_one_source_out(folds: Folds, source: Rows, sizes: Sizes) -> Parts:
    """Seed s tests source number s mod S and trains on all others, never on a core of a tested row.

    Where there are fewer sources than folds, seeds that come back to a source test other units of it. ``id`` are unseen
    attacks from the sources of training.

    Args:
        folds: see `make_folds`.
        source: int64 (n,) codes, -1 where missing (such rows take no part).
        sizes: most rows of each part.

    Raises:
        UserError: fewer than two sources are large enough.
    """
    order = testable_sources(folds, source)
    visit, number = divmod(folds.seed, len(order))
    visits = -(-folds.count // len(order))
    left_out = order[number]
    test = (source == left_out) & (folds.fold % visits == visit % visits)
    others = (source >= 0) & (source != left_out)
    known = others & folds.neighbour & folds.tested & ~np.isin(folds.core, folds.core[test])
    return finish(folds, sizes, pool=others & ~known, id_rows=known, test=test)
