"""From records to the figures of a board."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import NamedTuple

from harness import hashing
from harness.leaderboard import ranking, tables
from harness.leaderboard.effects import effects
from harness.leaderboard.model import Board, Column, Place
from harness.leaderboard.notes import gathered
from harness.leaderboard.record_selection import common, one_per_cell, place_of, superseded, whole_seeds
from harness.leaderboard.rows import make_row, scoring_records
from harness.protocol import FALLBACK
from harness.records.schema import Record
from harness.scenarios.input_views import AT
from harness.scenarios.perturbed import own_environments


class Setting(NamedTuple):
    """What records of one board have in common."""

    benchmark: str
    corpus: str
    preset: str
    trials: int
    seconds: float
    sampler: str
    pruner: str
    precision: str
    sizes: tuple[int | None, ...]


def setting_of(record: Record) -> Setting:
    """Returns the setting of a record."""
    c = record.cell
    budget = (c.trials, c.seconds, c.sampler, c.pruner)
    return Setting(c.benchmark, c.corpus, c.preset, *budget, c.precision, tuple(c.sizes))


def asked_otherwise(setting: Setting, usual: Setting) -> str:
    """Returns what one setting asks otherwise than another: "trials 3 instead of 2", and so on."""
    asked = ("trials", "seconds", "sampler", "pruner", "precision", "sizes")
    return ", ".join(
        f"{name} {getattr(setting, name)} instead of {getattr(usual, name)}"
        for name in asked
        if getattr(setting, name) != getattr(usual, name)
    )


@dataclass(frozen=True)
class Rules:
    """What a board asks of today's code.

    Attributes:
        is_stale: whether a record was made by an older version of its method.
        ranks: whether a preset of that name ranks.
        contrasts: the methods that a method's claim is tested against.
    """

    is_stale: Callable[[Record], bool]
    ranks: Callable[[str], bool]
    contrasts: Callable[[str], tuple[str, ...]]


def boards(records: Iterable[Record], rules: Rules) -> list[Board]:
    """Groups records by corpus and budget and summarises each group; boards that rank come first.

    Args:
        records: any records; those of different corpora, presets, budgets or precisions never share a board.
        rules: what they are judged by.
    """
    grouped: dict[Setting, list[Record]] = defaultdict(list)
    for record in records:
        grouped[setting_of(record)].append(record)
    made = [_board(setting, group, rules) for setting, group in sorted(grouped.items(), key=_order)]
    return sorted(made, key=lambda board: not board.ranked)


def _order(item: tuple[Setting, list[Record]]) -> str:
    return repr(item[0])


def _board(setting: Setting, records: list[Record], rules: Rules) -> Board:
    outdated = superseded(records, rules.is_stale)
    stale = [r for r in records if r.key in outdated]
    views = [r for r in records if AT in r.cell.scenario and r.key not in outdated]
    fresh = [r for r in records if AT not in r.cell.scenario and r.key not in outdated]
    scenarios = {r.cell.scenario: r.cell for r in fresh}
    columns = tuple(
        (name, env)
        for name in sorted(scenarios)
        for env in sorted(own_environments(scenarios[name].environments), key=lambda env: (env != "id", env))
    )
    shown = shown_names(fresh)
    by_method: dict[str, list[Record]] = defaultdict(list)
    for record in fresh:
        by_method[shown[record.key]].append(record)
    usual = common(by_method)
    scored = {name for name, cell in scenarios.items() if cell.scored}
    whole = whole_seeds(usual, scored)
    places = {place for place in usual if place[1] in whole} or usual  # where no seed is whole there is no better score
    single = {name: one_per_cell(found) for name, found in by_method.items()}
    fallback = {place_of(r): r for r in single.get(FALLBACK, ([], []))[0] if r.result is not None}
    scoring = {name: scoring_records(one, fallback, places) for name, (one, _) in single.items()}
    rows = [
        make_row(name, one, more, scoring[name], places, columns, sum(s.cell.method == name for s in stale))
        for name, (one, more) in single.items()
    ]
    # A score over other cells compares with nothing, so that incomplete rows stand last.
    rows.sort(key=lambda row: (not row.complete, -(row.score.mean if row.score else -1), -(row.id or 0), row.method))
    ranked = rules.ranks(setting.preset)
    said = {note for r in fresh if r.result for note in r.result.notes}
    placed = ranking.with_ranks(rows, scoring) if ranked else tuple(rows)
    return Board(
        **setting._asdict(),
        ranked=ranked,
        seeds=tuple(sorted({seed for _, seed in places})),
        scenarios={name: cell.shift for name, cell in sorted(scenarios.items())},
        columns=columns,
        rows=placed,
        probes=_probes(views),
        left_out=tuple(_left_out(fresh)),
        notes=(
            *gathered(said),
            *_stale_notes(stale, outdated),
            *_partial(usual, places, scored),
            *_uncounted(single, usual),
        ),
        claims=ranking.claims(scoring, rules.contrasts, FALLBACK) if ranked else (),
        effects=effects(scoring, rules.contrasts, FALLBACK) if ranked else (),
        robustness=ranking.robustness(placed, rules.contrasts, FALLBACK) if ranked else None,
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
    by_place = {place_of(r): r.result for r in records if r.result}
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


def _stale_notes(stale: list[Record], outdated: Mapping[str, str]) -> Iterable[str]:
    counts = Counter(outdated[r.key] for r in stale)
    return sorted(f"{n} stale record{'s' if n > 1 else ''}, made by {made_by}" for made_by, n in counts.items())


def _partial(usual: set[Place], places: set[Place], scored: set[str]) -> Iterable[str]:
    """Says which seeds count in no score, and what they lack."""
    if seeds := {seed for _, seed in usual - places}:
        wanted = {(scenario, seed) for scenario, _ in usual for seed in seeds if scenario in scored}
        which = f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, sorted(seeds)))}"
        yield f"{which} in no score: half of the methods lack {tables.joined(sorted(wanted - usual))}"


def _uncounted(single: Mapping[str, tuple[list[Record], list[Record]]], usual: set[Place]) -> Iterable[str]:
    """One line per method with cells that half of the methods lack: they are shown, and count in no score."""
    for name, (one, _) in sorted(single.items()):
        if extra := sorted({place_of(r) for r in one} - usual):
            yield f"{name}: cells that half of the methods lack count in no score: {tables.joined(extra)}"


def shown_names(records: list[Record]) -> dict[str, str]:
    """Returns what the board calls the method of each record, by key.

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


def spent(records: Iterable[Record]) -> str:
    """Says the core-hours of cells. A shared step counts for every cell that used it, though it ran once."""
    kinds = {
        "tuning": "compute_seconds",
        "scoring": "predict_seconds",
        "shared steps, charged to each cell": "shared_seconds",
    }
    made = [record.provenance for record in records]
    return ", ".join(f"{sum(getattr(p, name) for p in made) / 3600:.2f} of {kind}" for kind, name in kinds.items())


def _provenance(records: list[Record]) -> dict[str, str]:
    def seen(values: Iterable[str]) -> str:
        counts = Counter(values)
        shown = [f"{value} ({n} records)" if len(counts) > 1 else value for value, n in sorted(counts.items())]
        return ", ".join(shown) or "unknown"

    return {
        "processor": seen(r.provenance.machine.get("processor", "unknown") for r in records),
        "packages": seen(" ".join(f"{name} {v}" for name, v in sorted(r.provenance.packages.items())) for r in records),
        "source digest": seen(r.provenance.source.get("digest", "unknown")[:12] for r in records),
        "core-hours": spent(records),
        "records": str(len(records)),
    }
