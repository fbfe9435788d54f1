"""One method's line of a board, from its records."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean

from harness.leaderboard.model import Column, Place, Row, Spent, track_of
from harness.leaderboard.record_selection import place_of
from harness.protocol import FOLDS
from harness.records.schema import Record
from harness.scenarios.perturbed import own_environments
from harness.statistics.curves import expected_best
from harness.statistics.intervals import t_interval


def make_row(
    name: str,
    records: Sequence[Record],
    more: Sequence[Record],
    scoring: Mapping[Place, Record],
    expected: set[Place],
    columns: Sequence[Column],
    stale: int,
) -> Row:
    """Summarises one method.

    Args:
        name: what the board calls it.
        records: of the method, one per cell, at least one; none stale.
        more: of the same cells, with other derived environments.
        scoring: what `scoring_records` returned of them.
        expected: the cells that its score is taken over.
        columns: the scenarios' own environments.
        stale: how many stale records there are of the method.
    """
    cell = records[0].cell
    tags = tuple(sorted(cell.tags))
    cells: dict[int, dict[str, Record]] = defaultdict(dict)
    for (scenario, seed), record in sorted(scoring.items(), key=lambda item: item[0]):
        cells[seed][scenario] = record
    by_seed = {seed: value for seed in sorted(cells) if (value := score(cells[seed])) is not None}
    ids = [value for seed in sorted(cells) if (value := in_distribution(cells[seed])) is not None]
    scored = {(r.cell.scenario, env) for r in scoring.values() for env in r.cell.scored}
    counted = _mean_figures(list(scoring.values()), ())
    figures = _mean_figures(records, more)
    not_applicable = {place_of(r) for r in records if r.status == "not-applicable"}
    missing = sorted(expected - set(scoring) - not_applicable)
    why = "not applicable" if not_applicable else "missing cells" if missing else ""
    return Row(
        method=name,
        version=cell.method_version,
        kind=cell.kind,
        tags=tags,
        track=track_of(cell.kind, tags),
        rank=None,
        ranks=None,
        letters="",
        why_unranked=why or ("" if cell.kind in ("ranked", "fixed") else cell.kind),
        score=t_interval(list(by_seed.values()), FOLDS) if by_seed else None,
        by_seed=by_seed,
        bootstrap=None,
        id=fmean(ids) if ids else None,
        worst=min(((counted[c]["macro_f1"], "/".join(c)) for c in columns if c in scored), default=None),
        worst_group=None,
        calibration=(
            _mean_of(figures, "calibration_error", [c for c in columns if c[1] == "id"]),
            _mean_of(figures, "calibration_error", [c for c in columns if c in scored]),
        ),
        figures=figures,
        curve=_curve(records),
        spent=_spent(records),
        done=sum(r.status == "done" for r in records),
        failed={place_of(r): r.failure.reason for r in records if r.status == "failed" and r.failure},
        missing=tuple(missing),
        not_applicable=len(not_applicable),
        stale=stale,
    )


def scoring_records(
    records: Sequence[Record], fallback: Mapping[Place, Record], expected: set[Place]
) -> dict[Place, Record]:
    """Returns the record whose figures count in each expected cell: the method's own, the fallback's where it failed.

    Records are one per cell.
    """
    found = {place_of(r): r for r in records if r.status != "not-applicable" and place_of(r) in expected}
    chosen = {place: r if r.result else fallback.get(place) for place, r in found.items()}
    return {place: record for place, record in chosen.items() if record is not None}


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
    """Returns the score of one seed; None where nothing of it is scored."""
    parts = shares(by_scenario)
    if not parts:
        return None
    found = {name: record.result.metrics for name, record in by_scenario.items() if record.result}
    return sum(share * found[scenario][env]["macro_f1"] for (scenario, env), share in parts.items())


def in_distribution(by_scenario: Mapping[str, Record]) -> float | None:
    """Returns macro-F1 in ``id`` of one seed, with the weights that scenarios have in the score.

    Where no scenario is scored they weigh alike. None where there is no such environment.
    """
    weights: dict[str, float] = defaultdict(float)
    for (scenario, _), share in shares(by_scenario).items():
        weights[scenario] += share
    found = {
        name: record.result.metrics["id"]["macro_f1"]
        for name, record in by_scenario.items()
        if record.result and "id" in record.result.metrics
    }
    weighed = {name: weights[name] for name in found if name in weights} or dict.fromkeys(found, 1.0)
    total = sum(weighed.values())
    return sum(weight * found[name] for name, weight in weighed.items()) / total if total else None


def _mean_of(figures: Mapping[Column, Mapping[str, float]], metric: str, columns: Sequence[Column]) -> float | None:
    found = [figures[column][metric] for column in columns if metric in figures.get(column, {})]
    return fmean(found) if found else None


def _mean_figures(records: Sequence[Record], more: Sequence[Record]) -> dict[Column, dict[str, float]]:
    """Means over seeds; of a second record of a cell only derived environments that the first one lacks."""
    found: dict[Column, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    there: set[tuple[Place, str]] = set()
    for number, record in enumerate((*records, *more)):
        metrics = record.result.metrics if record.result else {}
        known = own_environments(record.cell.environments) if number >= len(records) else ()
        for env, figures in metrics.items():
            if env in known or (place_of(record), env) in there:
                continue
            there.add((place_of(record), env))
            for metric, value in figures.items():
                found[record.cell.scenario, env][metric].append(value)
    return {column: {metric: fmean(v) for metric, v in metrics.items()} for column, metrics in found.items()}


def _curve(records: Sequence[Record]) -> tuple[float, ...]:
    """The default configuration is no random draw and left out; a trial without a score counts as 0."""
    curves = []
    for record in records:
        if record.result and record.cell.sampler == "random" and record.cell.pruner == "none":
            drawn = [trial.macro_f1 or 0.0 for trial in record.result.trials if trial.number > 0]
            curves.append(expected_best(drawn))
    shortest = min(map(len, curves), default=0)
    return tuple(fmean(curve[i] for curve in curves) for i in range(shortest))


def _spent(records: Sequence[Record]) -> Spent:
    done = [r for r in records if r.result]
    payloads = sum(figures["rows"] for r in done if r.result for figures in r.result.metrics.values())
    predicting = sum(r.provenance.predict_seconds for r in done)
    return Spent(
        trials=sum(len(r.result.trials) for r in done if r.result),
        asked=sum(r.cell.trials for r in records),
        training_seconds=fmean(r.provenance.compute_seconds for r in done) if done else None,
        shared_seconds=fmean(r.provenance.shared_seconds for r in done) if done else None,
        micros_per_payload=1e6 * predicting / payloads if payloads else None,
    )
