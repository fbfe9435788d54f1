"""Properties shared by training and test are counted, and are leaks exactly if the split guarantees otherwise."""

import datetime

import numpy as np
import pytest

from harness import Corpus, Environment, EnvironmentSpec, Scenario, ScenarioSpec, StoredRows
from harness.auditing.leakage import Identities, Leakage, leakage
from harness.scenario import ShiftType
from tests.harness.auditing.corpora import corpus

NONE = np.full(8, -1)


def rows(**columns: list[object]) -> Corpus:
    return corpus([b"payload %d" % i for i in range(8)], list("abababab"), **columns)


def split(
    shift: ShiftType = "attribute-generalization", unit: list[int] | None = None, test: list[int] | None = None
) -> Scenario:
    """Returns a scenario with training rows 0 to 3, validation row 4 and test rows 5 to 7."""
    spec = ScenarioSpec("made-up", shift, "", {"test": EnvironmentSpec(shifted=True)})
    units = np.arange(8) if unit is None else np.array(unit)
    train, validation, environment = (
        Environment(StoredRows(np.array(rows))) for rows in (range(4), [4], test or [5, 6, 7])
    )
    return Scenario(spec, train, validation, {"test": environment}, units)


def leakage_of(data: Corpus, scenario: Scenario, cluster: np.ndarray = NONE) -> Leakage:
    (one,) = leakage(Identities(data, cluster), scenario, 0)
    return one


def test_a_clean_split_has_no_leak() -> None:
    clean = leakage_of(rows(), split())
    assert (clean.rows, clean.leaking, clean.crossings) == (3, 0, ())


def test_a_duplicated_row_across_sides_is_named_with_both_samples() -> None:
    payloads = [b"payload %d" % i for i in range(8)]
    payloads[6] = payloads[2]
    leaking = leakage_of(corpus(payloads, list("abababab")), split())
    (crossing,) = leaking.crossings
    assert (crossing.what, crossing.rows, crossing.leak) == ("exact duplicate", 1, True)
    assert crossing.example == ("row-6", "row-2")
    assert leaking.leaking == 1


def test_the_same_row_and_near_duplicates_on_both_sides_are_leaks() -> None:
    both = leakage_of(rows(), split("none", test=[3, 6, 7]))
    assert [c.what for c in both.crossings] == ["row", "exact duplicate"]
    assert both.leaking == 1
    cluster = np.array([0, -1, -1, -1, 5, 0, 5, -1])  # row 4 is validation
    near = leakage_of(rows(), split(), cluster)
    assert [(c.what, c.rows, c.leak) for c in near.crossings] == [("near-duplicate", 2, True)]


def test_a_shared_core_is_a_leak_and_a_missing_one_links_nothing() -> None:
    core = ["x", None, None, None, None, "x", None, "y"]
    (crossing,) = leakage_of(rows(core=core), split()).crossings
    assert (crossing.what, crossing.rows, crossing.leak) == ("attack core", 1, True)


@pytest.mark.parametrize(("shift", "leaks"), [("attribute-generalization", True), ("temporal", True), ("none", False)])
def test_the_shift_type_decides_whether_units_are_guaranteed(shift: ShiftType, leaks: bool) -> None:
    group = ["g", "a", "b", "c", "d", "g", "e", "f"]
    shared = leakage_of(rows(group_team=group), split(shift, unit=[0, 1, 2, 3, 4, 0, 5, 6]))
    assert ("group team", False) in [(c.what, c.leak) for c in shared.crossings]
    assert (("unit", True) in [(c.what, c.leak) for c in shared.crossings]) is leaks
    assert shared.leaking == leaks


def test_a_test_row_dated_before_the_last_training_day_is_a_leak() -> None:
    days = [datetime.date(2020, 1, day) for day in (1, 2, 3, 4, 5, 4, 6, 7)]
    (crossing,) = leakage_of(rows(date=days), split("temporal")).crossings
    assert (crossing.what, crossing.rows, crossing.leak) == ("date", 1, True)
    assert crossing.example == ("row-5", "row-4")


def test_a_source_on_both_sides_is_a_leak_only_where_sources_are_left_out() -> None:
    source = ["s", "s", "t", "t", "t", "t", "u", None]
    assert leakage_of(rows(source=source), split("source")).leaking == 1
    assert leakage_of(rows(source=source), split("none")).leaking == 0
