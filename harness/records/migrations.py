"""Reads records of older schemas: each step turns the plain values of one version into those of the next."""

from collections.abc import Callable
from typing import Any

from harness.evaluation.counts import metrics_of
from harness.records.consistency import differences
from harness.records.schema import SCHEMA, Result


def upgraded(raw: Any) -> Any:
    """Returns a record's plain values under today's schema; what is no record of a known version stays as it is."""
    while isinstance(raw, dict) and (step := _STEPS.get(raw.get("schema_version"))) is not None:
        raw = step(raw)
    return raw


def _from_1(raw: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had no pruner, and of each trial's cost the compute seconds only."""
    provenance = {name: value for name, value in raw["provenance"].items() if name != "trial_seconds"}
    costs = [
        {"compute_seconds": seconds, "shared_seconds": 0.0, "wall_seconds": 0.0, "peak_memory_mb": 0.0}
        for seconds in raw["provenance"].get("trial_seconds", [])
    ]
    return {
        **raw,
        "schema_version": 2,
        "cell": {**raw["cell"], "pruner": "none"},
        "provenance": {**provenance, "trials": costs},
    }


def _from_2(raw: dict[str, Any]) -> dict[str, Any]:
    """Version 2 had counts as lists by the unit's name, without the confidence, and no counts of flips."""
    result = raw["result"]
    if result is None:
        return {**raw, "schema_version": 3}
    units = sorted({unit for by_unit in result["counts"].values() for unit in by_unit})
    place = {unit: i for i, unit in enumerate(units)}
    counts = {
        env: ";".join(
            f"{place[unit]} {true} {predicted} -1 {rows}"
            for unit, cells in sorted(by_unit.items())
            for true, predicted, rows in cells
        )
        for env, by_unit in result["counts"].items()
    }
    return {**raw, "schema_version": 3, "result": {**result, "units": units, "counts": counts}}


def _from_3(raw: dict[str, Any]) -> dict[str, Any]:
    """Version 3 told views and kinds of environments by their names, and took metrics from the predictions.

    Metrics are computed from the counts, as everywhere since; one that differs by more than the rounding of the counts
    is not what was recorded.

    Raises:
        ValueError: naming such a metric.
    """
    cell = raw["cell"]
    environments = {name: _environment(name, version) for name, version in cell["environments"].items()}
    raw = {
        **raw,
        "schema_version": 4,
        "cell": {**cell, "view": cell["scenario"].partition("@")[2], "environments": environments},
    }
    if raw.get("result") is None:
        return raw
    result = Result.model_validate(raw["result"])
    for place, stated, counted in differences(result, _MILLIONTHS):
        raise ValueError(f"it states {place} = {stated}, and its counts give {counted}")
    counted_metrics = metrics_of(result.tables)
    metrics = {env: {**stated, **counted_metrics.get(env, {})} for env, stated in result.metrics.items()}
    return {**raw, "result": {**raw["result"], "metrics": metrics}}


def _environment(name: str, version: int) -> dict[str, Any]:
    kind, dot, subject = name.partition(".")
    if name in ("excised", "attack-only"):
        return {"version": version, "kind": name}
    if dot and kind in ("flip", "perturbed"):
        return {"version": version, "kind": kind, "subject": subject}
    return {"version": version}


_MILLIONTHS = 2e-5  # sums of confidence and of falls of probability are kept in millionths
_STEPS: dict[Any, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1, 2: _from_2, 3: _from_3}
assert max(_STEPS) + 1 == SCHEMA
