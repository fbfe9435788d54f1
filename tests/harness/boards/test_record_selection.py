"""Which records a board uses: current ones, one per cell, and cells that most methods have."""

from harness.boards.record_selection import common_cells, one_per_cell, superseded
from harness.records.schema import EnvironmentInfo
from tests.harness.boards.boards import record


def test_a_cell_counts_if_more_than_half_of_the_methods_have_it() -> None:
    everywhere, extra = ("iid", 0), ("iid", 1)

    def cells(with_it: int, controls: int = 0) -> set[tuple[str, int]]:
        by_method = {
            str(n): [record(str(n), *place, 0.5) for place in (everywhere, *([extra] if n < with_it else []))]
            for n in range(4)
        }
        own = {f"control {n}": [record(f"control {n}", *extra, 0.5, kind="control")] for n in range(controls)}
        return common_cells(by_method | own)

    assert cells(3) == {everywhere, extra}
    assert cells(2) == {everywhere}  # half of them
    assert cells(2, controls=9) == {everywhere}  # controls do not count
    assert common_cells({"control": [record("control", *extra, 0.5, kind="control")]}) == {extra}


def test_without_a_cell_that_most_methods_have_all_count() -> None:
    apart = {str(seed): [record(str(seed), "iid", seed, 0.5)] for seed in range(2)}
    assert common_cells(apart) == {("iid", 0), ("iid", 1)}


def test_an_older_draw_of_the_same_protocol_is_superseded() -> None:
    old, new = (record("m", "iid", seed, 0.5, scenario_version=seed + 1) for seed in (0, 1))
    assert superseded([old, new], lambda r: False) == {old.key: "version 1 of iid or of its environments"}
    another = record("m", "iid", 2, 0.5, scenario_version=3, protocol=2)
    assert set(superseded([old, new, another], lambda r: False)) == {old.key}  # each protocol has its own versions
    elsewhere = record("m", "cve-disjoint", 1, 0.5, scenario_version=9)
    assert set(superseded([old, new, elsewhere], lambda r: False)) == {old.key}


def test_a_stale_record_supersedes_no_other() -> None:
    old, stale = record("m", "iid", 0, 0.5), record("m", "iid", 1, 0.5, scenario_version=2, method_version=0)
    assert superseded([old, stale], lambda r: r.cell.method_version == 0) == {stale.key: "version 0 of m"}


def test_a_finished_record_goes_before_a_failed_one_with_more_environments() -> None:
    done = record("m", "iid", 0, 0.5)
    environments = {**done.cell.environments, "perturbed.encoding": EnvironmentInfo(kind="perturbed")}
    failed = record("m", "iid", 0, 0, failure="RuntimeError: no", environments=environments)
    more = record("m", "iid", 0, 0.5, environments=environments)
    for given in ([done, failed], [failed, done]):
        assert one_per_cell(given) == ([done], [failed])
    assert one_per_cell([failed, done, more]) == ([more], [done, failed])
