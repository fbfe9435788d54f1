"""The worst case of a board's row: the worst tenth of its groups, and a named group chosen on other folds."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.boards.cell_counts import BoardCounts, Ints
from harness.protocol import FOLDS
from harness.records.schema import Record
from harness.statistics.intervals import Sample
from harness.statistics.worst_case import WorstGroup, cross_fitted_choice, worst_group, worst_tenth

EVERY_CUE = "flip.all"  # worst by design: with it, the worst group of almost every method would be one of its classes


class _SeedGroups(NamedTuple):
    """Rows of one seed by group and unit, int64 (m,) each; a group is an (environment, class) pair, a number."""

    group: Ints
    unit: Ints
    hits: Ints
    rows: Ints

    def sums(self, groups: int) -> tuple[Ints, Ints]:
        """Returns the hits and the rows of each group, int64 (groups,)."""
        return _sums(self.group, self.hits, groups), _sums(self.group, self.rows, groups)


def worst_cases(
    cells: Mapping[int, Mapping[str, Record]], counts: BoardCounts, classes: Sequence[str]
) -> tuple[Sample | None, WorstGroup | None]:
    """Returns the worst tenth of each seed, and the worst group that is chosen on other folds.

    Args:
        cells: by seed and scenario, the records that count in the score.
        counts: of the board.
        classes: names of the classes.

    Returns:
        None each if no environment but `EVERY_CUE` is scored; no group if there is only one fold.
    """
    environments = sorted(
        {(s, env) for own in cells.values() for s, record in own.items() for env in record.cell.scored}
    )
    environments = [place for place in environments if place[1] != EVERY_CUE]
    if not environments:
        return None, None
    names = [f"{scenario}/{env}, {name}" for scenario, env in environments for name in classes]
    seeds = {seed: _seed_groups(own, environments, counts, len(classes)) for seed, own in sorted(cells.items())}
    folds = counts.folds(seeds)
    values, influences = [], []
    for groups in seeds.values():
        value, influence = _worst_tenth(groups, len(names), counts.empty_influence())
        values.append(value)
        influences.append(influence)
    sample = Sample(values, folds, FOLDS, np.stack(influences))
    return sample, _cross_fitted([*zip(folds, seeds.values(), strict=True)], names)


def _seed_groups(
    own: Mapping[str, Record], environments: Sequence[tuple[str, str]], counts: BoardCounts, classes: int
) -> _SeedGroups:
    parts = []
    for number, (scenario, env) in enumerate(environments):
        if scenario in own and env in (groups := counts.of(own[scenario]).groups):
            table = groups[env]
            parts.append((number * classes + table.true, table.unit, table.hits, table.rows))
    return _SeedGroups(*(np.concatenate(column) for column in zip(*parts, strict=True)))


def _worst_tenth(
    seed: _SeedGroups, groups: int, influence: npt.NDArray[np.float64]
) -> tuple[float, npt.NDArray[np.float64]]:
    """Returns the worst tenth of a seed, and how it changes with the weight of each unit (NaN: not tested).

    The influence is that of the groups that are the worst at the observed weights.
    """
    hits, rows = seed.sums(groups)
    value, worst = worst_tenth(hits, rows)
    influence[seed.unit] = 0.0
    chosen = np.isin(seed.group, worst)
    group, unit = seed.group[chosen], seed.unit[chosen]
    changes = (seed.hits[chosen] - hits[group] / rows[group] * seed.rows[chosen]) / rows[group] / len(worst)
    np.add.at(influence, unit, changes)
    return value, influence


def _cross_fitted(seeds: Sequence[tuple[int, _SeedGroups]], names: Sequence[str]) -> WorstGroup | None:
    """Returns the group that is chosen on half of the folds and measured on the others, pooled over both halves."""
    folds = sorted({fold for fold, _ in seeds})
    hits, rows = np.zeros((2, len(folds), len(names)), np.int64)
    for fold, groups in seeds:
        own_hits, own_rows = groups.sums(len(names))
        hits[folds.index(fold)] += own_hits
        rows[folds.index(fold)] += own_rows
    choice = dict(zip(folds, cross_fitted_choice(hits, rows), strict=True))
    units: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for fold, groups in seeds:
        for place in np.flatnonzero(groups.group == choice[fold]) if choice[fold] is not None else ():
            total = units[int(groups.unit[place])]
            total[0] += int(groups.hits[place])
            total[1] += int(groups.rows[place])
    chosen = [names[group] for group in choice.values() if group is not None]
    return worst_group(chosen, [h for h, _ in units.values()], [n for _, n in units.values()])


def _sums(group: Ints, values: Ints, groups: int) -> Ints:
    return np.bincount(group, weights=values, minlength=groups).astype(np.int64)
