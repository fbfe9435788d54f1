"""Says which methods of a plan changed since the records of the results folder were made."""

from collections import Counter
from collections.abc import Iterator

from harness.execution.cell import Cell
from harness.execution.plan import Plan
from harness.method import CODE, PLUGIN, MethodInfo
from harness.records.schema import CellInfo
from harness.records.store import Store

_OF_CODE = frozenset((CODE, PLUGIN))


def changed_code(plan: Plan, store: Store) -> Iterator[str]:
    """Yields a sentence for each method of a plan with records that another code of the same plug-in or class made.

    Only cells without a record of today's code count: they are the ones that run again.
    """
    counts: Counter[str] = Counter()
    methods: dict[str, MethodInfo] = {}
    for cell in plan.cells:
        if not cell.missing and cell.key not in plan.cached and _OF_CODE & set(cell.method.adapter or ()):
            counts[cell.method.name] += _records_of_other_code(cell, store)
            methods[cell.method.name] = cell.method
    for name, count in counts.items():
        what = f"the plug-in {methods[name].plugin}" if methods[name].plugin else "its code"
        if count == 1:
            yield f"{name}: {what} changed since 1 record was made; it is stale and its cell runs again"
        elif count:
            yield f"{name}: {what} changed since {count} records were made; they are stale and its cells run again"


def _records_of_other_code(cell: Cell, store: Store) -> int:
    own = _without_code(cell.info)
    return sum(_without_code(record.cell) == own for record in store.others(cell.id))


def _without_code(info: CellInfo) -> CellInfo:
    """Returns the description of a cell as if its method had neither code nor a version."""
    adapter = {name: value for name, value in (info.adapter or {}).items() if name not in _OF_CODE}
    return info.model_copy(update={"adapter": adapter, "method_version": 0})
