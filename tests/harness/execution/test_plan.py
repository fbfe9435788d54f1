"""Which cells of a plan still have to run, how shards divide them, and how plans of several sizes are joined."""

from collections.abc import Generator, Iterator
from dataclasses import replace
from pathlib import Path

from harness.execution.cell import Cell, Task
from harness.execution.events import Event
from harness.execution.plan import Plan, joined
from harness.execution.scheduler import run_plan
from harness.records.schema import Record
from harness.records.store import Store
from harness.scenario import Sizes
from tests.harness.boards.boards import record
from tests.harness.execution.test_keys_of_cells import cell

CELLS = tuple(replace(cell(), seed=seed) for seed in range(20))


def of(one: Cell, failure: str = "") -> Record:
    return record("majority", "iid", one.seed, 0.1, failure=failure).model_copy(update={"key": one.key})


def test_cells_with_a_record_have_been_run_and_failed_ones_run_again_on_request() -> None:
    done, failed, new = CELLS[:3]
    lacking, unreadable = replace(CELLS[3], missing="the corpus has no descriptions"), CELLS[4]
    cached = {done.key: of(done), failed.key: of(failed, "RuntimeError: no")}
    plan = Plan((done, failed, new, lacking, unreadable), cached, unreadable={unreadable.key: "not JSON"})
    assert plan.waiting(retry_failed=False) == [new]
    assert plan.waiting(retry_failed=True) == [failed, new]
    assert replace(plan, without_predictor=frozenset({done.key})).waiting(retry_failed=False) == [done, new]
    assert replace(plan, rerun=True).waiting(retry_failed=False) == [done, failed, new]


def test_every_cell_is_in_one_shard_with_its_record() -> None:
    cached = {one.key: of(one) for one in CELLS[:10]}
    plan = Plan(CELLS, cached, frozenset({CELLS[0].key}), {CELLS[1].key: "not JSON"})
    shards = [plan.shard(part, 3) for part in (1, 2, 3)]
    assert sorted(one.seed for shard in shards for one in shard.cells) == list(range(20))
    assert all(shard.cells for shard in shards)
    for shard in shards:
        keys = {one.key for one in shard.cells}
        assert set(shard.cached) == keys & set(cached)
        assert shard.without_predictor == keys & {CELLS[0].key}
        assert set(shard.unreadable) == keys & {CELLS[1].key}


def test_plans_of_several_sizes_are_joined_as_one() -> None:
    small, large = (tuple(replace(one, sizes=Sizes(n, n, n)) for one in CELLS[:3]) for n in (10, 20))
    plans = [
        Plan(cells, {cells[0].key: of(cells[0])}, frozenset({cells[1].key}), {cells[2].key: "not JSON"})
        for cells in (large, small)
    ]
    plan = joined(plans)
    assert plan.cells == (*large, *small)
    assert list(plan.cached) == [large[0].key, small[0].key]
    assert plan.without_predictor == {large[1].key, small[1].key}
    assert set(plan.unreadable) == {large[2].key, small[2].key}
    assert not plan.rerun
    assert joined([replace(plans[0], rerun=True)]) == replace(plans[0], rerun=True)


class Collecting:
    """An executor that runs nothing and keeps the tasks that it is given."""

    workers = 1

    def __init__(self) -> None:
        self.tasks: list[Task] = []

    def run(self, *streams: Iterator[tuple[Task, Path]]) -> Generator[Event, None, None]:
        for stream in streams:
            self.tasks += [task for task, _ in stream]
        yield from ()


def test_a_shared_step_is_prepared_for_each_size(tmp_path: Path) -> None:
    """Other sizes have other training rows, so one preparation does not serve them all."""
    one = replace(cell(), method=replace(cell().method, shared="step"))
    cells = tuple(replace(one, sizes=Sizes(n, n, n)) for n in (20, 10))
    executor = Collecting()
    run_plan(
        Plan(cells, {}), Store(tmp_path), executor, retry_failed=False, save_models=False, plugins=(), command="",
        on_event=lambda event: None,
    )  # fmt: skip
    of_size = [(task.cell.sizes[0], getattr(task, "part", "")) for task in executor.tasks]
    parts = ["train", "validation", *one.scenario.environments, ""]
    assert of_size == [(n, part) for n in (20, 10) for part in parts]
