"""Progress: true and cheap however many cells there are."""

import io
import re
import time

import pytest
from rich.console import Console

from harness.execution import progress
from harness.execution.budget import CellUsage
from harness.execution.cell import Outcome, Task
from harness.execution.events import Failed, Finished, Started, TrialStarted
from harness.execution.expected_time import Forecast
from harness.execution.progress import Progress, ProgressState, duration
from harness.execution.scheduler import FinishedElsewhere
from tests.harness.execution.tasks import prepare_task, run_task

OUTCOME = Outcome({}, CellUsage(0.0))


def task(method: str, seed: int, part: str | None = None) -> Task:
    return run_task(method, seed) if part is None else prepare_task(method, seed, part)


def console(terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=120, height=60, _environ={})


def text_of(out: Console) -> str:
    assert isinstance(out.file, io.StringIO)
    return out.file.getvalue()


@pytest.mark.parametrize("terminal", [True, False])
def test_10_000_cells_cost_less_than_two_seconds_and_few_lines(terminal: bool) -> None:
    out = console(terminal)
    state = ProgressState(dict.fromkeys("abcdefghij", 1000), 5, lambda: 8)
    start = time.process_time()
    with Progress(out, state) as progress_view:
        for seed in range(1000):
            for method in "abcdefghij":
                one = task(method, seed)
                progress_view.on_event(Started(one))
                progress_view.on_event(TrialStarted(one, 0))
                progress_view.on_event(TrialStarted(one, 1))
                failed = method == "j" and seed < 500
                progress_view.on_event(Failed(one, "died", "gone", "", 1.0) if failed else Finished(one, OUTCOME, 1.0))
    elapsed = time.process_time() - start
    assert elapsed < 2, elapsed
    assert (state.done, state.failed, state.cells, state.running) == (10_000, 500, 10_000, {})
    if not terminal:
        lines = text_of(out).splitlines()
        assert len(lines) <= 2 + elapsed / progress.LINE_SECONDS * 4
        assert lines[-1].startswith("[10000/10000] j on iid, seed 999: 1.0 s; 0 running, 500 failed, 5 cached")


def test_few_cells_have_a_line_each_and_so_have_failures_and_shared_steps() -> None:
    out = console(terminal=False)
    with Progress(out, ProgressState({"a": 2, "b": 1}, 0, lambda: 1)) as progress_view:
        shared = task("a", 0, "train")
        progress_view.on_event(Started(shared))
        progress_view.on_event(Finished(shared, OUTCOME, 3.0))
        for one in (task("a", 0), task("a", 1)):
            progress_view.on_event(Started(one))
            progress_view.on_event(Finished(one, OUTCOME, 1.0))
        progress_view.on_event(Started(task("b", 0)))
        progress_view.on_event(Failed(task("b", 0), "died", "no reason", "", 1.0))
    assert [re.split(r":| on ", line)[0] for line in text_of(out).splitlines()] == [
        "shared step a",
        "[1/3] a",
        "[2/3] a",
        "failed",
    ]


def test_a_terminal_shows_methods_and_only_the_cells_under_way() -> None:
    out = console(terminal=True)
    with Progress(out, ProgressState({"fast": 2, "slow": 4}, 1, lambda: 2)) as progress_view:
        for one in (task("fast", 0), task("slow", 0)):
            progress_view.on_event(Started(one))
        progress_view.on_event(TrialStarted(task("slow", 0), 1))
        progress_view.on_event(Finished(task("fast", 0), OUTCOME, 1.0))
        progress_view.on_event(Started(task("slow", 1)))
        plain = console(terminal=False)
        plain.print(progress_view._table())
    lines = [line.split() for line in text_of(plain).splitlines()]
    assert [line[0] for line in lines] == ["cells", "fast", "slow", "slow", "slow"]
    assert [next((word for word in line if "/" in word), "") for line in lines] == ["1/6", "1/2", "0/4", "", ""]
    assert "trial 2 of 2" in text_of(plain)
    assert "seed 1 starting" in " ".join(" ".join(line) for line in lines)


def test_what_is_left_follows_what_cells_of_each_method_have_cost() -> None:
    state = ProgressState({"fast": 10, "slow": 10, "unseen": 10}, 0, lambda: 2)
    assert state.remaining() is None
    for seed in range(2):
        for method, seconds in (("fast", 1.0), ("slow", 100.0)):
            state.update(Started(task(method, seed)))
            state.update(Finished(task(method, seed), OUTCOME, seconds))
    expected = (8 * 1.0 + 8 * 100.0 + 10 * 50.5) / 2
    assert state.remaining() == pytest.approx(expected)
    state.update(Started(task("slow", 9)))
    state.running["slow-9", None].start -= 60
    assert state.remaining() == pytest.approx(expected - 60 / 2, abs=0.5)
    state.running["slow-9", None].start -= 6000  # it has run for 6,060 seconds and is expected to need 606 more
    assert state.remaining() == pytest.approx(expected - 100 / 2 + 606 / 2, abs=0.5)


def test_expected_times_count_until_cells_have_ended_and_then_in_proportion_to_them() -> None:
    expected = Forecast({"fast": 1.0, "slow": 50.0}, shared=20.0, total=0.0, longest=0.0)
    state = ProgressState({"fast": 2, "slow": 2, "own": 2}, 0, lambda: 1, expected)
    assert state.remaining() == pytest.approx(2 * 1.0 + 2 * 50.0 + 2 * 25.5 + 20.0)
    state.update(Finished(task("fast", 0), OUTCOME, 3.0))  # three times the expected time
    assert state.remaining() == pytest.approx(1 * 3.0 + 2 * 150.0 + 2 * 3.0 + 60.0)
    state.update(Finished(task("slow", 0, "train"), OUTCOME, 15.0))
    assert state.remaining() == pytest.approx(1 * 3.0 + 2 * 150.0 + 2 * 3.0 + 45.0)
    state.update(Started(task("slow", 0, "id")))
    state.running["slow-0", "id"].start -= 10
    assert state.remaining() == pytest.approx(1 * 3.0 + 2 * 150.0 + 2 * 3.0 + 35.0, abs=0.5)


def test_the_last_cell_is_not_shared_between_workers() -> None:
    state = ProgressState({"a": 2}, 0, lambda: 8)
    state.update(Finished(task("a", 0), OUTCOME, 30.0))
    assert state.remaining() == pytest.approx(30.0)


def test_a_cell_that_another_run_finished_is_no_longer_to_do() -> None:
    state = ProgressState({"a": 2}, 3, lambda: 1)
    state.update(FinishedElsewhere(task("a", 0)))
    assert (state.cells, state.cached, state.done) == (1, 4, 0)


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.4, "0 s"), (89, "89 s"), (90, "2 min"), (5000, "83 min"), (5400, "1.5 h")]
)
def test_lengths_of_time_in_words(seconds: float, words: str) -> None:
    assert duration(seconds) == words
