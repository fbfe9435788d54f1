"""Splits by source: tests come from a source without training rows."""

from dataclasses import replace

import numpy as np

from harness.errors import UserError
from harness.protocol import FEWEST_SOURCE_UNITS
from harness.scenario import Rows, Sizes
from harness.scenarios.splits.folds import Folds, Mask, Parts, finish


def testable_sources(folds: Folds, source: Rows) -> Rows:
    """Returns the codes of the sources with enough units to be tested, those with the most rows first.

    Args:
        folds: see `make_folds`.
        source: int64 (n,) codes, -1 where missing.

    Raises:
        UserError: fewer than two sources are large enough.
    """
    has_source = source >= 0
    rows = np.bincount(source[has_source])
    pairs = np.unique(source[has_source] * (folds.unit.max() + 1) + folds.unit[has_source])
    units = np.bincount(pairs // (folds.unit.max() + 1), minlength=len(rows))
    order = np.argsort(-rows, kind="stable")
    large: Rows = order[units[order] >= FEWEST_SOURCE_UNITS]
    if len(large) < 2:
        raise UserError(
            f"it needs at least two sources of {FEWEST_SOURCE_UNITS} units each; {len(large)} of "
            f"{np.count_nonzero(rows)} sources has that many."
        )
    return large


def cross_source(folds: Folds, target: Mask, sizes: Sizes) -> Parts:
    """Tests every row of the target with every seed, and trains on rows outside the target.

    Training contains no core of a tested row; it may contain other attacks on the same units, from other sources.
    ``id`` are unseen attacks from the training sources, on units that training has.

    Args:
        folds: see `make_folds`.
        target: bool (n,), rows of the target source.
        sizes: most rows of training, validation and ``id``; the rows of the target are not limited.
    """
    test = target & ~folds.reserved
    parts = finish(folds, sizes, pool=~target, test=test, shifted=True)
    return replace(parts, test=np.flatnonzero(test))


def leave_one_source_out(folds: Folds, source: Rows, sizes: Sizes) -> Parts:
    """Tests source number ``fold % S`` of S and trains on all others; training contains no core of a tested row.

    If there are fewer sources than folds, folds that return to a source test other units of it. ``id`` are unseen
    attacks from the training sources, on units that training has.

    Args:
        folds: see `make_folds`.
        source: int64 (n,) codes, -1 where missing (such rows are not used).
        sizes: most rows of each part.

    Raises:
        UserError: fewer than two sources are large enough.
    """
    order = testable_sources(folds, source)
    visit, number = divmod(folds.number, len(order))
    visits = -(-folds.count // len(order))  # rounded up: how often a round of folds returns to a source
    left_out = order[number]
    test = (source == left_out) & ~folds.reserved & (folds.fold % visits == visit % visits)
    others = (source >= 0) & (source != left_out)
    return finish(folds, sizes, pool=others, test=test, shifted=True)
