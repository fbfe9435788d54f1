"""Reads records of older schemas: each step turns the plain values of one version into those of the next."""

from collections.abc import Callable
from typing import Any

from harness.records.schema import SCHEMA


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


_STEPS: dict[Any, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1, 2: _from_2}
assert max(_STEPS) + 1 == SCHEMA
