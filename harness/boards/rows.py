"""Builds one method's row of a board from its records."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean

import numpy as np
import numpy.typing as npt

from harness.boards.model import Column, Cost, Row, ScenarioSeed, track_of
from harness.boards.record_selection import scenario_and_seed
from harness.protocol import FOLDS
from harness.records.schema import Record
from harness.scenarios.perturbed import own_environments
from harness.statistics.curves import expected_best
from harness.statistics.intervals import Influence, t_interval


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
    influence: Influence | None = np.stack([influences[seed] for seed in by_seed]) if influences and by_seed else None
    ids = [value for seed in sorted(cells) if (value := in_distribution(cells[seed])) is not None]
    scored = {(r.cell.scenario, env) for r in scoring.values() for env in r.cell.scored}
    scoring_metrics = _mean_metrics(list(scoring.values()), ())
    metrics = _mean_metrics(records, more)
    not_applicable = {scenario_and_seed(r) for r in records if r.status == "not-applicable"}
    missing = sorted(expected - set(scoring) - not_applicable)
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

    The score is the mean over shift types, then scenarios, then shifted environments.
    """
    shifts: dict[str, list[str]] = defaultdict(list)
    for scenario, record in by_scenario.items():
        if record.cell.scored:
            shifts[record.cell.shift].append(scenario)
    return {
        (scenario, env): 1 / (len(shifts) * len(scenarios) * len(by_scenario[scenario].cell.scored))
        for scenarios in shifts.values()
        for scenario in scenarios
        for env in by_scenario[scenario].cell.scored
    }


def score(by_scenario: Mapping[str, Record]) -> float | None:
    """Returns the score of one seed; None if none of its environments is scored."""
    weights = shares(by_scenario)
    if not weights:
        return None
    metrics = {name: record.result.metrics for name, record in by_scenario.items() if record.result}
    return sum(share * metrics[scenario][env]["macro_f1"] for (scenario, env), share in weights.items())


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
