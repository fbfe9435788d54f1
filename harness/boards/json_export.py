"""Converts boards to JSON values for ``leaderboard.json``; docs/leaderboard.md describes the schema."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from math import isfinite
from typing import Any

from harness.boards import curve_tables
from harness.boards.learning_curves import LearningCurves
from harness.boards.model import Board, Effect, Row, ScenarioSeed
from harness.boards.verdicts import sentence
from harness.statistics.contrasts import Claim
from harness.statistics.intervals import Interval
from harness.statistics.robustness import Robustness

SCHEMA = 3
_DIGITS = 6  # hides differences in the last bits between machines


def to_json(boards: Sequence[Board], files: Mapping[str, str], curves: Sequence[LearningCurves] = ()) -> dict[str, Any]:
    """Returns the boards as JSON values.

    Args:
        boards: in the order of the page.
        files: digest of each record's file by its path in the results folder.
        curves: learning curves of the folder; without any, there is no key for them.
    """
    plain = {"schema_version": SCHEMA, "boards": [_board(board) for board in boards], "records": dict(files)}
    rounded: dict[str, Any] = _rounded(plain)
    return rounded | ({"curves": curves_to_json(curves)} if curves else {})


def curves_to_json(curves: Sequence[LearningCurves]) -> list[dict[str, Any]]:
    """Returns learning curves as JSON values."""
    rounded: list[dict[str, Any]] = _rounded([curve_tables.to_json(each) for each in curves])
    return rounded


def _board(board: Board) -> dict[str, Any]:
    return {
        "protocol": board.setting.protocol,
        "benchmark": board.setting.benchmark,
        "corpus": board.setting.corpus,
        "preset": board.setting.preset,
        "ranked": board.ranked,
        "trials": board.setting.trials,
        "seconds": board.setting.seconds,
        "sampler": board.setting.sampler,
        "pruner": board.setting.pruner,
        "precision": board.setting.precision,
        "sizes": list(board.setting.sizes),
        "seeds": list(board.seeds),
        "scenarios": dict(board.scenarios),
        "methods": [_row(row, board) for row in board.rows],
        "claims": [_claim(claim) for claim in board.claims],
        "effects": [_effect(effect) for effect in board.effects],
        "effective_robustness": None if board.robustness is None else _robustness(board.robustness),
        "probes": [{"view": v, "environment": e, "macro_f1": value} for (v, e), value in board.probes.items()],
        "perturbation_counts": list(board.perturbation_counts),
        "notes": list(board.notes),
        "provenance": dict(board.provenance),
    }


def _row(row: Row, board: Board) -> dict[str, Any]:
    environments: dict[str, dict[str, Mapping[str, float]]] = {}
    for (scenario, env), metrics in sorted(row.metrics.items()):
        environments.setdefault(scenario, {})[env] = metrics
    return {
        "method": row.method,
        "version": row.version,
        "kind": row.kind,
        "tags": list(row.tags),
        "track": row.track,
        "rank": row.rank,
        "rank_interval": None if row.ranks is None else list(row.ranks),
        "letters": row.letters,
        "unranked_reason": row.unranked_reason,
        "score": _interval(row.score),
        "score_by_seed": {str(seed): value for seed, value in sorted(row.by_seed.items())},
        "score_by_shift": {
            shift: {**(_interval(value) or {}), "rank": row.shift_ranks.get(shift)}
            for shift, value in row.by_shift.items()
        },
        "default_score": _interval(row.default),
        "selection_gap": row.selection_gap,
        "not_default": row.not_default,
        "inputs": dict(sorted(row.inputs.items())),
        "unread": row.unread,
        "score_bootstrap": None if row.bootstrap is None else list(row.bootstrap),
        "worst_environment": None if row.worst is None else {"name": row.worst[1], "macro_f1": row.worst[0]},
        "components": None if row.components is None else row.components._asdict(),
        "worst_tenth": _interval(row.worst_tenth),
        "worst_group": None
        if row.worst_group is None
        else {**row.worst_group._asdict(), "accuracy": row.worst_group.accuracy},
        "calibration_error": {"id": row.calibration[0], "shifted": row.calibration[1]},
        "id": row.id,
        "gap": row.gap,
        "effective_robustness": _effective(row, board.robustness),
        "environments": environments,
        "validation_curve": list(row.curve),
        "cost": asdict(row.cost),
        "done": row.done,
        "failed": {_cell(place): reason for place, reason in row.failed.items()},
        "missing": [_cell(place) for place in row.missing],
        "not_applicable": row.not_applicable,
        "stale": row.stale,
    }


def _cell(place: ScenarioSeed) -> str:
    return f"{place[0]}, seed {place[1]}"


def _claim(claim: Claim) -> dict[str, Any]:
    return {
        "method": claim.method,
        "verdict": claim.verdict,
        "level": claim.level,
        "sentence": sentence(claim),
        "scenarios": list(claim.scenarios),
        "exclusions": list(claim.exclusions),
        "contrasts": [
            {
                **asdict(step),
                "difference": _interval(step.difference),
                "posterior": None if step.posterior is None else step.posterior._asdict(),
            }
            for step in claim.contrasts
        ],
    }


def _effect(effect: Effect) -> dict[str, Any]:
    differences = {"id": effect.id, "shifted": effect.shifted, "flip_rate": effect.flip_rate}
    plain = {name: {at: _interval(value) for at, value in intervals.items()} for name, intervals in differences.items()}
    return {"method": effect.method, "base": effect.base, **plain}


def _interval(value: Interval | None) -> dict[str, float | None] | None:
    return None if value is None else {"mean": value.mean, "half_width": value.half_width}


def _robustness(robustness: Robustness) -> dict[str, Any]:
    plain = asdict(robustness)
    return {name: plain[name] for name in ("baselines", "line", "unavailable_reason")}


def _effective(row: Row, robustness: Robustness | None) -> dict[str, Any] | None:
    if robustness is None or row.method not in robustness.effective:
        return None
    low, high = robustness.band[row.method]
    return {"difference": robustness.effective[row.method], "band_low": low, "band_high": high}


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, _DIGITS) if isfinite(value) else None  # JSON has no infinities
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list | tuple) else value
