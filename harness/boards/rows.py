"""Builds one method's row of a board from its records."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

import numpy as np
import numpy.typing as npt

from harness.boards.model import Column, Cost, Row, ScenarioSeed, track_of
from harness.boards.record_selection import scenario_and_seed
from harness.protocol import FOLDS
from harness.records.schema import Record
from harness.scenarios.perturbed import own_environments
from harness.statistics.curves import expected_best
from harness.statistics.intervals import Influence, Interval, t_interval

_SCENARIOS_ALIKE = 3  # the protocol from which on the score gives every scenario the same weight


def make_row(
    name: str,
    records: Sequence[Record],
    more: Sequence[Record],
    scoring: Mapping[ScenarioSeed, Record],
    expected: set[ScenarioSeed],
    columns: Sequence[Column],
    stale: int,
    influences: Mapping[int, npt.NDArray[np.float64]] | None = None,
) -> Row:
    """Summarises the records of one method.

    Args:
        name: display name on the board.
        records: of the method, one per cell, at least one; none stale.
        more: further records of the same cells, with other derived environments.
        scoring: return value of `scoring_records` for these records.
        expected: the cells that its score is taken over.
        columns: the scenarios' own environments.
        stale: number of stale records of the method.
        influences: of the test units on the score, by seed, if all seeds test the same units; else None.
    """
    cell = records[0].cell
    tags = tuple(sorted(cell.tags))
    cells: dict[int, dict[str, Record]] = defaultdict(dict)
    for (scenario, seed), record in sorted(scoring.items(), key=lambda item: item[0]):
        cells[seed][scenario] = record
    by_seed = {seed: value for seed in sorted(cells) if (value := score(cells[seed])) is not None}
    shifts = sorted({record.cell.shift for record in scoring.values() if record.cell.scored})
    influence: Influence | None = np.stack([influences[seed] for seed in by_seed]) if influences and by_seed else None
    ids = [value for seed in sorted(cells) if (value := in_distribution(cells[seed])) is not None]
    scored = {(r.cell.scenario, env) for r in scoring.values() for env in r.cell.scored}
    scoring_metrics = _mean_metrics(list(scoring.values()), ())
    metrics = _mean_metrics(records, more)
    not_applicable = {scenario_and_seed(r) for r in records if r.status == "not-applicable"}
    missing = sorted(expected - set(scoring) - not_applicable)
    done = [record for record in records if record.result]
    incomplete = "not applicable" if not_applicable else "missing cells" if missing else ""
    return Row(
        method=name,
        version=cell.method_version,
        kind=cell.kind,
        tags=tags,
        track=track_of(cell.kind, tags),
        rank=None,
        ranks=None,
        letters="",
        unranked_reason=incomplete or ("" if cell.kind in ("ranked", "fixed") else cell.kind),
        score=t_interval(list(by_seed.values()), FOLDS, influence=influence) if by_seed else None,
        by_seed=by_seed,
        influence=influence,
        by_shift={shift: interval for shift in shifts if (interval := _over_seeds(_of_shift(cells, shift), score))},
        default=_over_seeds(cells, default_score),
        selection_gap=None if (gap := _over_seeds(cells, selection_gap)) is None else gap.mean,
        not_default=fmean(r.result.best_trial != 0 for r in done if r.result) if done else None,
        bootstrap=None,
        id=fmean(ids) if ids else None,
        worst=min(((scoring_metrics[c]["macro_f1"], "/".join(c)) for c in columns if c in scored), default=None),
        worst_group=None,
        calibration=(
            _mean_of(metrics, "calibration_error", [c for c in columns if c[1] == "id"]),
            _mean_of(metrics, "calibration_error", [c for c in columns if c in scored]),
        ),
        metrics=metrics,
        curve=_curve(records),
        cost=_cost(records),
        done=sum(r.status == "done" for r in records),
        failed={scenario_and_seed(r): r.failure.reason for r in records if r.status == "failed" and r.failure},
        missing=tuple(missing),
        not_applicable=len(not_applicable),
        stale=stale,
    )


def _of_shift(cells: Mapping[int, Mapping[str, Record]], shift: str) -> dict[int, dict[str, Record]]:
    """Returns the records of the scenarios of one shift type, by seed and scenario."""
    return {seed: {n: r for n, r in by_name.items() if r.cell.shift == shift} for seed, by_name in cells.items()}


def _over_seeds(
    cells: Mapping[int, Mapping[str, Record]], value: Callable[[Mapping[str, Record]], float | None]
) -> Interval | None:
    """Returns the mean of a value over seeds with its interval; None if a seed lacks it."""
    values = [value(cells[seed]) for seed in sorted(cells)]
    known = [number for number in values if number is not None]
    return t_interval(known, FOLDS) if known and len(known) == len(values) else None


def scoring_records(
    records: Sequence[Record], fallback: Mapping[ScenarioSeed, Record], expected: set[ScenarioSeed]
) -> dict[ScenarioSeed, Record]:
    """Returns the record that counts in each expected cell: the method's own, or the fallback's if the method failed.

    Args:
        records: of the method, one per cell.
        fallback: records of the fallback method.
        expected: the cells that a score is taken over.
    """
    own_records = {scenario_and_seed(r): r for r in records if r.status != "not-applicable"}
    candidates = {p: r if r.result else fallback.get(p) for p, r in own_records.items() if p in expected}
    return {place: record for place, record in candidates.items() if record is not None}


def shares(by_scenario: Mapping[str, Record]) -> dict[Column, float]:
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


def score(by_scenario: Mapping[str, Record]) -> float | None:
    """Returns the score of one seed; None if none of its environments is scored."""
    metrics = {name: record.result.metrics for name, record in by_scenario.items() if record.result}
    return _weighted(by_scenario, lambda scenario, env: metrics[scenario][env]["macro_f1"])


def default_score(by_scenario: Mapping[str, Record]) -> float | None:
    """Returns the score of one seed with the default configuration (trial 0) in place of the selected one.

    Returns:
        None if nothing is scored, or if a record lacks the tests of trial 0: it was made under protocol 2 or before, or
        that trial did not complete.
    """
    defaults = {name: _tests(record).get(0, {}) for name, record in by_scenario.items()}
    return _weighted(by_scenario, lambda scenario, env: defaults[scenario].get(env))


def selection_gap(by_scenario: Mapping[str, Record]) -> float | None:
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


def _weighted(by_scenario: Mapping[str, Record], value: Callable[[str, str], float | None]) -> float | None:
    """Returns the mean of a value over scored environments, with their shares in the score; None if one lacks it."""
    weights = shares(by_scenario)
    values = {column: value(*column) for column in weights}
    known = {column: number for column, number in values.items() if number is not None}
    if not weights or len(known) < len(weights):
        return None
    return sum(share * known[column] for column, share in weights.items())


def in_distribution(by_scenario: Mapping[str, Record]) -> float | None:
    """Returns macro-F1 in ``id`` of one seed, with the weights that scenarios have in the score.

    If no scenario is scored, all have the same weight. None if there is no ``id`` environment.
    """
    weights: dict[str, float] = defaultdict(float)
    for (scenario, _), share in shares(by_scenario).items():
        weights[scenario] += share
    by_name = {
        name: record.result.metrics["id"]["macro_f1"]
        for name, record in by_scenario.items()
        if record.result and "id" in record.result.metrics
    }
    id_weights = {name: weights[name] for name in by_name if name in weights} or dict.fromkeys(by_name, 1.0)
    total = sum(id_weights.values())
    return sum(weight * by_name[name] for name, weight in id_weights.items()) / total if total else None


def _mean_of(metrics: Mapping[Column, Mapping[str, float]], name: str, columns: Sequence[Column]) -> float | None:
    values = [metrics[column][name] for column in columns if name in metrics.get(column, {})]
    return fmean(values) if values else None


def _mean_metrics(records: Sequence[Record], more: Sequence[Record]) -> dict[Column, dict[str, float]]:
    """Returns means over seeds; a second record of a cell adds only derived environments that the first one lacks."""
    values: dict[Column, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    counted: set[tuple[ScenarioSeed, str]] = set()
    for number, record in enumerate((*records, *more)):
        by_environment = record.result.metrics if record.result else {}
        skipped = own_environments(record.cell.environments) if number >= len(records) else ()
        for env, metrics in by_environment.items():
            if env in skipped or (scenario_and_seed(record), env) in counted:
                continue
            counted.add((scenario_and_seed(record), env))
            for name, value in metrics.items():
                values[record.cell.scenario, env][name].append(value)
    return {column: {name: fmean(v) for name, v in by_name.items()} for column, by_name in values.items()}


def _curve(records: Sequence[Record]) -> tuple[float, ...]:
    """Returns the expected best score of random trials, as mean over cells; a trial without a score counts as 0."""
    curves = []
    for record in records:
        if record.result and record.cell.sampler == "random" and record.cell.pruner == "none":
            # Trial 0 is the default configuration, not a random draw.
            scores = [trial.macro_f1 or 0.0 for trial in record.result.trials if trial.number > 0]
            curves.append(expected_best(scores))
    shortest = min(map(len, curves), default=0)
    return tuple(fmean(curve[i] for curve in curves) for i in range(shortest))


def _cost(records: Sequence[Record]) -> Cost:
    done = [r for r in records if r.result]
    payloads = sum(metrics["rows"] for r in done if r.result for metrics in r.result.metrics.values())
    predicting = sum(r.provenance.predict_seconds for r in done)
    return Cost(
        trials=sum(len(r.result.trials) for r in done if r.result),
        trials_requested=sum(r.cell.trials for r in records),
        training_seconds=fmean(r.provenance.compute_seconds for r in done) if done else None,
        shared_seconds=fmean(r.provenance.shared_seconds for r in done) if done else None,
        micros_per_payload=1e6 * predicting / payloads if payloads else None,
    )
