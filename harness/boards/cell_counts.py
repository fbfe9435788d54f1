"""What the statistics need from the counts of a cell: each unit's influence on its score, and hits by group and unit.

The counts of a record are read once per board, although its row, its claims and its effects all use them.
"""

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.boards.model import ScenarioSeed
from harness.errors import UserError
from harness.evaluation import counts
from harness.protocol import FOLDS
from harness.records.schema import Record
from harness.statistics.components import unit_influence

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]
Scoring = Mapping[str, Mapping[ScenarioSeed, Record]]  # by method, the record that counts in each cell


class GroupCounts(NamedTuple):
    """Rows of one environment by unit and class: int64 (m,) each; units are codes of `BoardCounts`."""

    unit: Ints
    true: Ints
    hits: Ints
    rows: Ints


class CellCounts(NamedTuple):
    """Counts of the scored environments of one record.

    Attributes:
        units: codes of the tested units, int64 (units,).
        influence: of each on the scenario's score, the mean macro-F1 over its scored environments, float64 (units,).
        groups: by environment.
    """

    units: Ints
    influence: Floats
    groups: Mapping[str, GroupCounts]


class BoardCounts:
    """The counts of the records of a board, each read when it is first needed.

    A unit has a code on the board. A CVE is the same unit in all scenarios.

    Attributes:
        shared_units: number of test units, if all seeds test the same ones (``--target``); 0 if each seed tests its own
            fold.
    """

    def __init__(self, scoring: Scoring) -> None:
        self._codes: dict[str, int] = {}
        for record in (record for records in scoring.values() for record in records.values()):
            for unit in record.result.units if record.result else ():
                self._codes.setdefault(_board_name(unit, record.cell.scenario), len(self._codes))
        self._read: dict[str, CellCounts] = {}
        self.shared_units = self._count_shared(scoring)

    def code(self, name: str) -> int:
        """Returns the code of a unit of the board."""
        return self._codes[name]

    def of(self, record: Record) -> CellCounts:
        """Returns the counts of a record that has a result and scored environments.

        Raises:
            UserError: its counts are incomplete.
        """
        if record.key not in self._read:
            self._read[record.key] = self._count(record)
        return self._read[record.key]

    def influence(self, weights: Mapping[str, float], by_scenario: Mapping[str, Record]) -> Floats:
        """Returns the influence of every unit of the board on the score of one seed, float64 (units,).

        Args:
            weights: of each scored scenario in the score.
            by_scenario: the records of the seed.

        Returns:
            NaN for units that the seed does not test.
        """
        out = np.full(len(self._codes), np.nan)
        for scenario, weight in weights.items():
            cell = self.of(by_scenario[scenario])
            out[cell.units] = np.nan_to_num(out[cell.units]) + weight * cell.influence
        return out

    def empty_influence(self) -> Floats:
        """Returns an influence without any tested unit, float64 (units,) of NaN."""
        return np.full(len(self._codes), np.nan)

    def folds(self, seeds: Iterable[int]) -> list[int]:
        """Returns the fold that each seed tests: the seed modulo the number of folds, 0 if all test the same units."""
        return [0 if self.shared_units else seed % FOLDS for seed in seeds]

    def _count(self, record: Record) -> CellCounts:
        result, scored = record.result, record.cell.scored
        assert result is not None
        codes = np.array([self.code(_board_name(unit, record.cell.scenario)) for unit in result.units], np.int64)
        influence = np.zeros(len(codes))
        tested = np.zeros(len(codes), bool)
        groups = {}
        for env in scored:
            table = counts_of(record, env)
            units, unit = np.unique(table[:, 0], return_inverse=True)
            true, hit, predicted = np.zeros((3, len(units), len(result.classes)))
            rows, right = table[:, 4].astype(np.float64), table[:, 1] == table[:, 2]
            np.add.at(true, (unit, table[:, 1]), rows)
            np.add.at(predicted, (unit, table[:, 2]), rows)
            np.add.at(hit, (unit[right], table[right, 1]), rows[right])
            influence[units] += unit_influence(true, hit, predicted) / len(scored)
            tested[units] = True
            own, code = np.nonzero(true)
            sums = (part[own, code].astype(np.int64) for part in (hit, true))
            groups[env] = GroupCounts(codes[units[own]], code.astype(np.int64), *sums)
        return CellCounts(codes[tested], influence[tested], groups)

    def _count_shared(self, scoring: Scoring) -> int:
        first: dict[tuple[str, str], frozenset[int]] = {}
        seeds: dict[tuple[str, str], set[int]] = {}
        for records in scoring.values():
            for (scenario, seed), record in records.items():
                for env in record.cell.scored:
                    known = seeds.setdefault((scenario, env), set())
                    if seed in known:
                        continue  # the test rows of a cell are the same for every method
                    known.add(seed)
                    tested = frozenset(self.of(record).groups[env].unit.tolist())
                    if first.setdefault((scenario, env), tested) != tested:
                        return 0
        if not all(len(known) > 1 for known in seeds.values()):
            return 0
        return len({(scenario, unit) for (scenario, _), tested in first.items() for unit in tested})


def counts_of(record: Record, env: str) -> Ints:
    """Returns the counts of an environment of a record with a result, int64 (n, 5), see `harness.evaluation.counts`.

    Raises:
        UserError: the record has no or malformed counts of it.
    """
    assert record.result is not None
    try:
        return counts.table(record.result.tables, env)
    except (KeyError, ValueError) as error:
        cell = record.cell
        raise UserError(
            f"the record of {cell.method} on {cell.scenario}, seed {cell.seed} ({record.key[:16]}) has "
            f"incomplete counts ({error}); delete it and run its cell again."
        ) from error


def _board_name(unit: str, scenario: str) -> str:
    """Returns a unit's name across scenarios: a CVE is the same in all, a component's number only counts in its own."""
    return f"{scenario}/{unit}" if unit.isdecimal() else unit
