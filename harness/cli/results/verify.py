"""``harness results verify``: reruns stored cells with the current code and compares the results."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options, printing
from harness.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from harness.benchmark import Benchmark
    from harness.data.corpus import CorpusMeta
    from harness.execution.cell import Cell
    from harness.execution.rerun import RerunVerdict
    from harness.records.schema import Record


def verify(
    results: Annotated[Path, typer.Option(metavar="DIR", help="Results folder.")] = Path("results/official"),
    method: Annotated[str, typer.Option(metavar="NAME,…", help="Methods (default: all in the folder).")] = "",
    cells: Annotated[
        int,
        typer.Option(metavar="N", help="Cells to rerun per method."),
    ] = 1,
    bench: Annotated[
        str,
        typer.Option("--bench", metavar="CORPUS", help="Data of the records, as in run.", rich_help_panel=options.DATA),
    ] = "",
    mapping: options.Map = None,
    where: options.Where = None,
    strict: options.Strict = False,
    target: options.Target = "",
    target_map: options.TargetMap = None,
    target_where: options.TargetWhere = None,
    text: options.Text = "",
    text_map: options.TextMap = None,
    allow_external: options.AllowExternal = False,
    plugin: options.Plugin = None,
) -> None:
    """Rerun stored cells and compare the results.

    Reruns a few cells per method with the current code: first cells that ran on this processor model, then the
    cheapest ones. Programs, modules and services that records name are listed, and only opened with --allow-external.

    Exit code 0: every result is the same. 1: a result differs, a cell could not be rerun, or a record cannot be
    read; the lines say why.
    """
    from harness import registry
    from harness.api.results import read_records
    from harness.boards.rules import is_stale
    from harness.execution.rerun import choose_records
    from harness.protocol import RERUN_TOLERANCE
    from harness.records.provenance import processor

    if not 0 < cells < 1_000_000:
        raise UserError(f"--cells {cells}: the value must be above 0.")
    plugins = tuple(str(Path(path).resolve()) for path in plugin or [])
    registry.discover(plugins)
    console = printing.terminal()
    contents = read_records(results)
    printing.say_unreadable(contents.unreadable)
    records = _of_methods(contents.records, options.names(method))
    data = options.data_options(mapping, where, strict, target, target_map, target_where, text, text_map)
    corpora = _corpora(records, options.named_corpus(bench, data))
    other = sorted({record.cell.benchmark for record in records} - set(corpora))
    selection = choose_records((r for r in records if r.cell.benchmark in corpora), cells, is_stale, processor())
    if not selection:
        raise UserError(
            f"--results {results}: there is no completed record of "
            f"{' or '.join(corpora) or 'a benchmark that needs no data'}{_other_data(other)}."
        )
    if other:
        printing.say(f"note: some records are not rerun{_other_data(other)}")
    if allow_external:
        _print_external(selection)
    verdicts = _verdicts(console, selection, corpora, plugins, allow_external)
    printing.print_table(
        ["method", "cell", "verdict"],
        [[v.cell.method, f"{v.cell.benchmark}, {v.cell.scenario}, seed {v.cell.seed}", v.text] for v in verdicts],
    )
    differing = sum(v.rerun and not v.same for v in verdicts)
    unable = sum(not v.rerun for v in verdicts)
    if not differing and not unable:
        near = sum(not v.exact for v in verdicts)
        precision = f", {near} of them within {RERUN_TOLERANCE} of macro-F1" if near else ", to the last digit"
        printing.say(f"The current code reproduces the stored results of all {len(verdicts)} cells{precision}.")
    if differing:
        printing.say(f"The current code does not reproduce the stored results of {differing} of {len(verdicts)} cells.")
    if unable:
        printing.say(f"{unable} of {len(verdicts)} cells could not be rerun; the table says why.")
    raise typer.Exit(1 if differing or unable or contents.unreadable else 0)


def _other_data(benchmarks: "Sequence[str]") -> str:
    if not benchmarks:
        return ""
    return f"; for the records of {', '.join(benchmarks)} give --bench CORPUS and the --map of their run"


def _of_methods(records: "list[Record]", names: list[str]) -> "list[Record]":
    from harness.errors import nearest

    methods = {record.cell.method for record in records}
    for name in names:
        if name not in methods:
            raise UserError(f"--method {name}: this method has no record; {nearest(name, sorted(methods))}")
    return [record for record in records if not names or record.cell.method in names]


def _print_external(records: "list[Record]") -> None:
    """Prints what the records' methods name outside of the harness, before any of it is opened."""
    from harness.execution.recorded_methods import external_of

    for names in external_of(records):
        printing.say(f"note: --allow-external: opening {names}")


def _corpora(records: "list[Record]", named: "Benchmark | None") -> "dict[str, tuple[Benchmark, CorpusMeta]]":
    """Opens the corpora of the records: the given one, or else every benchmark that needs only its name."""
    from harness import registry
    from harness.benchmark import BenchmarkRef

    names = {record.cell.benchmark for record in records}
    embedded = [info.name for info in registry.benchmarks().values() if info.argument is None and info.name in names]
    benchmarks = [named] if named else [registry.open_benchmark(BenchmarkRef(name)) for name in embedded]
    return {meta.name: (benchmark, meta) for benchmark in benchmarks for meta in (benchmark.meta(),)}


def _verdicts(
    console: "Console",
    records: "list[Record]",
    corpora: "dict[str, tuple[Benchmark, CorpusMeta]]",
    plugins: tuple[str, ...],
    allow_external: bool,
) -> "list[RerunVerdict]":
    from harness.execution.recorded_methods import NotRebuilt
    from harness.execution.rerun import RerunVerdict, compare, rebuild

    cells: dict[str, Cell] = {}
    reasons: dict[str, str] = {}
    for record in records:
        try:
            cells[record.key] = rebuild(record, *corpora[record.cell.benchmark], allow_external)
        except NotRebuilt as reason:
            reasons[record.key] = str(reason)
    reruns = _rerun(console, list(cells.values()), plugins)
    return [
        compare(record, reruns[record.key])
        if record.key in reruns
        else RerunVerdict(record.cell, False, reasons.get(record.key, "the record of the rerun was not written"), False)
        for record in records
    ]


def _rerun(console: "Console", cells: "list[Cell]", plugins: tuple[str, ...]) -> "dict[str, Record]":
    """Runs cells as `harness run` does, into a temporary folder, and returns their records by key."""
    import tempfile

    from harness.api.prepared_run import PreparedRun, cores, execute, fair_share
    from harness.execution.plan import Plan
    from harness.records.store import Store

    plan, workers = Plan(tuple(cells), {}), cores()
    with tempfile.TemporaryDirectory(prefix="harness-verify-") as folder:
        tally = execute(PreparedRun(plan, Store(Path(folder)), workers, fair_share(workers), plugins=plugins), console)
    if tally.interrupted:
        printing.say("Interrupted; nothing was kept.")
        raise typer.Exit(130)
    return {record.key: record for record in tally.records}
