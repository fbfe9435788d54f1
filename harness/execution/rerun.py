"""Reruns of cells from their records: whether today's code still gives the stored results."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from harness import registry
from harness.benchmark import Benchmark
from harness.data.corpus import CorpusMeta
from harness.errors import UserError
from harness.execution.budget import Budget
from harness.execution.cell import Cell, missing_for
from harness.execution.plan import choose_scenarios
from harness.method import ANSWER_TIMEOUT, MethodInfo, MethodRef, Precision
from harness.protocol import RERUN_TOLERANCE
from harness.records.schema import CellInfo, PerturbationOptions, Record, Result
from harness.scenario import Sizes
from harness.scenarios.perturbed import NO_PERTURBED, PerturbedOptions, with_perturbed

_SINCE_3 = {"units", "counts", "confidence", "flips", "perturbations", "occlusion"}  # what older schemas kept less of
_SHOWN = 3  # differing figures that a verdict names


class NotRebuilt(Exception):
    """Today's code has no such cell; says why."""


@dataclass(frozen=True)
class RerunVerdict:
    """What became of a cell's rerun.

    Attributes:
        cell: method, scenario and seed.
        same: whether today's code gives the stored result.
        text: in what way, or what differs.
        rerun: whether there is a result of today.
        exact: whether it is the stored one to the last digit.
    """

    cell: CellInfo
    same: bool
    text: str
    rerun: bool = True
    exact: bool = False


def choose(records: Iterable[Record], count: int, is_stale: Callable[[Record], bool], processor: str) -> list[Record]:
    """Returns the cheapest done records of each method; the same for the same folder and processor model.

    Those made on that processor model come first, since they have to be met to the last digit; stale ones last.
    """

    def cost(record: Record) -> tuple[object, ...]:
        cell, made = record.cell, record.provenance
        elsewhere = made.machine.get("processor") != processor
        return is_stale(record), elsewhere, made.compute_seconds, cell.scenario, cell.seed, record.key

    by_method: dict[str, list[Record]] = {}
    for record in sorted((r for r in records if r.status == "done"), key=cost):
        by_method.setdefault(record.cell.method, []).append(record)
    return [record for _, found in sorted(by_method.items()) for record in found[:count]]


def rebuild(record: Record, benchmark: Benchmark, corpus: CorpusMeta) -> Cell:
    """Returns the cell that a record is of, as today's code plans it.

    Raises:
        NotRebuilt: the method, the scenario or a perturbation suite is not there, or the cell has another key today.
    """
    info = record.cell
    method = method_of(info)
    try:
        (spec,) = choose_scenarios(benchmark, [info.scenario], quick=False)
        perturbed = NO_PERTURBED if spec.view else _perturbed_options(info)
    except UserError as error:
        raise NotRebuilt(str(error)) from error
    cell = Cell(
        method=method,
        benchmark=benchmark.pinned(),
        corpus=corpus,
        scenario=with_perturbed(spec, perturbed),
        seed=info.seed,
        budget=Budget.of(info),
        sizes=Sizes(*info.sizes),
        preset=info.preset,
        precision=cast(Precision, info.precision),
        perturbed=perturbed,
        missing=missing_for(method, corpus),
    )
    if cell.key != record.key:
        raise NotRebuilt(f"another cell today: {', '.join(_moved(info, cell.info))}")
    if cell.missing:
        raise NotRebuilt(f"not applicable today: {cell.missing}")
    return cell


def method_of(info: CellInfo) -> MethodInfo:
    """Returns the method of a record as it is today.

    Raises:
        NotRebuilt: it is not there, or what stands behind it cannot be opened.
    """
    family, colon, argument = info.method.partition(":")
    if info.method not in registry.methods() and family not in registry.families():
        raise NotRebuilt("no method of this name is registered; a plug-in needs --plugin FILE")
    if not colon:
        return registry.method(info.method)
    adapter = info.adapter or {}
    ref = MethodRef(family, argument, adapter.get("labels", {}), adapter.get("timeout", ANSWER_TIMEOUT))
    try:
        return registry.open_method(ref)
    except UserError as error:
        raise NotRebuilt(str(error)) from error


def _perturbed_options(info: CellInfo) -> PerturbedOptions:
    """Returns what the run added.

    Raises:
        NotRebuilt: the record is of an older schema, which did not keep how its perturbed environments were made.
    """
    suites = tuple(sorted(e.subject for e in info.environments.values() if e.kind == "perturbed"))
    if suites and info.perturbations is None:
        raise NotRebuilt("its record is of an older schema, without depth and draws of its perturbations")
    made = info.perturbations or PerturbationOptions(depth=NO_PERTURBED.depth, draws=NO_PERTURBED.draws)
    return PerturbedOptions(
        suites, made.depth, made.draws, any(e.kind == "excised" for e in info.environments.values())
    )


