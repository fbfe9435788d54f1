import time
from pathlib import Path

import numpy as np
import pytest

from harness.storage import shared_steps
from harness.storage.shared_steps import SharedSteps


def burn(calls: list[int]) -> dict[str, np.ndarray]:
    calls.append(1)
    return {"a": np.sort(np.random.default_rng(0).random(2_000_000))}


def test_a_step_is_computed_once_and_charged_to_each(tmp_path: Path) -> None:
    calls: list[int] = []
    first, second = SharedSteps(tmp_path), SharedSteps(tmp_path)
    a = first("step", "content", lambda: burn(calls))["a"]
    b = second("step", "content", lambda: burn(calls))["a"]
    second("step", "content", lambda: burn(calls))
    assert len(calls) == 1
    assert np.array_equal(a, b)
    assert first.charged == second.charged > 0
    assert first.computed > 0
    assert second.computed == 0


def test_a_step_within_a_step_is_counted_once(tmp_path: Path) -> None:
    calls: list[int] = []

    def outer(steps: SharedSteps) -> dict[str, np.ndarray]:
        steps("inner", "content", lambda: burn(calls))
        return burn(calls)

    first, second = SharedSteps(tmp_path), SharedSteps(tmp_path)
    began = time.process_time()
    first("outer", "content", lambda: outer(first))
    took = time.process_time() - began
    assert first.charged == pytest.approx(first.computed, abs=0.002)
    assert 0 < first.computed <= took
    second("outer", "content", lambda: outer(second))
    second("inner", "content", lambda: burn(calls))
    assert len(calls) == 2
    assert (second.charged, second.computed) == (first.charged, 0)


def test_another_step_or_content_is_another_entry(tmp_path: Path) -> None:
    calls: list[int] = []
    steps = SharedSteps(tmp_path)
    for step, content in (("s", "x"), ("s", "y"), ("t", "x")):
        steps(step, content, lambda: burn(calls))
    assert len(calls) == 3


def test_a_failed_computation_leaves_nothing(tmp_path: Path) -> None:
    steps = SharedSteps(tmp_path)
    with pytest.raises(RuntimeError, match="on purpose"):
        steps("s", "x", lambda: (_ for _ in ()).throw(RuntimeError("on purpose")))
    calls: list[int] = []
    assert len(steps("s", "x", lambda: burn(calls))["a"]) == 2_000_000
    assert calls == [1]


def test_the_least_recently_used_entry_goes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    monkeypatch.setattr(shared_steps, "CAP_BYTES", 40_000_000)
    calls: list[int] = []
    steps = SharedSteps(tmp_path)
    held = steps("s", "0", lambda: burn(calls))["a"]
    for name in ("1", "2"):
        steps("s", name, lambda: burn(calls))
    for path in (path.parent for path in tmp_path.glob("*/cost.json")):
        os.utime(path, (time.time() - 100, time.time() - 100))
    steps("s", "1", lambda: burn(calls))
    steps("s", "3", lambda: burn(calls))
    assert len(calls) == 4
    steps("s", "1", lambda: burn(calls))
    assert len(calls) == 4
    assert held[0] <= held[-1]  # still readable by whoever holds it
