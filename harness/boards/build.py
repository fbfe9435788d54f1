"""Builds boards from records: groups them by setting and computes rows, ranks and notes."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from statistics import fmean

from harness import hashing
from harness.boards import ranking, tables
from harness.boards.absent_classes import class_notes, tested_classes, without_single_class
from harness.boards.cell_counts import BoardCounts
from harness.boards.effects import effects
from harness.boards.model import Board, Column, ScenarioSeed, Setting
from harness.boards.notes import merge_numbers
from harness.boards.record_selection import (
    common_cells,
    complete_seeds,
    one_per_cell,
    scenario_and_seed,
    superseded,
)
from harness.boards.rows import make_row, scoring_records
from harness.protocol import CURVE, FALLBACK
from harness.records.schema import Record
from harness.scenarios.perturbed import own_environments


def setting_of(record: Record) -> Setting:
    """Returns the setting of a record: its board's protocol, corpus, preset, budget, precision and sizes."""
    c = record.cell
    budget = (c.trials, c.seconds, c.sampler, c.pruner)
    return Setting(c.protocol, c.benchmark, c.corpus, c.preset, *budget, c.precision, tuple(c.sizes))


def budget_setting(record: Record) -> Setting:
    """Returns the setting of a record for comparing budgets: sizes of learning curves differ by design."""
    setting = setting_of(record)
    return setting._replace(sizes=()) if setting.preset == CURVE else setting


def setting_differences(setting: Setting, usual: Setting) -> str:
    """Returns how the budget and precision of a setting differ from another's: "trials 3 instead of 2", and so on."""
    names = ("trials", "seconds", "sampler", "pruner", "precision", "sizes")
    return ", ".join(
        f"{name} {getattr(setting, name)} instead of {getattr(usual, name)}"
        for name in names
        if getattr(setting, name) != getattr(usual, name)
    )


@dataclass(frozen=True)
class Rules:
    """Functions by which boards judge records; the installed code's are in `harness.boards.rules`.

    Attributes:
        is_stale: whether a record was made by another version of its method.
        ranks: whether methods are ranked with the preset of that name.
        contrasts: returns the methods that a method's claim is tested against.
        can_act: whether the method of a record has something to act on in its scenario, such as two training
            environments. A claim is judged only on the scenarios where its method has.
    """

    is_stale: Callable[[Record], bool]
    ranks: Callable[[str], bool]
    contrasts: Callable[[str], tuple[str, ...]]
    can_act: Callable[[Record], bool] = lambda record: True


def boards(records: Iterable[Record], rules: Rules) -> list[Board]:
    """Groups records by protocol, corpus and budget, and returns the board of each group.

    Boards that rank come first, and those of the newest protocol before others.

    Args:
        records: any records; those of different protocols, corpora, presets, budgets or precisions never share a board.
            Those of learning curves are on none (`harness.boards.learning_curves`).
        rules: see `Rules`.
    """
    groups: dict[Setting, list[Record]] = defaultdict(list)
    for record in records:
        if record.cell.preset != CURVE:
            groups[setting_of(record)].append(record)
    in_order = [_board(setting, group, rules) for setting, group in sorted(groups.items(), key=_order)]
    return sorted(in_order, key=lambda board: (not board.ranked, -board.setting.protocol))


def _order(item: tuple[Setting, list[Record]]) -> str:
    return repr(item[0])


def _board(setting: Setting, records: list[Record], rules: Rules) -> Board:
    outdated = superseded(records, rules.is_stale)
    tested = tested_classes([r for r in records if not r.cell.view and r.key not in outdated])
    records = [without_single_class(record, tested) for record in records]
    stale = [r for r in records if r.key in outdated]
    views = [r for r in records if r.cell.view and r.key not in outdated]
    fresh = [r for r in records if not r.cell.view and r.key not in outdated]
    scenarios = {r.cell.scenario: r.cell for r in fresh}
    columns = tuple(
        (name, env)
        for name in sorted(scenarios)
        for env in sorted(own_environments(scenarios[name].environments), key=lambda env: (env != "id", env))
    )
    names = display_names(fresh)
    by_method: dict[str, list[Record]] = defaultdict(list)
    for record in fresh:
        by_method[names[record.key]].append(record)
    common = common_cells(by_method)
    scored = {name for name, cell in scenarios.items() if cell.scored}
    complete = complete_seeds(common, scored)
    cells = {cell for cell in common if cell[1] in complete} or common  # without a complete seed, all cells count
    by_cell = {name: one_per_cell(members) for name, members in by_method.items()}
    fallback = {scenario_and_seed(r): r for r in by_cell.get(FALLBACK, ([], []))[0] if r.result is not None}
    scoring = {name: scoring_records(one, fallback, cells) for name, (one, _) in by_cell.items()}
    counts = BoardCounts(scoring)
    stale_counts = Counter(s.cell.method for s in stale)
    rows = [
        make_row(name, one, more, scoring[name], cells, columns, stale_counts[name], counts)
        for name, (one, more) in by_cell.items()
    ]
    # Scores over different cells cannot be compared, so incomplete rows come last.
    rows.sort(key=lambda row: (not row.complete, -(row.score.mean if row.score else -1), -(row.id or 0), row.method))
    ranked = rules.ranks(setting.preset)
    notes = {note for r in fresh if r.result for note in r.result.notes}
    ranked_rows = ranking.with_ranks(rows, scoring) if ranked else tuple(rows)
    return Board(
        setting=setting,
        ranked=ranked,
        seeds=tuple(sorted({seed for _, seed in cells})),
        scenarios={name: cell.shift for name, cell in sorted(scenarios.items())},
        environments={name: env for r in fresh for name, env in r.cell.environments.items()},
        columns=columns,
        rows=ranked_rows,
        probes=_probes(views),
        perturbation_counts=tuple(_perturbation_counts(fresh)),
        notes=(
            *merge_numbers(notes),
            *class_notes(tested),
            *shared_test_notes(counts.shared_units),
            *stale_notes(stale, outdated),
            *_incomplete_seeds(common, cells, scored),
            *_uncommon_cells(by_cell, common),
        ),
        claims=ranking.claims(scoring, rules.contrasts, FALLBACK, counts, rules.can_act) if ranked else (),
        effects=effects(scoring, rules.contrasts, FALLBACK, counts) if ranked else (),
        robustness=ranking.robustness(ranked_rows, rules.contrasts, FALLBACK) if ranked else None,
        provenance=_provenance([*fresh, *views]),
        shared_units=counts.shared_units,
    )


