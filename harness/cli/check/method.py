"""``harness check method``: runs the conformance suite on a method."""

from pathlib import Path
from typing import Annotated

import typer

from harness.cli import options, printing


def method(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Name of the registered method.")],
    plugin: options.Plugin = None,
    seconds: Annotated[float, typer.Option(metavar="S", help="Time limit per check.")] = 120,
    memory: Annotated[
        str | None, typer.Option(metavar="GB|none", help="Memory limit (default: 90% of this machine).")
    ] = None,
    verbose: Annotated[bool, typer.Option("--verbose", help="Also print the method's output and tracebacks.")] = False,
) -> None:
    """Run the conformance suite on a method.

    Prints one line per check. The checks train on small generated data.

    Exit code 0: every check that applies has passed. 1: a check failed; its line says why.
    """
    from collections import Counter

    from harness import registry
    from harness.api.methods import check_requirements
    from harness.api.prepared_run import memory_limit, positive
    from harness.testing.check_process import open_check_process, run_checks
    from harness.testing.suite import CHECKS

    seconds = positive("--seconds", seconds, seconds)
    limit = memory_limit(options.memory(memory), 1)
    plugins = tuple(str(Path(path).resolve()) for path in plugin or [])
    registry.discover(plugins)
    info = registry.method(name)
    check_requirements([info])
    summaries = {check.name: check.summary for check in CHECKS}
    counts: Counter[str] = Counter()
    with open_check_process(info, plugins, seconds, limit) as process:
        for outcome in run_checks(process):
            counts[outcome.status] += 1
            text = f"{summaries[outcome.name]}: {outcome.text}" if outcome.text else summaries[outcome.name]
            line = f"{outcome.status:<15} {outcome.name:<20} {outcome.seconds:6.1f} s  {text}"
            printing.say(line)
        if verbose and process.log:
            for line in process.log.splitlines():
                printing.say(line)
    totals = ", ".join(f"{counts[status]} {status}" for status in ("passed", "failed", "not-applicable"))
    printing.say(f"{name}: {totals.replace('-', ' ')}.")
    raise typer.Exit(1 if counts["failed"] else 0)
