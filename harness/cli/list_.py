"""``harness list``: lists registered methods, benchmarks and scenarios."""

import typer

from harness.cli import options, printing
from harness.cli.verbs import Verb, VerbGroup

list_app = typer.Typer(cls=VerbGroup, no_args_is_help=True)


@list_app.callback()
def list_() -> None:
    """List methods, benchmarks or scenarios."""


@list_app.command(cls=Verb)
def methods(plugin: options.Plugin = None) -> None:
    """List the methods and their search spaces.

    The last lines are families, such as FAMILY:PATH, which wrap a classifier of yours as a method.
    """
    from harness import registry, space
    from harness.api.methods import not_installed

    registry.discover(plugin or [])
    lines = [
        [
            i.name,
            str(i.version),
            i.kind,
            " ".join(sorted(i.tags)) or "–",
            " ".join(space.describe(i.space)) or "–",
            i.summary,
        ]
        for i in registry.methods().values()
    ]
    lines += [
        [f"{i.name}:{i.argument}", str(i.version), i.kinds, "–", "–", i.summary] for i in registry.families().values()
    ]
    printing.print_table(["method", "version", "kind", "tags", "searched", "summary"], lines)
    for note in not_installed(registry.methods().values()):
        printing.say(f"not installed: {note}")


@list_app.command(cls=Verb)
def benchmarks(plugin: options.Plugin = None) -> None:
    """List the benchmarks."""
    from harness import registry

    registry.discover(plugin or [])
    lines = [[f"{i.name}:{i.argument}" if i.argument else i.name, i.summary] for i in registry.benchmarks().values()]
    printing.print_table(["benchmark", "summary"], lines)


@list_app.command(cls=Verb)
def scenarios(
    bench: options.Bench = "synthetic",
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
    """List the scenarios of a benchmark.

    The last lines are scenarios that it does not offer, and what it lacks for them.
    """
    from harness import registry
    from harness.api.benchmarks import open_benchmark

    registry.discover(plugin or [])
    data = options.data_options(mapping, where, strict, target, target_map, target_where, text, text_map)
    benchmark = open_benchmark(bench, data)
    lines = [[s.name, s.shift, " ".join(s.environments), s.summary] for s in benchmark.scenarios()]
    lines += [[name, "–", "not offered", reason] for name, reason in benchmark.unavailable().items()]
    printing.print_table(["scenario", "shift", "environments", "summary"], lines)
