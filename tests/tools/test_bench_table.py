"""The arithmetic of the table of `make bench`, with values computed by hand."""

import json
from pathlib import Path

import pytest

from tests.tools import bench_table
from tests.tools.bench_table import Measured, State


def measured(name: str, size: int, seconds: float, peer_of: str = "") -> Measured:
    return Measured("data", name, size, "rows", seconds, peer_of)


def state(*entries: Measured, processor: str = "P") -> State:
    return State("2026-01-02T03:04:05", "abcdef", processor, entries)


def test_the_exponent_is_that_of_the_power_law_through_both_sizes() -> None:
    small = measured("m", 100, 2.0)
    assert bench_table.growth_exponent(small, measured("m", 1000, 20.0)) == pytest.approx(1)
    assert bench_table.growth_exponent(small, measured("m", 400, 32.0)) == pytest.approx(2)  # 4² = 16 times
    assert bench_table.growth_exponent(small, measured("m", 400, 2.0)) == 0


def test_a_line_has_the_time_the_exponent_and_the_ratios() -> None:
    now = state(measured("m", 400, 4.0), measured("m", 100, 0.5), measured("p", 400, 10.0, peer_of="m"))
    last = state(measured("m", 400, 5.0))
    assert list(bench_table.lines(now, last)) == [
        ("data", ("m", "100 → 400 rows", "500 ms → 4 s", "1.50", "0.80×", "")),  # log 8 / log 4; 4.0 / 5.0
        ("data", ("p", "400 rows", "10 s", "", "", "2.50×")),
    ]


def test_states_of_different_processors_have_no_ratio_and_say_so() -> None:
    now, last = state(measured("m", 100, 0.5)), state(measured("m", 100, 0.25), processor="Q")
    assert [row[4] for _, row in bench_table.lines(now, last)] == [""]
    assert "of another processor (Q): no ratios to it" in bench_table.remark(now, last)
    assert "no earlier state" in bench_table.remark(now, None)


def test_a_training_is_divided_by_its_epochs_and_states_are_in_order(tmp_path: Path) -> None:
    about = {"measurement": "m, epoch", "size": 50, "unit": "rows", "peer_of": "", "parts": 4}
    saved = {
        "machine_info": {"processor_model": "P"},
        "commit_info": {"id": "0123456789abcdef"},
        "benchmarks": [{"group": "methods", "extra_info": about, "stats": {"median": 2.0}}],
    }
    for number, when in ((1, "2026-02-02"), (2, "2026-01-01")):
        file = tmp_path / "Linux" / f"000{number}_bench.json"
        file.parent.mkdir(exist_ok=True)
        file.write_text(json.dumps({**saved, "datetime": when}), encoding="utf-8")
    found = bench_table.states(tmp_path)
    assert [one.when for one in found] == ["2026-01-01", "2026-02-02"]
    assert found[0].measured == (Measured("methods", "m, epoch", 50, "rows", 0.5, ""),)


def test_markdown_has_a_table_for_each_group(tmp_path: Path) -> None:
    text = bench_table.markdown(state(measured("m", 100, 2e-6)), None)
    assert "**data**\n\n| measurement | size |" in text
    assert "| m | 100 rows | 2 µs |  |  |  |" in text
