"""``harness results budget``: shows the budget that each method was given and what it used."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options, printing
from harness.errors import UserError

if TYPE_CHECKING:
    from harness.boards.budget_use import BudgetUse
    from harness.boards.model import Setting
    from harness.records.schema import Record

_LEGEND = (
    "budget: trials and compute seconds of all cells; compute s: tuning per cell, without shared steps; shared s: mean "
    "recorded cost per cell of the shared steps that it used, counted in full; s per cell: mean of both; × median: "
    "divided by that of the median method; max of cap: largest fraction of its seconds that a cell used, shared steps "
    "included."
)


def budget(
    results: Annotated[Path, typer.Option(metavar="DIR", help="Results folder.")] = Path("results/official"),
    by: Annotated[
        str, typer.Option(metavar="method|scenario", help="One line per method, or also per scenario.")
    ] = "method",
    plugin: options.Plugin = None,
) -> None:
    """Show the budget that each method was given and used.

    Also checks that all methods of a corpus were given the same budget and that no cell used more than 1.5 times its
    seconds.

    Exit code 0: both hold. 1: one does not, or a record cannot be read; the lines say where.
    """
    from harness import registry
    from harness.api.results import read_records
    from harness.boards.budget_use import budget_use, by_board, findings, share_of_seconds
    from harness.boards.build import core_hours
    from harness.boards.rules import is_stale

    if by not in ("method", "scenario"):
        raise UserError(f"--by {by}: the value must be method or scenario.")
    registry.discover(plugin or [])
    contents = read_records(results)
    printing.say_unreadable(contents.unreadable)
    stored = contents.records
    records = [record for record in stored if not is_stale(record)]
    if not records:
        raise UserError(f"--results {results}: all {len(stored)} records are of older versions; run their cells again.")
    for setting, members in by_board(records).items():
        printing.say(_title(setting))
        lines = budget_use(members, by_scenario=by == "scenario")
        printing.print_table(*_table(lines, by == "scenario"))
        printing.say(f"Core-hours: {core_hours(members)}.")
    printing.say(_LEGEND)
    for line in _notes(stored, records):
        printing.say(f"note: {line}")
    problems = findings(records)
    for sentence in problems:
        printing.say(sentence)
    if not problems:
        largest = max((share_of_seconds(record) for record in records if record.result), default=0.0)
        printing.say(
            "All methods of a corpus had the same budget on the same scenarios and seeds, and no cell used more than "
            f"{largest:.2f} times its compute seconds."
        )
    raise typer.Exit(1 if problems or contents.unreadable else 0)


def _title(setting: "Setting") -> str:
    protocol, benchmark, corpus, preset, trials, seconds, sampler, pruner, precision, _ = setting
    return (
        f"{benchmark} (corpus {corpus[:12]}) · protocol {protocol} · preset {preset} · each cell {trials} trials and "
        f"{seconds:g} compute seconds · sampler {sampler}, pruner {pruner} · {precision}"
    )


def _table(lines: "list[BudgetUse]", by_scenario: bool) -> tuple[list[str], list[list[str]]]:
    header = [
        *(["scenario", "method"] if by_scenario else ["method"]),
        *("cells", "budget", "trials", "ended by", "compute s: median", "max"),
        *("shared s", "s per cell", "× median", "max of cap"),
    ]
    return header, [
        [
            *([line.scenario, line.method] if by_scenario else [line.method]),
            f"{line.cells}" + (f" ({line.failed} failed)" if line.failed else ""),
            f"{line.trials_requested}, {line.cells * line.seconds:g} s",
            ", ".join(f"{count} {state}" for state, count in sorted(line.trials.items())) or "–",
            ", ".join(f"{limit} {count}" for limit, count in sorted(line.ended_by.items())) or "–",
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


def _notes(stored: "list[Record]", records: "list[Record]") -> list[str]:

    stale, views = len(stored) - len(records), sum(bool(record.cell.view) for record in records)
    failed = sum(record.status == "failed" for record in records)
    return [
        text
        for count, text in (
            (stale, f"{stale} stale records are not counted (another version of their method or of the protocol)"),
            (
                views,
                f"{views} records of probes (SCENARIO@VIEW) are not in the tables; their budget is checked as well",
            ),
            (failed, f"{failed} cells failed; their records do not hold what they used"),
        )
        if count
    ]
