"""Migrates records of older schemas: each step converts the plain values of one version to those of the next."""

from collections.abc import Callable
from typing import Any

from harness.evaluation.counts import metrics_of
from harness.records.consistency import differences
from harness.records.schema import SCHEMA, Result


def upgrade(raw: Any) -> Any:
    """Converts the plain values of a record to the current schema; those of an unknown version stay unchanged."""
    while isinstance(raw, dict) and (step := _STEPS.get(raw.get("schema_version"))) is not None:
        raw = step(raw)
    return raw


def _from_1(raw: dict[str, Any]) -> dict[str, Any]:
    """Version 1 had no pruner, and only the compute seconds of each trial's cost."""
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
    """Version 2 had counts as lists by name of the unit, without confidence, and no counts of flips."""
    result = raw["result"]
    if result is None:
        return {**raw, "schema_version": 3}
    units = sorted({unit for by_unit in result["counts"].values() for unit in by_unit})
    index = {unit: i for i, unit in enumerate(units)}
    counts = {
        env: ";".join(
            f"{index[unit]} {true} {predicted} -1 {rows}"
            for unit, cells in sorted(by_unit.items())
            for true, predicted, rows in cells
        )
        for env, by_unit in result["counts"].items()
    }
    return {**raw, "schema_version": 3, "result": {**result, "units": units, "counts": counts}}


def _from_3(raw: dict[str, Any]) -> dict[str, Any]:
    """Version 3 encoded views and kinds of environments in names, and computed metrics from the predictions.

    Metrics are now computed from the counts. A stored metric that differs by more than the rounding of the counts means
    that the record was changed.

    Raises:
        ValueError: a metric differs.
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
        raise ValueError(f"it states {place} = {stated}, but its counts give {counted}")
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


_MILLIONTHS = 2e-5  # the error that the rounding of sums to millionths can cause
_STEPS: dict[Any, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1, 2: _from_2, 3: _from_3}
assert max(_STEPS) + 1 == SCHEMA