def _probes(records: list[Record]) -> dict[tuple[str, str], float]:
    """Returns mean macro-F1 by (input view and method, scenario/environment)."""
    values: dict[tuple[str, str], list[float]] = defaultdict(list)
    for record in records:
        cell = record.cell
        for env, metrics in (record.result.metrics if record.result else {}).items():
            values[f"{cell.view} ({cell.method})", f"{cell.base_scenario}/{env}"].append(metrics["macro_f1"])
    return {key: fmean(scores) for key, scores in sorted(values.items())}


def _perturbation_counts(records: list[Record]) -> Iterable[str]:
    """Yields one line per derived environment; rows and draws are the same for every method, so one record counts."""
    by_cell = {scenario_and_seed(r): r.result for r in records if r.result}
    totals: dict[Column, Counter[str]] = defaultdict(Counter)
    for (scenario, _), result in sorted(by_cell.items()):
        for env, counts in result.perturbations.items():
            total = totals[scenario, env]
            total.update({f"rows left out, {reason}": n for reason, n in counts.left_out.items()})
            for draws in counts.draws.values():
                total.update({"draws": draws["draws"], "draws rejected": draws["rejected"]})
            total["rows kept"] += int(result.metrics.get(env, {}).get("rows", 0))
    for (scenario, env), total in totals.items():
        yield f"{scenario}/{env}: " + ", ".join(f"{n} {what}" for what, n in sorted(total.items()) if n)


def shared_test_notes(units: int) -> Iterable[str]:
    """Yields a note if all seeds test the same units, so many of them; see `BoardCounts.shared_units`."""
    if units:
        yield f"all seeds test the same {units} units: intervals are over training draws and over these units"


def stale_notes(stale: list[Record], outdated: Mapping[str, str]) -> Iterable[str]:
    """Returns a note per version that made stale records; see `record_selection.superseded`."""
    counts = Counter(outdated[r.key] for r in stale)
    return sorted(f"{n} stale record{'s' if n > 1 else ''}, made by {made_by}" for made_by, n in counts.items())


def _incomplete_seeds(common: set[ScenarioSeed], cells: set[ScenarioSeed], scored: set[str]) -> Iterable[str]:
    """Yields a note on the seeds that count in no score, and the cells that they lack."""
    if seeds := {seed for _, seed in common - cells}:
        required = {(scenario, seed) for scenario, _ in common for seed in seeds if scenario in scored}
        which = f"seed{'s' if len(seeds) > 1 else ''} {', '.join(map(str, sorted(seeds)))}"
        missing = tables.join_cells(sorted(required - common))
        yield f"{which} in no score: at least half of the methods have no record of {missing}"


def _uncommon_cells(
    by_cell: Mapping[str, tuple[list[Record], list[Record]]], common: set[ScenarioSeed]
) -> Iterable[str]:
    """Yields one line per method with cells that at least half of the methods lack; they count in no score."""
    for name, (one, _) in sorted(by_cell.items()):
        if extra := sorted({scenario_and_seed(r) for r in one} - common):
            yield f"{name}: cells that at least half of the methods lack count in no score: {tables.join_cells(extra)}"


def display_names(records: list[Record]) -> dict[str, str]:
    """Returns the display name of each record's method, by the record's key.

    A method of a family may have records of several contents, such as a program before and after a change. Each content
    then has its own name.
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


def core_hours(records: Iterable[Record]) -> str:
    """Returns the core-hours of cells as text. A shared step counts for every cell that used it, not only once."""
    kinds = {
        "tuning": "compute_seconds",
        "scoring": "predict_seconds",
        "scoring trials that were not selected": "trial_scoring_seconds",
        "shared steps, charged to each cell": "shared_seconds",
    }
    provenances = [record.provenance for record in records]
    return ", ".join(
        f"{sum(getattr(p, name) for p in provenances) / 3600:.2f} of {kind}" for kind, name in kinds.items()
    )


def _provenance(records: list[Record]) -> dict[str, str]:
    def distinct(values: Iterable[str]) -> str:
        counts = Counter(values)
        texts = [f"{value} ({n} records)" if len(counts) > 1 else value for value, n in sorted(counts.items())]
        return ", ".join(texts) or "unknown"

    return {
        "processor": distinct(r.provenance.machine.get("processor", "unknown") for r in records),
        "packages": distinct(
            " ".join(f"{name} {v}" for name, v in sorted(r.provenance.packages.items())) for r in records
        ),
        "source digest": distinct(r.provenance.source.get("digest", "unknown")[:12] for r in records),
        "core-hours": core_hours(records),
        "records": str(len(records)),
    }
