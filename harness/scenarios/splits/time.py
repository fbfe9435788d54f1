"""Splits by date: training ends before the tests begin; the test period can be divided into windows."""

import datetime

import numpy as np
import numpy.typing as npt

from harness.data.corpus import Corpus
from harness.errors import UserError
from harness.protocol import TEMPORAL_SHARE, WINDOWS
from harness.scenario import Rows, Sizes
from harness.scenarios.splits.folds import Folds, Parts, finish
from harness.scenarios.splits.new_cves import NewCves, without_tested

Days = npt.NDArray[np.float64]


def temporal(folds: Folds, date: Days, cutoff: float, sizes: Sizes, cves: NewCves | None = None) -> Parts:
    """Trains on rows before a cut-off day and tests on rows from that day on.

    ``id`` are unseen attacks before the cut-off, on units that training has and that are not tested after it.

    Args:
        folds: see `make_folds`.
        date: float64 (n,), days since 1970; NaN where missing (such rows are not used).
        cutoff: first day of the tests, since 1970.
        sizes: most rows of each part.
        cves: if given, training has no endpoint of a tested CVE either.
    """
    test = folds.testable & (date >= cutoff)
    # Comparisons with NaN are false, so rows without a date fall into none of the parts.
    pool, notes = without_tested(cves, (date < cutoff) & ~np.isin(folds.unit, folds.unit[test]), test)
    return finish(folds, sizes, pool=pool, test=test, shifted=True).with_notes(notes)


def days(corpus: Corpus) -> Days:
    """Returns the column ``date`` as days since 1970, float64 (n,), NaN where missing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    column = corpus.table.column("date").cast(pa.int32()).cast(pa.float64())
    return np.asarray(pc.fill_null(column, float("nan")).to_numpy(), dtype=np.float64)


def cutoff(date: Days) -> float:
    """Returns the earliest day from which on at most `TEMPORAL_SHARE` of the dated rows lie; the last day if none does.

    Raises:
        UserError: no row has a date.
    """
    day, rows = np.unique(date[~np.isnan(date)], return_counts=True)
    if not len(day):
        raise UserError("no row of the corpus has a date.")
    from_day_on = rows[::-1].cumsum()[::-1] / rows.sum()
    few_enough = from_day_on <= TEMPORAL_SHARE
    return float(day[few_enough.argmax() if few_enough.any() else -1])


def windows(date: Days, begin: float, count: int = WINDOWS) -> Rows:
    """Divides the time from a day on into consecutive windows, with row counts as equal as whole days allow.

    Args:
        date: float64 (n,), days since 1970; NaN where missing.
        begin: first day of the first window.
        count: number of windows.

    Returns:
        int64 (n,), window of each row, from 0; -1 before the first window and where the date is missing.

    Raises:
        UserError: a window would be empty, since there are too few days or one day has too many rows.
    """
    inside = date >= begin
    _, place, rows = np.unique(date[inside], return_inverse=True, return_counts=True)
    middle = np.cumsum(rows) - rows / 2  # a day goes to the window of its middle row
    of_day = (count * middle / rows.sum()).astype(np.int64)
    if len(np.unique(of_day)) < count:
        raise UserError(
            f"its dates are too coarse for {count} windows of equal row counts: of the {rows.sum()} rows from "
            f"{iso(begin)} on, {rows.max()} have the same date."
        )
    out = np.full(len(date), -1, dtype=np.int64)
    out[inside] = of_day[place]
    return out


def iso(day: float) -> str:
    """Formats a day since 1970 as an ISO 8601 date."""
    return (datetime.date(1970, 1, 1) + datetime.timedelta(days=day)).isoformat()
