"""``harness verify``: whether today's code still gives the stored results."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from harness.benchmark import Benchmark, BenchmarkRef
    from harness.data.corpus import CorpusMeta
    from harness.execution.cell import Cell
    from harness.execution.rerun import RerunVerdict
    from harness.records.schema import Record


def verify(
    results: Annotated[Path, typer.Option(metavar="DIR", help="Folder of records.")] = Path("results/official"),
    method: Annotated[str, typer.Option(metavar="a,b", help="Only these methods; all of the folder by default.")] = "",
    cells: Annotated[
        int,
        typer.Option(metavar="N", help="Cells to rerun per method: of this processor model first, then the cheapest."),
    ] = 1,
    bench: Annotated[
        str, typer.Option("--bench", metavar="CORPUS", help="Where the records' data lies, as in run: files:PATH.")
    ] = "",
    mapping: options.Map = None,
    where: options.Where = None,
    strict: options.Strict = False,
    target: options.Target = "",
    target_map: options.TargetMap = None,
    target_where: options.TargetWhere = None,
    text: options.Text = "",
    text_map: options.TextMap = None,
    plugin: options.Plugin = None,
) -> None:
    """Rerun a few cells per method from their records, and say whether today's code still gives the stored results.

    Exit code 0: it does, for all of them. 1: a result differs, or a cell could not be rerun; the table says why.
    """
    from harness import registry
    from harness.api.benchmarks import reference
    from harness.execution.rerun import choose
    from harness.leaderboard.rules import is_stale
    from harness.protocol import RERUN_TOLERANCE
    from harness.records.provenance import processor

    if not 0 < cells < 1_000_000:
        raise UserError(f"--cells {cells}: a number above 0 is needed.")
    if not bench and (mapping or where or target or text):
        raise UserError("--map, --where, --target and --text belong to --bench CORPUS; name it too.")
    plugins = tuple(str(Path(path).resolve()) for path in plugin or [])
    registry.discover(plugins)
    console = options.terminal()
    records = _of_methods(options.records_in(results), options.names(method))
    given = None
    if bench:
        data = options.data_options(mapping, where, strict, target, target_map, target_where, text, text_map)
        given = reference(bench, data)
    corpora = _corpora(records, given)
    passed = sorted({record.cell.benchmark for record in records} - set(corpora))
    chosen = choose((r for r in records if r.cell.benchmark in corpora), cells, is_stale, processor())
    if not chosen:
        raise UserError(
            f"--results {results}: no done record of {' or '.join(corpora) or 'a benchmark that needs no data named'} "
            f"is there{_elsewhere(passed)}."
        )
    if passed:
        console.print(f"note: not looked at{_elsewhere(passed)}", markup=False, soft_wrap=True)
    verdicts = _verdicts(console, chosen, corpora, plugins)
    options.print_table(
        ["method", "cell", "verdict"],
        [[v.cell.method, f"{v.cell.benchmark}, {v.cell.scenario}, seed {v.cell.seed}", v.text] for v in verdicts],
    )
    differing = sum(v.rerun and not v.same for v in verdicts)
    unable = sum(not v.rerun for v in verdicts)
    if not differing and not unable:
        near = sum(not v.exact for v in verdicts)
        rest = f", {near} of them within {RERUN_TOLERANCE} of macro-F1" if near else ", to the last digit"
        console.print(f"Today's code gives the stored result of all {len(verdicts)} cells{rest}.")
    if differing:
        console.print(f"Today's code does not give the stored result of {differing} of {len(verdicts)} cells.")
    if unable:
        console.print(f"{unable} of {len(verdicts)} cells could not be rerun; the table says why.")
    raise typer.Exit(1 if differing or unable else 0)


def _elsewhere(benchmarks: "Sequence[str]") -> str:
    if not benchmarks:
        return ""
    return f"; for the records of {', '.join(benchmarks)} name the data with --bench CORPUS and the --map of their run"


def _of_methods(records: "list[Record]", names: list[str]) -> "list[Record]":
    from harness.errors import nearest

    there = {record.cell.method for record in records}
    for name in names:
        if name not in there:
            raise UserError(f"--method {name}: there is no record of it; {nearest(name, sorted(there))}")
    return [record for record in records if not names or record.cell.method in names]


def _corpora(records: "list[Record]", given: "BenchmarkRef | None") -> "dict[str, tuple[Benchmark, CorpusMeta]]":
    """Opens what the records are of: the given corpus, or else every benchmark that needs nothing but its name."""
    from harness import registry
    from harness.benchmark import BenchmarkRef

    named = {record.cell.benchmark for record in records}
    known = [info.name for info in registry.benchmarks().values() if info.argument is None and info.name in named]
    opened = [registry.open_benchmark(ref) for ref in ([given] if given else map(BenchmarkRef, known))]
    return {meta.name: (benchmark, meta) for benchmark in opened for meta in (benchmark.meta(),)}


def _verdicts(
    console: "Console",
    records: "list[Record]",
    corpora: "dict[str, tuple[Benchmark, CorpusMeta]]",
    plugins: tuple[str, ...],
) -> "list[RerunVerdict]":
    from harness.execution.rerun import NotRebuilt, RerunVerdict, compare, rebuild

    cells: dict[str, Cell] = {}
    unable: dict[str, str] = {}
    for record in records:
        try:
            cells[record.key] = rebuild(record, *corpora[record.cell.benchmark])
        except NotRebuilt as reason:
            unable[record.key] = str(reason)
    today = _rerun(console, list(cells.values()), plugins)
    return [
        compare(record, today[record.key])
        if record.key in today
        else RerunVerdict(record.cell, False, unable.get(record.key, "its record of today could not be written"), False)
        for record in records
    ]


def _rerun(console: "Console", cells: "list[Cell]", plugins: tuple[str, ...]) -> "dict[str, Record]":
    """Runs cells as `harness run` does, into a folder that is gone afterwards, and returns their records by key."""
    import tempfile

    from harness.api.prepared_run import PreparedRun, cores, execute, fair_share
    from harness.execution.plan import Plan
    from harness.records.store import Store

    plan, workers = Plan(tuple(cells), {}), cores()
    with tempfile.TemporaryDirectory(prefix="harness-verify-") as folder:
        tally = execute(PreparedRun(plan, Store(Path(folder)), workers, fair_share(workers), plugins=plugins), console)
    if tally.interrupted:
        console.print("Interrupted; nothing was kept.")
        raise typer.Exit(130)
    return {record.key: record for record in tally.records}
