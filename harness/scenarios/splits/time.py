"""Splits in time: training ends where tests begin, and the tests' span may be cut into windows."""

import datetime

import numpy as np
import numpy.typing as npt

from harness.data.corpus import Corpus
from harness.errors import UserError
from harness.protocol import TEMPORAL_SHARE, WINDOWS
from harness.scenario import Rows, Sizes
from harness.scenarios.splits.folds import Folds, Parts, finish

Days = npt.NDArray[np.float64]


def temporal(folds: Folds, date: Days, cutoff: float, sizes: Sizes) -> Parts:
    """Training ends before the cut-off, tests begin at it.

    Args:
        folds: see `make_folds`.
        date: float64 (n,), days; NaN where missing (such rows take no part).
        cutoff: in days.
        sizes: most rows of each part.
    """
    test = folds.held & (date >= cutoff)
    known = folds.held & folds.tested & (date < cutoff) & ~np.isin(folds.unit, folds.unit[test])
    pool = (date < cutoff) & ~known & ~np.isin(folds.unit, folds.unit[test])
    return finish(folds, sizes, pool=pool, id_rows=known, test=test)


def days(corpus: Corpus) -> Days:
    """Returns the column ``date`` as days since 1970, float64 (n,), NaN where missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = corpus.table.column("date").cast(pa.int32()).cast(pa.float64())
    return np.asarray(pc.fill_null(column, float("nan")).to_numpy(), dtype=np.float64)


def cutoff(date: Days) -> float:
    """Returns the earliest day that leaves at most 40 % of the dated rows to test on; the last day if none does.

    Raises:
        UserError: no row is dated.
    """
    day, rows = np.unique(date[~np.isnan(date)], return_counts=True)
    if not len(day):
        raise UserError("no row of the corpus has a date.")
    from_day_on = rows[::-1].cumsum()[::-1] / rows.sum()
    few_enough = from_day_on <= TEMPORAL_SHARE
    return float(day[few_enough.argmax() if few_enough.any() else -1])


def windows(date: Days, begin: float, count: int = WINDOWS) -> Rows:
    """Cuts the time from a day on into consecutive windows of row counts as equal as whole days allow.

    Returns:
        int64 (n,), window of each row from 0; -1 before the first window and where the date is missing.

    Raises:
        UserError: the rows lie on too few days, or too many of them on one, so that a window would be empty.
    """
    inside = date >= begin
    _, place, rows = np.unique(date[inside], return_inverse=True, return_counts=True)
    middle = np.cumsum(rows) - rows / 2  # a day belongs where the middle one of its rows does
    of_day = (count * middle / rows.sum()).astype(np.int64)
    if len(np.unique(of_day)) < count:
        raise UserError(
            f"its dates are too coarse for {count} windows of equal row counts: of the {rows.sum()} rows from "
            f"{iso(begin)} on, {rows.max()} have the same one."
        )
    out = np.full(len(date), -1, dtype=np.int64)
    out[inside] = of_day[place]
    return out


def iso(day: float) -> str:
    """Returns a day since 1970 as an ISO 8601 date."""
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=day)).isoformat()
