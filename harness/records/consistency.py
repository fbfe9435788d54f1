"""Whether the metrics that a record states are those that its counts give."""

from collections.abc import Iterator

from harness.evaluation.counts import metrics_of
from harness.records.schema import Record, Result

_TOLERANCE = 1e-9  # sums of floats in another order


def disagreements(record: Record) -> Iterator[tuple[str, float, float]]:
    """Yields the metrics of a record that its counts do not give: where, what is stated, what is counted.

    Metrics of which an older schema kept no counts are passed over.

    Raises:
        ValueError: the counts are malformed.
    """
    if record.result is not None:
        yield from differences(record.result, _TOLERANCE)


def differences(result: Result, tolerance: float) -> Iterator[tuple[str, float, float]]:
    """Yields the metrics of a result that differ from those of its counts by more than a tolerance."""
    counted = metrics_of(result.tables)
    for env, metrics in sorted(result.metrics.items()):
        for metric, stated in sorted(metrics.items()):
            value = counted.get(env, {}).get(metric)
            if value is not None and not abs(stated - value) <= tolerance:
                yield f"{env}/{metric}", stated, value
