"""Confusion matrices, counted again from the compact counts of the records."""

from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import UserError
from harness.evaluation import counts
from harness.records.schema import Record
from harness.safe_text import printable
from harness.scenarios.perturbed import own_environments


def confusion(records: Sequence[Record], names: Mapping[str, str], methods: Sequence[str]) -> dict[str, Any]:
    """Returns the matrices of every method in every environment, summed over seeds, as plain values.

    Args:
        records: of one board, so of one corpus and one list of classes.
        names: what the board calls the method of each record, by key.
        methods: in the board's order.

    Returns:
        ``classes``, ``methods``, ``environments`` (names, safe to show) and ``counts``: by the places of method and
        environment, ``"0/3"``, the matrix row by row (true class, then predicted), flat.

    Raises:
        UserError: a record holds no whole counts.
    """
    totals: dict[tuple[str, str], Any] = {}
    classes: list[str] = []
    for record in records:
        if record.result is None:
            continue
        classes = record.result.classes
        for env in record.result.counts:
            place = names[record.key], f"{record.cell.scenario}/{env}"
            found = _matrix(record, env)
            totals[place] = totals[place] + found if place in totals else found
    environments = sorted({env for _, env in totals}, key=_own_first)
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


def _own_first(environment: str) -> tuple[bool, str]:
    """A scenario's own environments come before those derived from them."""
    return not own_environments([environment.partition("/")[2]]), environment


def _matrix(record: Record, env: str) -> Any:
    assert record.result is not None
    try:
        return counts.confusion(counts.table(record.result.tables, env), len(record.result.classes))
    except ValueError as error:
        cell = record.cell
        raise UserError(
            f"the record of {cell.method} on {cell.scenario}, seed {cell.seed} ({record.key[:16]}) holds no whole "
            f"counts ({error}); move it away and run again to recompute it."
        ) from error
