"""Boards whose seeds all test the same rows: how much each test unit counts in the scores.

With `--target`, every seed tests all rows of the target. The spread over seeds then shows the training draws alone, and
the intervals need the sampling of the test units beside it (`harness.statistics.intervals.t_interval`).
"""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from harness.boards.model import Column, ScenarioSeed
from harness.boards.rows import shares
from harness.evaluation import counts
from harness.records.schema import Record, Result
from harness.statistics.contrasts import Influences
from harness.statistics.intervals import unit_influence

Scoring = Mapping[str, Mapping[ScenarioSeed, Record]]  # by method, the record that counts in each cell


def influences(scoring: Scoring) -> Influences:
    """Returns how each method's score of each seed changes with the weight of each test unit.

    Returns:
        By method and seed, float64 (units,), with the units in the same order everywhere. Empty unless every scored
        environment has two seeds or more, which all test the same units.
    """
    units = _shared_units(scoring)
    if not units:
        return {}
    names = sorted({(column[0], unit) for column, tested in units.items() for unit in tested})
    place = {name: i for i, name in enumerate(names)}
    out: dict[str, dict[int, npt.NDArray[np.float64]]] = {}
    for method, records in scoring.items():
        by_seed: dict[int, dict[str, Record]] = defaultdict(dict)
        for (scenario, seed), record in records.items():
            by_seed[seed][scenario] = record
        for seed, by_scenario in by_seed.items():
            total = np.zeros(len(names))
            for (scenario, env), share in shares(by_scenario).items():
                result = by_scenario[scenario].result
                assert result is not None
                indices = np.array([place.get((scenario, unit), -1) for unit in result.units], np.int64)
                tested, values = _influence(result, env)
                total[indices[tested]] += share * values
            out.setdefault(method, {})[seed] = total
    return out


def _shared_units(scoring: Scoring) -> dict[Column, frozenset[str]]:
    """Returns the tested units of every scored environment; empty if seeds differ in them or there is one seed."""
    units: dict[Column, frozenset[str]] = {}
    seeds: dict[Column, set[int]] = defaultdict(set)
    for records in scoring.values():
        for (scenario, seed), record in records.items():
            for env in record.cell.scored:
                if seed in seeds[scenario, env]:
                    continue  # the test rows of a cell are the same for every method
                if record.result is None or (tested := _tested(record.result, env)) is None:
                    return {}
                if units.setdefault((scenario, env), tested) != tested:
                    return {}
                seeds[scenario, env].add(seed)
    return units if all(len(numbers) > 1 for numbers in seeds.values()) else {}


def _tested(result: Result, env: str) -> frozenset[str] | None:
    try:
        table = counts.table(result.tables, env)
    except (KeyError, ValueError):  # `harness results check` names such a record
        return None
    return frozenset(result.units[code] for code in np.unique(table[:, 0]).tolist())


def _influence(result: Result, env: str) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Returns the codes of an environment's test units, and the influence of each on macro-F1."""
    table = counts.table(result.tables, env)
    codes, unit = np.unique(table[:, 0], return_inverse=True)
    true, hit, predicted = np.zeros((3, len(codes), len(result.classes)))
    rows = table[:, 4].astype(np.float64)
    right = table[:, 1] == table[:, 2]
    np.add.at(true, (unit, table[:, 1]), rows)
    np.add.at(predicted, (unit, table[:, 2]), rows)
    np.add.at(hit, (unit[right], table[right, 1]), rows[right])
    return codes, unit_influence(true, hit, predicted)
