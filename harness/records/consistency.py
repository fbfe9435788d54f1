"""Checks that the metrics of a record agree with its counts."""

from collections.abc import Iterator

from harness.evaluation.counts import metrics_of
from harness.records.schema import Record, Result

_TOLERANCE = 1e-9  # rounding of floating-point sums in another order


def disagreements(record: Record) -> Iterator[tuple[str, float, float]]:
    """Yields the metrics of a record that disagree with its counts: ``environment/metric``, stated and counted value.

    Metrics without counts, as in older schemas, are skipped.
    """
    if record.result is not None:
        yield from differences(record.result, _TOLERANCE)


def differences(result: Result, tolerance: float) -> Iterator[tuple[str, float, float]]:
    """Yields the metrics of a result that differ from its counts by more than a tolerance; see `disagreements`."""
    counted = metrics_of(result.tables)
    for env, metrics in sorted(result.metrics.items()):
        for metric, stated in sorted(metrics.items()):
            value = counted.get(env, {}).get(metric)
            if value is not None and not abs(stated - value) <= tolerance:
                yield f"{env}/{metric}", stated, value
