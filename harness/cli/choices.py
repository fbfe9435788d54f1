"""What the options of a run choose: methods, benchmark, scenarios' additions, and how much of the machine."""

from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

from harness.cli import options
from harness.errors import UserError, nearest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.benchmark import BenchmarkRef
    from harness.data.corpus import CorpusMeta
    from harness.method import MethodInfo
    from harness.scenario import ScenarioSpec
    from harness.scenarios.perturbed import Extras

GROUPS: dict[str, str] = {"all": "ranked", "controls": "control", "heavy": "heavy"}
Number = TypeVar("Number", int, float)


def benchmark_ref(
    bench: str, mapping: list[str] | None, where: list[str] | None, strict: bool = False
) -> "BenchmarkRef":
    """Reads ``--bench``, ``--map``, ``--where`` and ``--strict``.

    Raises:
        UserError: one of them is malformed.
    """
    from harness.benchmark import BenchmarkRef

    name, colon, argument = bench.partition(":")
    if not name:
        raise UserError(f"--bench {bench!r}: a benchmark's name or files:PATH is needed.")
    return BenchmarkRef(name, argument if colon else None, options.mapping(mapping), options.where(where), strict)


def with_others(
    ref: "BenchmarkRef",
    target: str,
    target_map: list[str] | None,
    target_where: list[str] | None,
    text: str,
    text_map: list[str] | None,
) -> "BenchmarkRef":
    """Adds ``--target`` and ``--text`` with their maps to a reference.

    Raises:
        UserError: one of them is malformed, or a map has nothing to map.
    """
    from dataclasses import replace

    if (target_map or target_where) and not target:
        raise UserError("--target-map and --target-where belong to --target; name it too.")
    if text_map and not text:
        raise UserError("--text-map belongs to --text; name it too.")
    return replace(
        ref,
        target=benchmark_ref(target, target_map, target_where, ref.strict) if target else None,
        text=benchmark_ref(text, text_map, None, ref.strict) if text else None,
    )


def choose_methods(text: str, labels: "Mapping[str, str]", timeout: float | None) -> "list[MethodInfo]":
    """Returns the named methods; `GROUPS` names all of a kind, plug-ins included.

    Args:
        text: names, and references to families (``FAMILY:ARGUMENT``).
        labels: what the answers of the latter mean.
        timeout: seconds that they may be silent; None is the default.

    Raises:
        UserError: a name is unknown, or none is given; a reference names nothing that can be used; labels or a timeout
            are given, and no reference.
    """
    from harness import registry
    from harness.method import ANSWER_TIMEOUT, MethodRef

    silence = positive("--timeout", timeout, ANSWER_TIMEOUT)
    chosen: dict[str, MethodInfo] = {}
    for name in options.names(text):
        if kind := GROUPS.get(name):
            chosen.update({n: info for n, info in registry.methods().items() if info.kind == kind})
        elif ":" in name:
            family, _, argument = name.partition(":")
            chosen[name] = registry.open_method(MethodRef(family, argument, labels, silence))
        else:
            chosen[name] = registry.method(name)
    if not chosen:
        raise UserError("--method: name at least one method, or all.")
    option = "--labels" if labels else "--timeout" if timeout is not None else ""
    if option and not any(info.ref for info in chosen.values()):
        families = ", ".join(f"{i.name}:{i.argument}" for i in registry.families().values())
        raise UserError(f"{option} is about the answers of your own classifier; --method names none ({families}).")
    return list(chosen.values())


def check_targets(labels: "Mapping[str, str]", corpus: "CorpusMeta") -> None:
    """Refuses a class of ``--labels`` that neither the corpus nor the taxonomy knows.

    Raises:
        UserError: naming the label and the nearest classes.
    """
    from harness.data.taxonomy import ANCHORS
    from harness.method import NO_OPINION

    known = {NO_OPINION, *corpus.classes, *ANCHORS}
    for theirs, ours in labels.items():
        if ours not in known:
            raise UserError(f"--labels {theirs}={ours}: {ours} is no class; {nearest(ours, list(corpus.classes))}")


def require(info: "MethodInfo") -> None:
    """Refuses a method that lacks a package, or whatever else it checks for.

    Raises:
        UserError: saying what to install, or what the method says.
    """
    import importlib.util

    for package in (module.split(".")[0] for module in info.requires):
        if importlib.util.find_spec(package) is None:
            raise UserError(f"method {info.name} needs the Python package {package}; install it first.")
    info.factory().check()


def extras(perturb: str, depth: int | None, draws: int | None, diagnostics: bool) -> "Extras":
    """Reads ``--perturb``, ``--depth``, ``--draws`` and ``--diagnostics``.

    Raises:
        UserError: one of them is out of its range or has nothing to perturb, or a suite's parsers are not installed.
    """
    from harness.perturbations import suite
    from harness.scenarios.perturbed import Extras

    suites = options.names(perturb)
    for option, value, most in (("--depth", depth, 3), ("--draws", draws, 100)):
        if value is not None and not 1 <= value <= most:
            raise UserError(f"{option} {value}: a number from 1 to {most} is needed.")
        if value is not None and not suites:
            raise UserError(f"{option} {value} belongs to --perturb SUITE; name one too.")
    if any(perturbation.tier == "B" for name in suites for perturbation in suite(name)):
        from harness import oracles

        oracles.require()
    return Extras(tuple(suites), depth or Extras.depth, draws or Extras.draws, diagnostics)


def probe_work(
    scenarios: "Sequence[ScenarioSpec]", corpus: "CorpusMeta"
) -> "list[tuple[ScenarioSpec, Sequence[MethodInfo]]]":
    """Returns the views of the scenarios, each with the one method that probes them."""
    from harness import registry
    from harness.data.payload_parts import PROBES
    from harness.scenarios.input_views import CUES, LEARNER, viewed

    learner = [registry.method(LEARNER)]
    out: list[tuple[ScenarioSpec, Sequence[MethodInfo]]] = []
    for spec in (spec for spec in scenarios if not spec.view):
        has_cues = corpus.cues or any(name.startswith("flip.") for name in spec.environments)
        out += [(viewed(spec, view), learner) for view in (*PROBES, *((CUES,) if has_cues else ()))]
    return out


def positive(option: str, value: Number | None, default: Number) -> Number:
    """Returns a number that was given, or the default.

    Raises:
        UserError: it is not above 0.
    """
    if value is None:
        return default
    if not 0 < value < 1e9:
        raise UserError(f"{option} {value}: a number above 0 is needed.")
    return value


def one_of(option: str, text: str, kind: Any) -> Any:
    """Returns the text where it is one of a literal type's values.

    Raises:
        UserError: it is none of them.
    """
    if text not in get_args(kind):
        raise UserError(f"{option} {text} is unknown; known: {', '.join(get_args(kind))}")
    return text


def cluster(executor: str, address: str) -> str | None:
    """Reads ``--executor`` and ``--ray-address``: the address of a Ray cluster, "" for one of this machine alone.

    Returns:
        None where cells run on this machine without Ray.

    Raises:
        UserError: the executor is unknown, or has no use for the address.
    """
    if one_of("--executor", executor, Literal["local", "ray"]) == "ray":
        return address
    if address:
        raise UserError(f"--ray-address {address} belongs to --executor ray; name it too.")
    return None


def cores() -> int:
    """Returns how many processor cores this process may use."""
    import os

    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def fair_share(workers: int) -> int:
    """Nine tenths of the machine's memory, shared by the workers; in bytes."""
    import psutil

    return int(psutil.virtual_memory().total * 0.9 / workers)
