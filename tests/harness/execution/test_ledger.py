"""The clock of a cell's budget: shared steps count in full, whoever computed them; the harness's own work does not."""

import time
from pathlib import Path

import numpy as np
import pytest

from harness.execution.budget import Budget, Ledger
from harness.storage.shared_steps import SharedSteps


def spin(seconds: float) -> None:
    end = time.process_time() + seconds
    while time.process_time() < end:
        pass


def use_step(shared: SharedSteps, seconds: float = 0.3) -> None:
    def compute() -> dict[str, np.ndarray]:
        spin(seconds)
        return {"a": np.zeros(1)}

    shared("step", "content", compute)


@pytest.fixture
def computed(tmp_path: Path) -> Path:
    """A cache in which the step has been computed at a cost of 0.3 seconds."""
    use_step(SharedSteps(tmp_path))
    return tmp_path


def test_a_step_of_the_cache_is_charged_in_full(computed: Path) -> None:
    ledger = Ledger(Budget(1, 10.0), SharedSteps(computed))
    before = ledger.total_seconds
    use_step(ledger.shared)
    assert ledger.own_seconds < before + 0.2, "this process did not compute it"
    assert before + 0.3 <= ledger.total_seconds < before + 0.5
    assert ledger.usage().shared_seconds == pytest.approx(0.3, abs=0.1)


def test_a_step_that_this_process_computes_is_charged_once(tmp_path: Path) -> None:
    ledger = Ledger(Budget(1, 10.0), SharedSteps(tmp_path))
    before = ledger.total_seconds
    use_step(ledger.shared)
    assert before + 0.3 <= ledger.total_seconds < before + 0.5
    assert ledger.own_seconds < before + 0.2


def test_shared_steps_use_the_budget_up(computed: Path) -> None:
    ledger = Ledger(Budget(1, 0.25), SharedSteps(computed))
    assert not ledger.exhausted()
    use_step(ledger.shared)
    assert ledger.exhausted()
    assert ledger.limit_reached


def test_the_clock_stands_still_while_the_harness_works() -> None:
    ledger = Ledger(Budget(1, 10.0))
    before = ledger.total_seconds
    with ledger.paused():
        spin(0.3)
    assert ledger.total_seconds < before + 0.1
    ledger.charge(2.0)
    assert ledger.total_seconds == pytest.approx(before + 2.0, abs=0.1)


def test_the_other_trials_are_scored_at_a_cost_of_their_own(computed: Path) -> None:
    """Tuning 0.1 seconds; scoring 0.1; then the other trials, which use a shared step of 0.3."""
    ledger = Ledger(Budget(2, 10.0), SharedSteps(computed))
    spin(0.1)
    ledger.end_tuning()
    spin(0.1)
    ledger.end_scoring()
    spin(0.1)
    use_step(ledger.shared)
    usage = ledger.usage()
    assert usage.predict_seconds == pytest.approx(0.1, abs=0.05)
    assert usage.shared_seconds == 0
    assert usage.trial_scoring_seconds == pytest.approx(0.4, abs=0.1)


def test_on_a_gpu_the_seconds_in_which_a_cell_holds_it_count_too(tmp_path: Path) -> None:
    ledger = Ledger(Budget(1, 10.0), SharedSteps(tmp_path), device="mps")
    before = ledger.total_seconds
    time.sleep(0.2)
    assert before + 0.2 <= ledger.total_seconds < before + 0.35
    with ledger.paused():
        time.sleep(0.2)
    assert ledger.total_seconds < before + 0.35
    ledger.shared("step", "content", lambda: time.sleep(0.2) or {"a": np.zeros(1)})
    assert ledger.usage().shared_seconds >= 0.2
    assert ledger.own_seconds < before + 0.35
    processor = Ledger(Budget(1, 10.0), SharedSteps(tmp_path))
    time.sleep(0.2)
    assert processor.total_seconds < 0.1
