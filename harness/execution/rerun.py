"""Reruns cells from their records and compares the results, to check that today's code reproduces them."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from harness.benchmark import Benchmark
from harness.data.corpus import CorpusMeta
from harness.errors import UserError
from harness.execution.budget import Budget
from harness.execution.cell import Cell, missing_for
from harness.execution.devices import why_absent
from harness.execution.plan import choose_scenarios
from harness.execution.recorded_methods import NotRebuilt, method_of
from harness.method import Precision
from harness.protocol import RERUN_TOLERANCE
from harness.records.schema import CPU, CellInfo, PerturbationOptions, Record, Result
from harness.scenario import Sizes
from harness.scenarios.perturbed import NO_PERTURBED, PerturbedOptions, with_perturbed

_SINCE_3 = {
    "units",
    "counts",
    "confidence",
    "flips",
    "perturbations",
    "occlusion",
}  # fields that schemas before 3 lack or store in less detail
_MOST_DIFFERENCES = 3  # differences that a verdict lists


@dataclass(frozen=True)
class RerunVerdict:
    """The result of rerunning a cell.

    Attributes:
        cell: description of the cell.
        same: whether today's code reproduces the stored result.
        text: how closely it does, or what differs.
        rerun: whether the cell could be run again.
        exact: whether both results are identical to the last digit.
    """

    cell: CellInfo
    same: bool
    text: str
    rerun: bool = True
    exact: bool = False


def choose_records(
    records: Iterable[Record], count: int, is_stale: Callable[[Record], bool], processor: str
) -> list[Record]:
    """Returns the ``count`` cheapest done records of each method, in a deterministic order.

    Records of this processor model come first, since their results must be reproduced to the last digit; stale records
    come last.
    """

    def cost(record: Record) -> tuple[object, ...]:
        cell, provenance = record.cell, record.provenance
        other_processor = provenance.machine.get("processor") != processor
        return is_stale(record), other_processor, provenance.compute_seconds, cell.scenario, cell.seed, record.key

    by_method: dict[str, list[Record]] = {}
    for record in sorted((r for r in records if r.status == "done"), key=cost):
        by_method.setdefault(record.cell.method, []).append(record)
    return [record for _, group in sorted(by_method.items()) for record in group[:count]]


def rebuild(record: Record, benchmark: Benchmark, corpus: CorpusMeta, allow_external: bool = False) -> Cell:
    """Returns the cell of a record, as today's code plans it.

    Args:
        record: the record.
        benchmark: the benchmark of its data.
        corpus: metadata of the benchmark's corpus.
        allow_external: see `method_of`.

    Raises:
        NotRebuilt: the method, the scenario, a perturbation suite or the device does not exist here, or the cell has
            another key today.
    """
    info = record.cell
    method = method_of(info, allow_external)
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
        device=info.device,
        perturbed=perturbed,
        missing=missing_for(method, corpus),
    )
    if cell.key != record.key:
        raise NotRebuilt(f"another cell today: {', '.join(_key_differences(info, cell.info))}")
    if problem := why_absent(info.device):
        raise NotRebuilt(f"it ran on {info.device}, and {problem}")
    if cell.missing:
        raise NotRebuilt(f"not applicable today: {cell.missing}")
    return cell


def _perturbed_options(info: CellInfo) -> PerturbedOptions:
    """Returns the perturbed environments that the run added.

    Raises:
        NotRebuilt: the record has an older schema, without the options of its perturbed environments.
    """
    suites = tuple(sorted(e.subject for e in info.environments.values() if e.kind == "perturbed"))
    if suites and info.perturbations is None:
        raise NotRebuilt("the record has an older schema, without the depth and draws of its perturbations")
    perturbations = info.perturbations or PerturbationOptions(depth=NO_PERTURBED.depth, draws=NO_PERTURBED.draws)
    return PerturbedOptions(
        suites, perturbations.depth, perturbations.draws, any(e.kind == "excised" for e in info.environments.values())
    )


def _key_differences(stored: CellInfo, today: CellInfo) -> Iterator[str]:
    """Yields a description of each difference between two cells."""
    parts = [
        f"{_words(place)} {_short(old)} → {_short(new)}"
        for place, old, new in _differences(stored.model_dump(), today.model_dump())
    ]
    yield from parts or ["the search space, the schema of the record or the record itself was changed"]


def compare(stored: Record, today: Record) -> RerunVerdict:
    """Compares the record of a rerun with the stored one.

    On the same processor model, with the same package versions and without a time limit that was reached, results must
    be identical to the last digit, unless they were computed on a GPU. Otherwise the macro-F1 of every environment may
    differ by `RERUN_TOLERANCE`. Notes are not compared: they are sentences for readers, whose wording may change
    without a change of the result.
    """

    def verdict(same: bool, text: str, exact: bool = False) -> RerunVerdict:
        return RerunVerdict(stored.cell, same, text, exact=exact)

    if stored.result is None or today.result is None:
        return verdict(False, f"fails today: {today.failure.reason if today.failure else 'no result'}")
    without = set() if stored.result.confidence and today.result.confidence else _SINCE_3
    differing = _differences(_figures(stored.result, without), _figures(today.result, without))
    if not differing:
        return verdict(True, "identical", exact=True)
    reasons = ", ".join(_tolerance_reasons(stored, today))
    if reasons and not (beyond := _beyond_tolerance(stored.result, today.result)):
        return verdict(True, f"macro-F1 within {RERUN_TOLERANCE} ({reasons})")
    if reasons:
        differing = beyond
    first = differing[:_MOST_DIFFERENCES]
    listing = "; ".join(f"{_words(place)} {_short(old)} → {_short(new)}" for place, old, new in first)
    more = f" and {len(differing) - len(first)} more" if len(differing) > len(first) else ""
    return verdict(False, f"differs: {listing}{more}" + (f" ({reasons})" if reasons else ""))


FieldPath = tuple[str, ...]
Difference = tuple[FieldPath, Any, Any]
_ABSENT = object()


def _figures(result: Result, without: set[str]) -> dict[str, Any]:
    """Returns the plain values of a result but its notes; metrics first, so that a verdict names them first."""
    plain = result.model_dump(mode="json", exclude={*without, "notes"})
    first = ("metrics", "params", "best_trial", "trials")
    return {name: plain[name] for name in (*first, *(name for name in plain if name not in first))}


def _differences(old: Any, new: Any, place: FieldPath = ()) -> list[Difference]:
    """Returns every difference of two nested plain values: path, old value, new value."""
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        pairs = [(key, old.get(key, _ABSENT), new.get(key, _ABSENT)) for key in dict.fromkeys((*old, *new))]
    elif _is_list(old) and _is_list(new) and len(old) == len(new):
        pairs = [(str(index), *pair) for index, pair in enumerate(zip(old, new, strict=True))]
    else:
        return [] if old == new else [(place, old, new)]
    return [difference for key, a, b in pairs for difference in _differences(a, b, (*place, str(key)))]


def _is_list(value: Any) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _beyond_tolerance(stored: Result, today: Result) -> list[Difference]:
    """Returns the macro-F1 values that differ by more than the tolerance, or exist in only one of the results."""
    old, new = (
        {("metrics", env, "macro_f1"): figures["macro_f1"] for env, figures in result.metrics.items()}
        for result in (stored, today)
    )
    return [
        (place, old.get(place, _ABSENT), new.get(place, _ABSENT))
        for place in dict.fromkeys((*old, *new))
        if place not in old or place not in new or abs(old[place] - new[place]) > RERUN_TOLERANCE
    ]


def _tolerance_reasons(stored: Record, today: Record) -> Iterator[str]:
    """Yields the reasons why two runs of a cell may differ slightly: processor, GPU, package versions, time limits."""
    old, new = stored.provenance, today.provenance
    if stored.cell.device != CPU:
        yield f"computed on {stored.cell.device}"
    if old.machine.get("processor") != new.machine.get("processor"):
        yield "another processor model"
    pins = {name: (version, new.packages[name]) for name, version in old.packages.items() if name in new.packages}
    pins["python"] = old.machine.get("python", "unknown"), new.machine.get("python", "unknown")
    pins.pop("shortcut-harness", None)  # the code of this package is what is verified
    changed = [f"{name} {a} → {b}" for name, (a, b) in sorted(pins.items()) if a != b]
    if changed:
        yield f"other pins: {', '.join(changed)}"
    if any(record.result and record.result.limited_by == "seconds" for record in (stored, today)):
        yield "a time limit was reached"


def _words(place: FieldPath) -> str:
    return "/".join(place)


def _short(value: Any) -> str:
    text = "absent" if value is _ABSENT else str(value)
    return text if len(text) <= 24 else f"{text[:21]}…"
