"""Which cells of a plan still have to run, and how shards divide them."""

from dataclasses import replace

from harness.execution.cell import Cell
from harness.execution.plan import Plan
from harness.records.schema import Record
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
