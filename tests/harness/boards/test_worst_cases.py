"""The counts behind a board's row, and its worst case, against the records' tables read row by row."""

import math

import numpy as np
import pytest

from harness.boards.cell_counts import BoardCounts
from harness.boards.rows import by_seed_and_scenario, score_sample
from harness.boards.worst_cases import EVERY_CUE, worst_cases
from harness.evaluation import counts
from harness.evaluation.metrics import macro_f1
from harness.protocol import FOLDS
from harness.records.schema import Record
from tests.harness.boards.boards import CLASSES, records

RECORDS = [r for r in records({"any": 0.6}, seeds=4) if r.cell.scored]
CELLS = by_seed_and_scenario({(r.cell.scenario, r.cell.seed): r for r in RECORDS})
COUNTS = BoardCounts({"any": {(r.cell.scenario, r.cell.seed): r for r in RECORDS}})


def recalls(record: Record, leave_out: str = "") -> list[float]:
    """The accuracy of every class in every scored environment; rows of the unit left out do not count."""
    assert record.result is not None
    out = []
    for env in record.cell.scored:
        for code in range(len(CLASSES)) if env != EVERY_CUE else ():
            rows = [
                row
                for row in counts.table(record.result.tables, env).tolist()
                if row[1] == code and record.result.units[row[0]] != leave_out
            ]
            out.append(sum(row[4] for row in rows if row[1] == row[2]) / sum(row[4] for row in rows))
    return out


def test_the_worst_tenth_of_a_seed_is_that_of_its_groups() -> None:
    sample, _ = worst_cases(CELLS, COUNTS, CLASSES)
    assert sample is not None
    for value, own in zip(sample.values, CELLS.values(), strict=True):
        every = sorted(recall for record in own.values() for recall in recalls(record))
        assert len(every) == (8 + 1) * len(CLASSES)  # seven single cues and `novel`, and the test of cve-disjoint
        assert value == pytest.approx(np.mean(every[: math.ceil(len(every) / 10)]))


def test_the_influence_of_a_unit_is_what_the_worst_tenth_changes_without_it() -> None:
    """To first order: minus the influence. It is zero for units that are in none of the worst groups."""
    sample, _ = worst_cases(CELLS, COUNTS, CLASSES)
    assert sample is not None
    assert sample.influence is not None
    assert np.nansum(sample.influence, axis=1) == pytest.approx([0] * 4)
    names = sorted({unit for r in RECORDS if r.result for unit in r.result.units}, key=COUNTS.code)
    changes = []
    for name in (names[i] for i in np.flatnonzero(np.nan_to_num(sample.influence[0]))[:5]):
        every = np.array([recall for record in CELLS[0].values() for recall in recalls(record)])
        worst = np.argsort(every, kind="stable")[: math.ceil(len(every) / 10)]
        without = np.array([recall for record in CELLS[0].values() for recall in recalls(record, name)])
        changes.append((without[worst].mean() - every[worst].mean(), -sample.influence[0, COUNTS.code(name)]))
    assert len(changes) == 5
    for found, expected in changes:
        assert found == pytest.approx(expected, rel=0.35, abs=2e-4)


def test_the_worst_group_is_measured_in_the_half_of_the_folds_that_did_not_choose_it() -> None:
    _, group = worst_cases(CELLS, COUNTS, CLASSES)
    assert group is not None
    assert 1 <= len(group.names) <= 2
    assert not any(EVERY_CUE in name for name in group.names)
    assert 0.5 < group.accuracy < 0.7  # all groups have the same true accuracy of about 0.55
    alone, none = worst_cases({0: CELLS[0]}, COUNTS, CLASSES)
    assert alone is not None
    assert none is None


def test_the_score_and_its_influence_are_those_of_the_tables() -> None:
    """The influence of a unit is the derivative of the score: its rows once more, times a millionth."""
    sample = score_sample(CELLS, COUNTS)
    assert sample is not None
    assert sample.influence is not None
    assert (list(sample.folds), sample.parts) == ([0, 1, 2, 3], FOLDS)
    unit, total = "CVE-2000-00003", 0.0
    for record in CELLS[0].values():
        assert record.result is not None
        code = record.result.units.index(unit)
        for env in record.cell.scored:
            table = counts.table(record.result.tables, env)
            share = 0.5 / len(record.cell.scored)
            plain, more = (np.zeros((len(CLASSES), len(CLASSES))) for _ in range(2))
            np.add.at(plain, (table[:, 1], table[:, 2]), table[:, 4])
            np.add.at(more, (table[:, 1], table[:, 2]), table[:, 4] * (1 + 1e-6 * (table[:, 0] == code)))
            total += share * (macro_f1(more) - macro_f1(plain)) / 1e-6  # type: ignore[arg-type]
    assert sample.influence[0, COUNTS.code(unit)] == pytest.approx(total, abs=1e-5)
    assert np.isnan(sample.influence[1, COUNTS.code(unit)])
