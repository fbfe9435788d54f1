"""``harness budget``: what each method was asked and what it spent."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.errors import UserError

if TYPE_CHECKING:
    from harness.leaderboard.budget_use import BudgetUse
    from harness.leaderboard.build import Setting
    from harness.records.schema import Record

_LEGEND = (
    "asked: trials and compute seconds of all cells; compute s: of tuning, per cell, without shared steps; shared s: "
    "mean recorded cost, in full, of the shared steps a cell used; s per cell: mean of both; × median: over that of "
    "the median method; most of cap: the largest share of its seconds that a cell spent in tuning."
)


def budget(
    results: Annotated[Path, typer.Option(metavar="DIR", help="Folder of records.")] = Path("results/official"),
    by: Annotated[
        str, typer.Option(metavar="method|scenario", help="A line per method, or one per scenario and method.")
    ] = "method",
    plugin: options.Plugin = None,
) -> None:
    """Say what each method was asked and what it spent, and whether all methods of a corpus were asked the same.

    Exit code 0: they were, and no cell spent more than 1.5 times its seconds. 1: not so; a sentence says where.
    """
    from harness import registry
    from harness.leaderboard.budget_use import budget_use, by_board, findings, share_of_seconds
    from harness.leaderboard.build import core_hours
    from harness.leaderboard.rules import is_stale

    if by not in ("method", "scenario"):
        raise UserError(f"--by {by}: method or scenario is needed.")
    registry.discover(plugin or [])
    every = options.records_in(results)
    records = [record for record in every if not is_stale(record)]
    if not records:
        raise UserError(f"--results {results}: all {len(every)} records are of older versions; run their cells again.")
    console = options.terminal()
    for setting, members in by_board(records).items():
        console.print(_title(setting), markup=False, soft_wrap=True)
        lines = budget_use(members, by_scenario=by == "scenario")
        options.print_table(*_table(lines, by == "scenario"))
        console.print(f"Core-hours: {core_hours(members)}.", soft_wrap=True)
    console.print(_LEGEND, soft_wrap=True)
    for line in _notes(every, records):
        console.print(f"note: {line}", markup=False, soft_wrap=True)
    found = findings(records)
    for sentence in found:
        console.print(sentence, markup=False, soft_wrap=True)
    if not found:
        most = max((share_of_seconds(record) for record in records if record.result), default=0.0)
        console.print(
            "All methods of a corpus were asked the same wherever they ran on the same, and no cell spent more than "
            f"{most:.2f} times its compute seconds.",
            soft_wrap=True,
        )
    raise typer.Exit(1 if found else 0)


def _title(setting: "Setting") -> str:
    benchmark, corpus, preset, trials, seconds, sampler, pruner, precision, _ = setting
    return (
        f"{benchmark} (corpus {corpus[:12]}) · preset {preset} · each cell {trials} trials and {seconds:g} compute "
        f"seconds · sampler {sampler}, pruner {pruner} · {precision}"
    )


def _table(lines: "list[BudgetUse]", by_scenario: bool) -> tuple[list[str], list[list[str]]]:
    header = [
        *(["scenario", "method"] if by_scenario else ["method"]),
        *("cells", "asked", "trials", "ended by", "compute s: median", "most"),
        *("shared s", "s per cell", "× median", "most of cap"),
    ]
    return header, [
        [
            *([line.scenario, line.method] if by_scenario else [line.method]),
            f"{line.cells}" + (f" ({line.failed} failed)" if line.failed else ""),
            f"{line.trials_requested}, {line.cells * line.seconds:g} s",
            ", ".join(f"{count} {state}" for state, count in sorted(line.trials.items())) or "–",
            ", ".join(f"{what} {count}" for what, count in sorted(line.ended_by.items())) or "–",
            *("–" if line.compute is None else f"{seconds:.1f}" for seconds in line.compute or (0.0, 0.0)),
            _number(line.shared, 1),
            _number(line.per_cell, 1),
            _number(line.ratio, 2),
            _number(line.max_share, 2),
        ]
        for line in lines
    ]


def _number(value: float | None, digits: int) -> str:
    return "–" if value is None else f"{value:.{digits}f}"


def _notes(every: "list[Record]", records: "list[Record]") -> list[str]:
    from harness.scenarios.input_views import AT

    stale, views = len(every) - len(records), sum(AT in record.cell.scenario for record in records)
    failed = sum(record.status == "failed" for record in records)
    return [
        text
        for count, text in (
            (stale, f"{stale} stale records left out (another version of their method or of the protocol)"),
            (
                views,
                f"{views} records of probes (SCENARIO@VIEW) are in no table; what they spent is checked all the same",
            ),
            (failed, f"{failed} cells failed; what a failed cell spent is not in its record"),
        )
        if count
    ]
