"""Scores of a seed from its records: the weights of environments, and the means taken with them."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from statistics import fmean

import numpy as np

from harness.boards.cell_counts import BoardCounts
from harness.boards.model import Column, ScenarioSeed
from harness.protocol import FOLDS
from harness.records.schema import Record
from harness.statistics.intervals import Sample

_SCENARIOS_ALIKE = 3  # the protocol from which on the score gives every scenario the same weight
OfSeed = Mapping[str, Record]  # the records of one seed, by scenario


def shares(by_scenario: OfSeed) -> dict[Column, float]:
    """Returns the share of each scored environment in a seed's score.

    The score is the mean over scenarios, then over the scored environments of each. Under protocol 2 and before, it was
    the mean over shift types first, and their boards keep it.
    """
    scored = {name: record.cell for name, record in by_scenario.items() if record.cell.scored}
    by_shift = Counter(cell.shift for cell in scored.values())
    return {
        (name, env): 1
        / len(cell.scored)
        / (len(scored) if cell.protocol >= _SCENARIOS_ALIKE else len(by_shift) * by_shift[cell.shift])
        for name, cell in scored.items()
        for env in cell.scored
    }


def scenario_shares(by_scenario: OfSeed) -> dict[str, float]:
    """Returns the share of each scored scenario in a seed's score."""
    weights: dict[str, float] = defaultdict(float)
    for (scenario, _), share in shares(by_scenario).items():
        weights[scenario] += share
    return dict(weights)


def score(by_scenario: OfSeed, metric: str = "macro_f1") -> float | None:
    """Returns the score of one seed, or another metric with the weights of the score.

    Returns:
        None if no environment is scored, or if one lacks the metric.
    """
    metrics = {name: record.result.metrics for name, record in by_scenario.items() if record.result}
    return _weighted(by_scenario, lambda scenario, env: metrics[scenario][env].get(metric))


def default_score(by_scenario: OfSeed) -> float | None:
    """Returns the score of one seed with the default configuration (trial 0) in place of the selected one.

    Returns:
        None if nothing is scored, or if a record lacks the tests of trial 0: it was made under protocol 2 or before, or
        that trial did not complete.
    """
    defaults = {name: _tests(record).get(0, {}) for name, record in by_scenario.items()}
    return _weighted(by_scenario, lambda scenario, env: defaults[scenario].get(env))


def selection_gap(by_scenario: OfSeed) -> float | None:
    """Returns how much the score of one seed would rise if each cell's best trial by its tests were selected.

    No search can select so: it is an oracle, which shows what is lost by selecting on validation.

    Returns:
        None if nothing is scored, or if a record lacks the tests of its trials.
    """

    def gap(scenario: str) -> float | None:
        record = by_scenario[scenario]
        tests = _tests(record)
        if record.result is None or record.result.best_trial not in tests:
            return None
        mean = {number: fmean(by_env[env] for env in record.cell.scored) for number, by_env in tests.items()}
        return max(mean.values()) - mean[record.result.best_trial]

    gaps = {name: gap(name) for name, record in by_scenario.items() if record.cell.scored}
    return _weighted(by_scenario, lambda scenario, env: gaps[scenario])


def _tests(record: Record) -> dict[int, Mapping[str, float]]:
    """Returns the test macro-F1 of each trial that has it, by trial number and environment."""
    trials = record.result.trials if record.result else ()
    return {trial.number: trial.test_macro_f1 for trial in trials if trial.test_macro_f1}


def _weighted(by_scenario: OfSeed, value: Callable[[str, str], float | None]) -> float | None:
    """Returns the mean of a value over scored environments, with their shares in the score; None if one lacks it."""
    weights = shares(by_scenario)
    values = {column: value(*column) for column in weights}
    known = {column: number for column, number in values.items() if number is not None}
    if not weights or len(known) < len(weights):
        return None
    return sum(share * known[column] for column, share in weights.items())


def score_sample(cells: Mapping[int, OfSeed], counts: BoardCounts) -> Sample | None:
    """Returns the score of every seed, with the folds of the seeds and the influence of the test units.

    Args:
        cells: by seed and scenario; every seed has a score.
        counts: of the board.

    Returns:
        None without a seed.
    """
    if not cells:
        return None
    influence = np.stack([counts.influence(scenario_shares(own), own) for own in cells.values()])
    return Sample([score(own) or 0.0 for own in cells.values()], counts.folds(cells), FOLDS, influence)


def sample_of(
    cells: Mapping[int, OfSeed], value: Callable[[OfSeed], float | None], counts: BoardCounts
) -> Sample | None:
    """Returns a value of every seed, with the folds of the seeds; None without a seed, or if one lacks the value.

    The influence of the test units on it is not known, so its interval has no lower bound by their sampling.
    """
    values = [value(cells[seed]) for seed in cells]
    known = [number for number in values if number is not None]
    return Sample(known, counts.folds(cells), FOLDS) if known and len(known) == len(values) else None


def by_seed_and_scenario(records: Mapping[ScenarioSeed, Record]) -> dict[int, dict[str, Record]]:
    """Returns records by seed and scenario, in ascending order."""
    cells: dict[int, dict[str, Record]] = defaultdict(dict)
    for (scenario, seed), record in sorted(records.items(), key=lambda item: (item[0][1], item[0][0])):
        cells[seed][scenario] = record
    return dict(cells)


def in_distribution(by_scenario: OfSeed, metric: str = "macro_f1") -> float | None:
    """Returns a metric in ``id`` of one seed, with the weights that scenarios have in the score.

    If no scenario is scored, all have the same weight. None if there is no ``id`` environment with the metric.
    """
    weights = scenario_shares(by_scenario)
    by_name = {
        name: record.result.metrics["id"][metric]
        for name, record in by_scenario.items()
        if record.result and metric in record.result.metrics.get("id", {})
    }
    id_weights = {name: weights[name] for name in by_name if name in weights} or dict.fromkeys(by_name, 1.0)
    total = sum(id_weights.values())
    return sum(weight * by_name[name] for name, weight in id_weights.items()) / total if total else None
