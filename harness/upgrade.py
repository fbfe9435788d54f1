"""Reads records of older schemas: each step turns the plain values of one version into those of the next."""

from collections.abc import Callable
from typing import Any

from harness.record import SCHEMA


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


_STEPS: dict[Any, Callable[[dict[str, Any]], dict[str, Any]]] = {1: _from_1}
assert max(_STEPS) + 1 == SCHEMA
