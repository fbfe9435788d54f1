"""Results folders of many cells, without training."""

from pathlib import Path

from harness.records.schema import CellId
from harness.records.store import Store
from tests.harness.boards.boards import RUN, record


def filled(folder: Path, methods: int, seeds: int) -> Store:
    """Writes the cells of three scenarios, without syncing each."""
    store = Store(folder)
    for method in range(methods):
        for scenario in RUN:
            for seed in range(seeds):
                cell = record(f"m-{method}", scenario, seed, 0.3 + method / 60)
                path = store.path(CellId(cell.cell.benchmark, scenario, cell.cell.method, seed, cell.key))
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(cell.model_dump_json(), encoding="utf-8")
    return store
