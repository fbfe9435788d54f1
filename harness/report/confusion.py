"""Confusion matrices, recomputed from the counts of the records."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import UserError
from harness.evaluation import counts
from harness.records.schema import Record
from harness.safe_text import printable


def confusion_matrices(records: Sequence[Record], names: Mapping[str, str], methods: Sequence[str]) -> dict[str, Any]:
    """Returns the confusion matrices of every method in every environment, summed over seeds, as JSON values.

    Args:
        records: of one board, and therefore with the same classes.
        names: display name of each record's method, by key.
        methods: in the board's order.

    Returns:
        ``classes``, ``methods``, ``environments`` (names, safe to show) and ``counts``: by the indices of
        method and environment (``"0/3"``), the flattened matrix; true classes are rows, predicted classes columns.

    Raises:
        UserError: a record has incomplete counts.
    """
    totals: dict[tuple[str, str], Any] = {}
    classes: list[str] = []
    derived: set[str] = set()
    for record in records:
        if record.result is None:
            continue
        classes = record.result.classes
        for env in record.result.counts:
            place = names[record.key], f"{record.cell.scenario}/{env}"
            if record.cell.environments[env].derived:
                derived.add(place[1])
            matrix = _matrix(record, env)
            totals[place] = totals[place] + matrix if place in totals else matrix
    # A scenario's own environments stand before those derived from them.
    environments = sorted({env for _, env in totals}, key=lambda env: (env in derived, env))
    return {
        "classes": [printable(name) for name in classes],
        "methods": [printable(name) for name in methods],
        "environments": [printable(name) for name in environments],
        "counts": {
            f"{i}/{j}": totals[method, env].ravel().tolist()
            for i, method in enumerate(methods)
            for j, env in enumerate(environments)
            if (method, env) in totals
        },
    }


def _matrix(record: Record, env: str) -> Any:
    assert record.result is not None
    try:
        return counts.confusion(counts.table(record.result.tables, env), len(record.result.classes))
    except ValueError as error:
        cell = record.cell
        raise UserError(
            f"the record of {cell.method} on {cell.scenario}, seed {cell.seed} ({record.key[:16]}) has "
            f"incomplete counts ({error}); delete it and run its cell again."
        ) from error
