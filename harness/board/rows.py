"""One method's line of a board, from its records."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import fmean

from harness.board.model import Column, Row, Spent, track_of
from harness.record import Record
from harness.splits import FOLDS
from harness.statistics.curves import expected_best
from harness.statistics.intervals import t_interval

Place = tuple[str, int]  # scenario and seed


def make_row(
    name: str,
    records: Sequence[Record],
    expected: set[Place],
    fallback: Mapping[Place, Record],
    columns: Sequence[Column],
    stale: int,
) -> Row:
    """Summarises one method.

    Args:
        name: what the board calls it.
        records: all of the method, at least one; none stale.
        expected: the cells that the board has of any method.
        fallback: done records whose score a failed cell takes, by cell.
        columns: the scenarios' own environments.
        stale: how many stale records there are of the method.
    """
    cell = records[0].cell
    tags = tuple(sorted(cell.tags))
    scoring = scoring_records(records, fallback)
    by_seed = {
        seed: value
        for seed in sorted({seed for _, seed in expected})
        if (value := score({place[0]: r for place, r in scoring.items() if place[1] == seed})) is not None
    }
    figures = _mean_figures([r for r in records if r.result])
    scored = {(r.cell.scenario, env) for r in records for env in r.cell.scored}
    means = {column: figures[column]["macro_f1"] for column in columns if column in figures}
    ids = [value for column, value in means.items() if column[1] == "id"]
    not_applicable = {(r.cell.scenario, r.cell.seed) for r in records if r.status == "not-applicable"}
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
        worst=min(((value, "/".join(column)) for column, value in means.items() if column in scored), default=None),
        worst_group=None,
        figures=figures,
        curve=_curve(records),
        spent=_spent(records),
        failed={
            f"{r.cell.scenario}, seed {r.cell.seed}": r.failure.reason
            for r in records
            if r.status == "failed" and r.failure
        },
        missing=tuple(f"{scenario}, seed {seed}" for scenario, seed in missing),
        not_applicable=len(not_applicable),
        stale=stale,
    )


def scoring_records(records: Sequence[Record], fallback: Mapping[Place, Record]) -> dict[Place, Record]:
    """Returns the record whose figures count in each cell: the method's own, the fallback's where it failed."""
    found = {(r.cell.scenario, r.cell.seed): r for r in records if r.status != "not-applicable"}
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


def _mean_figures(records: Sequence[Record]) -> dict[Column, dict[str, float]]:
    found: dict[Column, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        for env, figures in (record.result.metrics if record.result else {}).items():
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
