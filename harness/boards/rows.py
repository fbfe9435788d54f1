"""Builds one method's row of a board from its records."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import fmean

from harness.boards.cell_counts import BoardCounts
from harness.boards.model import Column, Cost, Row, ScenarioSeed, track_of
from harness.boards.record_selection import scenario_and_seed
from harness.boards.scores import (
    by_seed_and_scenario,
    default_score,
    in_distribution,
    sample_of,
    score,
    score_sample,
    selection_gap,
    shares,
)
from harness.boards.worst_cases import worst_cases
from harness.records.schema import Record
from harness.scenarios.perturbed import own_environments
from harness.statistics.components import components
from harness.statistics.curves import expected_best
from harness.statistics.intervals import Interval, t_interval


def make_row(
    name: str,
    records: Sequence[Record],
    more: Sequence[Record],
    scoring: Mapping[ScenarioSeed, Record],
    expected: set[ScenarioSeed],
    columns: Sequence[Column],
    stale: int,
    counts: BoardCounts,
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
        counts: of the board.
    """
    cell = records[0].cell
    tags = tuple(sorted(cell.tags))
    cells = by_seed_and_scenario(scoring)
    scored_cells = {seed: own for seed, own in cells.items() if shares(own)}
    sample = score_sample(scored_cells, counts)
    worst = worst_cases(scored_cells, counts, _classes(scoring)) if scored_cells else (None, None)
    default, gap = (sample_of(scored_cells, value, counts) for value in (default_score, selection_gap))
    done = [record for record in records if record.result]
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
        unranked_reason=incomplete or ("control" if cell.kind == "control" else ""),
        score=t_interval(sample) if sample else None,
        by_seed=dict(zip(scored_cells, sample.values, strict=True)) if sample else {},
        sample=sample,
        components=components(sample.values, sample.folds, sample.influence) if sample else None,
        by_shift=_by_shift(scored_cells, counts),
        default=t_interval(default) if default else None,
        selection_gap=gap.mean if gap else None,
        inputs=Counter(str(r.result.params["input"]) for r in done if r.result and "input" in r.result.params),
        unread=_mean(r.result.unread for r in done if r.result),
        not_default=fmean(r.result.best_trial != 0 for r in done if r.result) if done else None,
        bootstrap=None,
        id=_mean(in_distribution(own) for own in cells.values()),
        worst=min(((scoring_metrics[c]["macro_f1"], "/".join(c)) for c in columns if c in scored), default=None),
        worst_tenth=t_interval(worst[0]) if worst[0] else None,
        worst_group=worst[1],
        calibration=(
            _mean(in_distribution(own, "calibration_error") for own in cells.values()),
            _mean(score(own, "calibration_error") for own in cells.values()),
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


def _by_shift(cells: Mapping[int, Mapping[str, Record]], counts: BoardCounts) -> dict[str, Interval]:
    """Returns the score over the scenarios of each shift type, in which every seed has a scored one."""
    shifts = {record.cell.shift for own in cells.values() for record in own.values() if record.cell.scored}
    out = {}
    for shift in sorted(shifts):
        own = {seed: {n: r for n, r in of.items() if r.cell.shift == shift} for seed, of in cells.items()}
        sample = score_sample(own, counts) if all(map(shares, own.values())) else None
        if sample:
            out[shift] = t_interval(sample)
    return out


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return fmean(known) if known else None


def _classes(scoring: Mapping[ScenarioSeed, Record]) -> Sequence[str]:
    return next(record.result.classes for record in scoring.values() if record.result)


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
