"""``harness audit``: which shortcuts a dataset offers, before anyone trains on it."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from harness.cli import options
from harness.errors import UserError

if TYPE_CHECKING:
    from rich.console import Console

    from harness.audit.examine import Audit
    from harness.benchmark import Benchmark
    from harness.scenario import ScenarioSpec

SEEDS = 3


def audit(
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help="A benchmark's name, or files:PATH.")],
    mapping: options.Map = None,
    where: options.Where = None,
    strict: options.Strict = False,
    scenario: Annotated[
        str, typer.Option(metavar="a,b|all", help="Scenarios by name; by default those of the preset quick.")
    ] = "",
    seeds: Annotated[
        str | None, typer.Option(metavar="N|A-B|A,B", help=f"How many draws of each, or which; {SEEDS} by default.")
    ] = None,
    learner: Annotated[str, typer.Option(metavar="METHOD", help="The method that probes.")] = "tfidf-logreg",
    top: Annotated[int, typer.Option(metavar="K", help="Most cues per class.")] = 8,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Write audit.json and audit.md there; nothing by default.")
    ] = None,
    fail_on: Annotated[
        str | None,
        typer.Option("--fail-on", metavar="NAME=VALUE,…", help="Exit 1 when a figure is above, as leaks=0,cue=0.5."),
    ] = None,
    plugin: options.Plugin = None,
) -> None:
    """Say which shortcuts a dataset offers: leaks, what tells the class without the attack, the strongest cues.

    Exit code 0: done, and no threshold of --fail-on was passed. 1: one was. 2: a mistake in the arguments or the data.
    """
    from harness import registry
    from harness.audit import report, verdicts
    from harness.cli.choices import benchmark_ref

    limits = verdicts.thresholds(fail_on)
    if not 0 < top <= 1000:
        raise UserError(f"--top {top}: a number from 1 to 1000 is needed.")
    chosen_seeds = options.seeds(seeds, SEEDS)
    registry.discover(plugin or [])
    benchmark = registry.open_benchmark(benchmark_ref(corpus, mapping, where, strict))
    scenarios = _scenarios(benchmark, options.names(scenario))
    if out is not None and out.exists() and not out.is_dir():
        raise UserError(f"--out {out}: this is a file, and a folder is needed.")
    found = _audited(benchmark, scenarios, chosen_seeds, learner, top)
    if out is not None:
        _write(out, {"audit.json": report.to_json(found), "audit.md": report.card(found)})
    _print(options.terminal(), found)
    if out is not None:
        print(f"wrote {out / 'audit.json'} and {out / 'audit.md'}")
    broken = list(verdicts.broken(verdicts.figures(found), limits))
    for sentence in broken:
        options.terminal().print(f"fail-on: {sentence}", markup=False, soft_wrap=True)
    raise typer.Exit(1 if broken else 0)


def _scenarios(benchmark: "Benchmark", names: list[str]) -> "list[ScenarioSpec]":
    from harness.execution.plan import choose_scenarios

    chosen = choose_scenarios(benchmark, names, quick=True)
    for spec in chosen:
        if spec.view:
            raise UserError(f"--scenario {spec.name}: an audit looks at every view itself; name the scenario alone.")
    return chosen


def _audited(
    benchmark: "Benchmark", scenarios: "list[ScenarioSpec]", seeds: list[int], learner: str, top: int
) -> "Audit":
    from rich.console import Console
    from rich.text import Text

    from harness.audit.examine import audit

    with Console(stderr=True).status(Text("auditing")) as status:  # shows nothing where it is no terminal
        return audit(benchmark, scenarios, seeds, learner, top, lambda what: status.update(Text(what)))


def _print(console: "Console", found: "Audit") -> None:
    from harness.audit import report
    from harness.audit.tables import tables

    console.print(report.title(found), markup=False, soft_wrap=True)
    for line in report.findings(found):
        console.print(f"- {line}", markup=False, soft_wrap=True)
    for caption, note, header, lines in tables(found):
        console.print(f"\n{caption}: {note}.", markup=False, soft_wrap=True)
        options.print_table(header, lines)
    for line in report.notes(found):
        console.print(f"note: {line}", markup=False, soft_wrap=True)


def _write(folder: Path, texts: Mapping[str, str]) -> None:
    """Writes every file under a temporary name first, so that each is whole or as it was."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".writing-", dir=folder) as temporary:
            for name, text in texts.items():
                with (Path(temporary) / name).open("w", encoding="utf-8") as stream:
                    stream.write(text)
                    stream.flush()
                    os.fsync(stream.fileno())
            for name in texts:
                (Path(temporary) / name).replace(folder / name)
    except OSError as error:
        raise UserError(f"--out {folder}: it cannot be written ({error.strerror}).") from error