def _moved(stored: CellInfo, today: CellInfo) -> Iterator[str]:
    """Says which parts of a key differ."""
    parts = [
        f"{_words(place)} {_short(old)} → {_short(new)}"
        for place, old, new in _differences(stored.model_dump(), today.model_dump())
    ]
    yield from parts or ["its search space, its record's schema or the record itself was changed"]


def compare(stored: Record, today: Record) -> RerunVerdict:
    """Returns whether a rerun gave the stored result.

    To the last digit on one processor model and one set of pins where no time limit bound; else macro-F1 of every
    environment may differ by `RERUN_TOLERANCE`.
    """

    def verdict(same: bool, text: str, exact: bool = False) -> RerunVerdict:
        return RerunVerdict(stored.cell, same, text, exact=exact)

    if stored.result is None or today.result is None:
        return verdict(False, f"fails today: {today.failure.reason if today.failure else 'no result'}")
    without = set() if stored.result.confidence and today.result.confidence else _SINCE_3
    differing = _differences(_figures(stored.result, without), _figures(today.result, without))
    if not differing:
        return verdict(True, "identical", exact=True)
    lenient = ", ".join(_circumstances(stored, today))
    if lenient and not (far := _far(stored.result, today.result)):
        return verdict(True, f"macro-F1 within {RERUN_TOLERANCE} ({lenient})")
    if lenient:
        differing = far
    shown = "; ".join(f"{_words(place)} {_short(old)} → {_short(new)}" for place, old, new in differing[:_SHOWN])
    more = f" and {len(differing) - _SHOWN} more" if len(differing) > _SHOWN else ""
    return verdict(False, f"differs: {shown}{more}" + (f" ({lenient})" if lenient else ""))


FieldPath = tuple[str, ...]
Difference = tuple[FieldPath, Any, Any]
_ABSENT = object()


def _figures(result: Result, without: set[str]) -> dict[str, Any]:
    """The plain values of a result, those that a reader looks at first in front."""
    plain = result.model_dump(mode="json", exclude=without)
    first = ("metrics", "params", "best_trial", "trials")
    return {name: plain[name] for name in (*first, *(name for name in plain if name not in first))}


def _differences(old: Any, new: Any, place: FieldPath = ()) -> list[Difference]:
    """Lists where two plain values differ, and how."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        pairs = [(key, old.get(key, _ABSENT), new.get(key, _ABSENT)) for key in dict.fromkeys((*old, *new))]
    elif _is_list(old) and _is_list(new) and len(old) == len(new):
        pairs = [(str(index), *pair) for index, pair in enumerate(zip(old, new, strict=True))]
    else:
        return [] if old == new else [(place, old, new)]
    return [found for key, a, b in pairs for found in _differences(a, b, (*place, str(key)))]


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _far(stored: Result, today: Result) -> list[Difference]:
    """The macro-F1s that differ by more than the tolerance, or are there on one side only."""
    old, new = (
        {("metrics", env, "macro_f1"): figures["macro_f1"] for env, figures in result.metrics.items()}
        for result in (stored, today)
    )
    return [
        (place, old.get(place, _ABSENT), new.get(place, _ABSENT))
        for place in dict.fromkeys((*old, *new))
        if place not in old or place not in new or abs(old[place] - new[place]) > RERUN_TOLERANCE
    ]


def _circumstances(stored: Record, today: Record) -> Iterator[str]:
    """Why two runs of a cell may differ in the last digits."""
    old, new = stored.provenance, today.provenance
    if old.machine.get("processor") != new.machine.get("processor"):
        yield "another processor model"
    pins = {name: (version, new.packages[name]) for name, version in old.packages.items() if name in new.packages}
    pins["python"] = old.machine.get("python", "unknown"), new.machine.get("python", "unknown")
    pins.pop("shortcut-harness", None)  # its code is what is verified
    changed = [f"{name} {a} → {b}" for name, (a, b) in sorted(pins.items()) if a != b]
    if changed:
        yield f"other pins: {', '.join(changed)}"
    if any(record.result and record.result.limited_by == "seconds" for record in (stored, today)):
        yield "a time limit bound"


def _words(place: FieldPath) -> str:
    return "/".join(place)


def _short(value: Any) -> str:
    text = "absent" if value is _ABSENT else str(value)
    return text if len(text) <= 24 else f"{text[:21]}…"
