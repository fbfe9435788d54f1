"""The expected time of a run, from a table of hand-made times and from that of the built-in methods."""

from dataclasses import replace

import pytest

from harness import registry
from harness.execution import expected_time
from harness.execution.budget import Budget
from harness.execution.cell import Cell
from harness.execution.expected_time import TEXT, CellSeconds, Forecast, MethodSeconds, calibrate, forecast
from harness.method import MethodInfo
from harness.records.schema import Provenance, Record
from harness.scenario import EnvironmentSpec, Sizes
from tests.harness.boards.boards import record
from tests.harness.execution.test_keys_of_cells import cell
from tests.tools.cell_seconds import measured

KNOWN = CellSeconds(
    "any", 0.01, 0.5, {"trunk": 10.0, TEXT: 100.0}, {"a": MethodSeconds(20.0, 1.0), "b": MethodSeconds(0.0, 0.0)}
)


def method(name: str, shared: str = "", tags: tuple[str, ...] = ()) -> MethodInfo:
    return replace(registry.method("majority"), name=name, shared=shared, tags=frozenset(tags))


def of(info: MethodInfo, seed: int = 0, seconds: float = 300.0) -> Cell:
    """A cell of two trials on 100 training rows and two environments of 50 rows."""
    one = cell()
    return replace(
        one,
        method=info,
        corpus=replace(one.corpus, rows=1000),
        scenario=replace(one.scenario, environments={"id": EnvironmentSpec(), "test": EnvironmentSpec()}),
        seed=seed,
        budget=Budget(2, seconds),
        sizes=Sizes(100, 20, 50),
    )


def expected(*cells: Cell, slowness: float = 1.0) -> Forecast:
    return expected_time._forecast(list(cells), KNOWN, slowness)


def test_a_cell_takes_its_trials_its_tests_and_its_start() -> None:
    one = expected(of(method("a")))
    assert one.cells == {"a": pytest.approx(2 * 20 * 0.1 + 2 * 1 * 0.1 + 0.5)}
    assert one.total == one.longest == pytest.approx(4.7)
    assert expected(of(method("a")), slowness=3.0).total == pytest.approx(3 * 4.7)


def test_torch_methods_take_less_time_in_bfloat16() -> None:
    half = replace(of(method("a")), precision="bfloat16")
    assert expected(half).total == pytest.approx(4.7), "it does not use torch"
    torch = replace(half, method=replace(half.method, requires=("torch",)))
    assert expected(torch).total == pytest.approx(0.7 * 4.2 + 0.5)


def test_no_trial_starts_after_the_compute_seconds_but_the_first_ends() -> None:
    assert expected(of(method("a"), seconds=3.0)).total == pytest.approx(3.0 + 0.2 + 0.5)
    assert expected(of(method("a"), seconds=1.0)).total == pytest.approx(2.0 + 0.2 + 0.5)


def test_a_shared_step_counts_once_per_scenario_and_seed() -> None:
    cells = [of(method(name, "trunk"), seed) for name in "ab" for seed in (0, 1)]
    assert expected(*cells).shared == pytest.approx(2 * 10 * 0.2)
    assert expected(*cells, of(method("b", "trunk", ("text",)))).shared == pytest.approx(2 * 10 * 0.2 + 100 * 0.2)


def test_a_method_without_a_time_counts_as_the_mean_of_the_others() -> None:
    one = expected(of(method("a")), of(method("b")), of(method("own")), of(method("own"), 1))
    assert one.untimed == ("own",)
    assert one.total == pytest.approx(4.7 + 0.5 + 2 * (4.7 + 0.5) / 2)
    assert expected(of(method("own"))) == Forecast({}, 0.0, 0.0, 0.0, ("own",))


def test_workers_share_the_time_but_not_that_of_the_longest_cell() -> None:
    assert Forecast({}, 0.0, 100.0, 30.0).wall_seconds(2) == 50
    assert Forecast({}, 0.0, 100.0, 30.0).wall_seconds(8) == 30


def test_every_ranked_method_comes_with_a_time() -> None:
    registry.discover()
    ranked = {
        name
        for name, info in registry.methods().items()
        if info.kind == "ranked" and info.origin.startswith("harness.methods.")
    }
    assert ranked - expected_time.cell_seconds().methods.keys() == set()


def test_a_long_run_is_forecast_by_the_speed_of_this_processor(monkeypatch: pytest.MonkeyPatch) -> None:
    known = expected_time.cell_seconds()
    cells = [of(method("byte-cnn"), seed) for seed in range(200)]
    there = expected_time._forecast(cells, known, 1.0).total
    assert there > expected_time._SHORT_RUN
    monkeypatch.setattr(expected_time, "calibrate", lambda: 2 * known.calibration)
    assert forecast(cells).total == pytest.approx(2 * there)
    assert forecast(cells[:1]).total == pytest.approx(there / 200)  # as if on the other processor


def test_two_calibrations_of_one_processor_agree() -> None:
    assert calibrate() == pytest.approx(calibrate(), rel=1)


def done(name: str, tags: tuple[str, ...] = (), **seconds: float) -> Record:
    """A record of one trial on 100 training rows; the tests of a made record have a number of rows of their own."""
    one = record(name, "iid", 0, 0.5, trials=1, tags=tags)
    assert one.result is not None
    result = one.result.model_copy(update={"rows": {"train": 100, "validation": 20}})
    provenance = Provenance(machine={"processor": "any"}, **seconds)
    return one.model_copy(update={"result": result, "provenance": provenance})


def test_times_come_from_records_and_common_shared_steps_are_counted_apart() -> None:
    records = [
        done("light", compute_seconds=2.0, predict_seconds=1.0, wall_seconds=3.4),
        done("plain", compute_seconds=1.0, shared_seconds=5.0, wall_seconds=9.0),
        done("copies", compute_seconds=1.0, shared_seconds=7.0, wall_seconds=9.0),
        done("guided", ("text",), compute_seconds=1.0, shared_seconds=25.0, wall_seconds=9.0),
    ]
    assert records[0].result is not None
    tested = sum(metrics["rows"] for metrics in records[0].result.metrics.values())
    shared = {"light": "", "plain": "trunk", "copies": "trunk", "guided": "trunk"}
    times = measured(records, shared, "any", 0.01)
    rows = (100 + tested) / 1000
    assert times.steps == {"trunk": pytest.approx(5 / rows, abs=1e-3), TEXT: pytest.approx(20 / rows, abs=1e-3)}
    assert times.methods["light"] == MethodSeconds(20.0, pytest.approx(1000 / tested, abs=1e-3))
    assert times.methods["plain"].tuning == pytest.approx(10.0, abs=1e-3)
    assert times.methods["copies"].tuning == pytest.approx(10.0 + 20.0, abs=1e-3)
    assert times.methods["guided"].tuning == pytest.approx(10.0, abs=1e-3)
    assert times.start == pytest.approx(0.1)
