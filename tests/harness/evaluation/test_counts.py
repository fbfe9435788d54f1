"""Counts are enough to recompute the figures of a record."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from harness.evaluation import recount
from harness.evaluation.counts import decode, encode
from harness.records.store import read

FIXTURES = Path(__file__).parents[1] / "records" / "fixtures"


@given(arrays(np.int64, st.tuples(st.integers(0, 6), st.just(3)), elements=st.integers(-1, 999)))
def test_a_table_is_read_as_it_was_written(table: np.ndarray[tuple[int, int], np.dtype[np.int64]]) -> None:
    assert np.array_equal(decode(encode(table), 3), table)


@pytest.mark.parametrize("text", ["1 2", "1 2 3;4 5", "1 2 x", "1 2 3;"])
def test_what_is_no_table_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="counts"):
        decode(text, 3)


def test_every_figure_of_a_record_follows_from_its_counts() -> None:
    result = read(FIXTURES / "record-3.json").result
    assert result is not None
    again = recount.figures(result)
    assert {"id", "perturbed.encoding", "excised", "attack-only"} == set(again)
    for env, stated in result.metrics.items():
        assert again[env] == pytest.approx(stated, abs=recount.TOLERANCE), env


def test_a_record_of_an_older_schema_keeps_the_figures_that_it_has_counts_for() -> None:
    result = read(FIXTURES / "record-2.json").result
    assert result is not None
    stated = {name: value for name, value in result.metrics["id"].items() if name != "calibration_error"}
    again = recount.figures(result)["id"]
    assert {name: again[name] for name in stated} == pytest.approx(stated)
    assert "calibration_error" not in again


def test_counts_of_units_or_classes_that_are_not_there_are_refused() -> None:
    result = read(FIXTURES / "record-3.json").result
    assert result is not None
    for bad in ("99999 0 0 3 1", "0 99 0 3 1", "0 0 0 3 0"):
        with pytest.raises(ValueError, match="counts of id"):
            recount.figures(result.model_copy(update={"counts": {"id": bad}}))
