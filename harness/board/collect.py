"""From records to the figures of a board."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from harness import hashing
from harness.derived import own
from harness.record import Record
from harness.splits import FOLDS
from harness.statistics.intervals import Interval, t_interval
from harness.views import AT

FALLBACK = "majority"  # a failed cell takes this method's score
Column = tuple[str, str]  # scenario and environment


@dataclass(frozen=True)
class Row:
    """One method's line.

    Attributes:
        rank: 1 is best; None where the method is not ranked (see ``why_unranked``).
        score: mean over seeds of the score, with its interval; None where no scored environment was reached.
        id: mean macro-F1 in ``id`` environments.
        worst: lowest mean macro-F1 over scored environments, and its ``scenario/environment``.
        figures: mean over seeds of every metric, by (scenario, environment); derived environments included.
        compute_seconds: of tuning, without shared steps.
        shared_seconds: recorded cost of the shared steps it used, in full.
        failed: reason by scenario and seed of each failed cell.
    """

    method: str
    version: int
    kind: str
    rank: int | None
    why_unranked: str
    score: Interval | None
    id: float | None
    worst: tuple[float, str] | None
    figures: Mapping[Column, Mapping[str, float]]
    trials: int
    compute_seconds: float
    shared_seconds: float
    failed: Mapping[str, str]
    missing: int
    not_applicable: int
    stale: int

    @property
    def gap(self) -> float | None:
        """In-distribution macro-F1 minus the score: never ranked by, since it rewards weak models."""
        return None if self.id is None or self.score is None else self.id - self.score.mean

    def figure(self, column: Column, metric: str = "macro_f1") -> float | None:
        """Mean over seeds of a metric in a (scenario, environment); None where there is none."""
        return self.figures.get(column, {}).get(metric)


@dataclass(frozen=True)
class Board:
    """The board of one corpus under one budget.

    Attributes:
        columns: the scenarios' own environments.
        probes: macro-F1 of what a view of the input tells, by (view, scenario/environment), with its learner.
        left_out: rows and draws that perturbations left out or had rejected, in words.
    """

    benchmark: str
    corpus: str
    preset: str
    ranked: bool
    trials: int
    seconds: float
    seeds: tuple[int, ...]
    scenarios: Mapping[str, str]
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    probes: Mapping[tuple[str, str], float]
    left_out: tuple[str, ...]
    notes: tuple[str, ...]
    provenance: Mapping[str, str]


Setting = tuple[str, str, str, int, float, str, str, str, tuple[int | None, ...]]


def setting_of(record: Record) -> Setting:
    """Returns what records of one board have in common."""
    c = record.cell
    budget = (c.trials, c.seconds, c.sampler, c.pruner)
    return (c.benchmark, c.corpus, c.preset, *budget, c.precision, tuple(c.sizes))


def boards(
    records: Iterable[Record], *, is_stale: Callable[[Record], bool], ranks: Callable[[str], bool]
) -> list[Board]:
    """Groups records by corpus and budget and summarises each group.

    Args:
        records: any records; those of different corpora, presets, budgets or precisions never share a board.
        is_stale: whether a record was made by an older version of its method.
        ranks: whether a preset of that name ranks.
    """
    grouped: dict[Setting, list[Record]] = defaultdict(list)
    for record in records:
        grouped[setting_of(record)].append(record)
    return [
        _board(setting, group, is_stale, ranks(setting[2])) for setting, group in sorted(grouped.items(), key=_order)
    ]


def _order(item: tuple[Setting, list[Record]]) -> str:
    return repr(item[0])


def _board(setting: Setting, records: list[Record], is_stale: Callable[[Record], bool], ranked: bool) -> Board:
    stale = [r for r in records if is_stale(r)]
    views = [r for r in records if AT in r.cell.scenario and not is_stale(r)]
    fresh = [r for r in records if AT not in r.cell.scenario and not is_stale(r)]
    expected = {(r.cell.scenario, r.cell.seed) for r in fresh}
    scenarios = {r.cell.scenario: r.cell for r in fresh}
    columns = tuple(
        (name, env)
        for name in sorted(scenarios)
        for env in sorted(own(scenarios[name].environments), key=lambda env: (env != "id", env))
    )
    shown = _names(fresh)
    by_method: dict[str, list[Record]] = defaultdict(list)
    for record in fresh:
        by_method[shown[record.key]].append(record)
    fallback = {(r.cell.scenario, r.cell.seed): r for r in by_method.get(FALLBACK, []) if r.result is not None}
    rows = [
        _row(name, found, expected, fallback, columns, sum(s.cell.method == name for s in stale))
        for name, found in by_method.items()
    ]
    rows.sort(key=lambda row: (-(row.score.mean if row.score else -1), -(row.id or 0), row.method))
    return Board(
        benchmark=setting[0],
        corpus=setting[1],
        preset=setting[2],
        ranked=ranked,
        trials=setting[3],
        seconds=setting[4],
        seeds=tuple(sorted({seed for _, seed in expected})),
        scenarios={name: cell.shift for name, cell in sorted(scenarios.items())},
        columns=columns,
        rows=tuple(_with_ranks(rows, ranked)),
        probes=_probes(views),
        left_out=tuple(_left_out(fresh)),
        notes=tuple(sorted({note for r in fresh if r.result for note in r.result.notes} | _stale_notes(stale))),
        provenance=_provenance([*fresh, *views]),
    )


def _probes(records: list[Record]) -> dict[tuple[str, str], float]:
    """Mean macro-F1 by (method on view, scenario/environment)."""
    found: dict[tuple[str, str], list[float]] = defaultdict(list)
    for record in records:
        scenario, _, view = record.cell.scenario.partition(AT)
        for env, figures in (record.result.metrics if record.result else {}).items():
            found[f"{view} ({record.cell.method})", f"{scenario}/{env}"].append(figures["macro_f1"])
    return {place: fmean(values) for place, values in sorted(found.items())}


def _left_out(records: list[Record]) -> Iterable[str]:
    """One line per derived environment; the rows and draws are the same for every method, so one record per cell."""
    by_place = {(r.cell.scenario, r.cell.seed): r.result for r in records if r.result}
    totals: dict[Column, Counter[str]] = defaultdict(Counter)
    for (scenario, _), result in sorted(by_place.items()):
        for env, counts in result.perturbations.items():
            total = totals[scenario, env]
            total.update({f"rows left out, {reason}": n for reason, n in counts.left_out.items()})
            for draws in counts.draws.values():
                total.update({"draws": draws["draws"], "draws rejected": draws["rejected"]})
            total["rows kept"] += int(result.metrics.get(env, {}).get("rows", 0))
    for (scenario, env), total in totals.items():
        yield f"{scenario}/{env}: " + ", ".join(f"{n} {what}" for what, n in sorted(total.items()) if n)


def _stale_notes(stale: list[Record]) -> set[str]:
    counts = Counter((r.cell.method, r.cell.method_version) for r in stale)
    return {f"{n} stale records of {method}, version {version}" for (method, version), n in counts.items()}


def _names(records: list[Record]) -> dict[str, str]:
    """What the board calls the method of each record, by key.

    A method of a family may have stood for several contents, a program before and after a change: lines of their own.
    """
    contents: dict[str, set[str]] = defaultdict(set)
    for record in records:
        contents[record.cell.method].add(_content(record))
    return {
        r.key: f"{r.cell.method} ({_content(r)})" if len(contents[r.cell.method]) > 1 else r.cell.method
        for r in records
    }


def _content(record: Record) -> str:
    return hashing.of_json(record.cell.adapter)[:6]


def _row(
    name: str,
    records: list[Record],
    expected: set[tuple[str, int]],
    fallback: Mapping[tuple[str, int], Record],
    columns: tuple[tuple[str, str], ...],
    stale: int,
) -> Row:
    by_cell = {(r.cell.scenario, r.cell.seed): r for r in records}
    failed = {
        f"{r.cell.scenario}, seed {r.cell.seed}": r.failure.reason
        for r in records
        if r.status == "failed" and r.failure
    }
    scoring = {place: r if r.result else fallback.get(place) for place, r in by_cell.items()}
    figures = _mean_figures([r for r in records if r.result])
    means = {c: figures[c]["macro_f1"] for c in columns if c in figures}
    per_seed = [
        value
        for seed in sorted({seed for _, seed in expected})
        if (value := _score({p[0]: r for p, r in scoring.items() if p[1] == seed and r is not None})) is not None
    ]
    scored = {(r.cell.scenario, env) for r in records for env in r.cell.scored}
    shifted = [(value, "/".join(column)) for column, value in means.items() if column in scored]
    ids = [value for column, value in means.items() if column[1] == "id"]
    any_record = records[0]
    not_applicable = sum(r.status == "not-applicable" for r in records)
    no_fallback = {place for place, record in scoring.items() if record is None}
    missing = len((expected - set(by_cell)) | no_fallback) - not_applicable
    why = "not applicable" if not_applicable else "missing cells" if missing else ""
    return Row(
        method=name,
        version=any_record.cell.method_version,
        kind=any_record.cell.kind,
        rank=None,
        why_unranked=why or ("" if any_record.cell.kind == "ranked" else any_record.cell.kind),
        score=t_interval(per_seed, FOLDS) if per_seed else None,
        id=fmean(ids) if ids else None,
        worst=min(shifted) if shifted else None,
        figures=figures,
        trials=sum(len(r.result.trials) for r in records if r.result),
        compute_seconds=sum(r.provenance.compute_seconds for r in records),
        shared_seconds=sum(r.provenance.shared_seconds for r in records),
        failed=failed,
        missing=missing,
        not_applicable=not_applicable,
        stale=stale,
    )


def _mean_figures(records: list[Record]) -> dict[Column, dict[str, float]]:
    found: dict[Column, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    for record in records:
        for env, figures in (record.result.metrics if record.result else {}).items():
            for metric, value in figures.items():
                found[record.cell.scenario, env][metric].append(value)
    return {column: {metric: fmean(v) for metric, v in metrics.items()} for column, metrics in found.items()}


def _score(by_scenario: Mapping[str, Record]) -> float | None:
    """Mean over shift types, then scenarios, then shifted environments, of macro-F1, for one seed."""
    shifts: dict[str, list[float]] = defaultdict(list)
    for record in by_scenario.values():
        if record.result is not None and record.cell.scored:
            values = [record.result.metrics[env]["macro_f1"] for env in record.cell.scored]
            shifts[record.cell.shift].append(fmean(values))
    return fmean(fmean(values) for values in shifts.values()) if shifts else None


def _with_ranks(rows: list[Row], ranked: bool) -> Iterable[Row]:
    rank = 0
    for row in rows:
        if ranked and not row.why_unranked and row.score is not None:
            rank += 1
            yield Row(**{**row.__dict__, "rank": rank})
        else:
            yield row


def _provenance(records: list[Record]) -> dict[str, str]:
    def seen(values: Iterable[str]) -> str:
        return ", ".join(sorted(set(values))) or "unknown"

    return {
        "processor": seen(r.provenance.machine.get("processor", "unknown") for r in records),
        "packages": seen(" ".join(f"{name} {v}" for name, v in sorted(r.provenance.packages.items())) for r in records),
        "source digest": seen(r.provenance.source.get("digest", "unknown")[:12] for r in records),
        "records": str(len(records)),
    }
