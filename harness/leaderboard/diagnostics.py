"""The board's tables beside the comparison: how far methods follow cues, fail under perturbation, need the attack.

Figures are means over the scenarios that have them; ``leaderboard.json`` holds those of each.
"""

from collections.abc import Iterator
from statistics import fmean

from harness.leaderboard.model import Board, Row
from harness.leaderboard.tables import Table, figure
from harness.scenario import ATTACK_ONLY, EXCISED
from harness.scenarios.perturbed import PERTURBED


def diagnostics(board: Board) -> Iterator[Table]:
    """Yields the tables that the board's records have figures for."""
    yield from _cues(board)
    yield from _perturbed(board)
    yield from _attack(board)
    yield from _probes(board)


def _where(board: Board, metric: str, prefix: str = "") -> tuple[list[str], str]:
    """Environments that have a metric, in order, and the scenarios that they are of, in words."""
    found = {c for row in board.rows for c, f in row.figures.items() if metric in f and c[1].startswith(prefix)}
    return sorted({env for _, env in found}), ", ".join(sorted({scenario for scenario, _ in found}))


def _mean(row: Row, environment: str, metric: str) -> str:
    found = [f[metric] for (_, env), f in sorted(row.figures.items()) if env == environment and metric in f]
    return figure(fmean(found) if found else None)


def _cues(board: Board) -> Iterator[Table]:
    environments, scenarios = _where(board, "cue_follow")
    if environments:
        header = ["method", *(env.removeprefix("flip.") for env in environments)]
        lines = [
            [row.method, *(f"{_mean(row, env, 'flip_rate')} / {_mean(row, env, 'cue_follow')}" for env in environments)]
            for row in board.rows
        ]
        yield f"Flip rate / cue-follow, by cue (mean over {scenarios})", header, lines


def _perturbed(board: Board) -> Iterator[Table]:
    environments, scenarios = _where(board, "worst_case", PERTURBED)
    if environments:
        metrics = ("base_macro_f1", "macro_f1", "worst_case", "flip_rate")
        header = ["method", *(env.removeprefix(PERTURBED) for env in environments)]
        lines = [
            [row.method, *(" / ".join(_mean(row, env, metric) for metric in metrics) for env in environments)]
            for row in board.rows
        ]
        what = "Macro-F1 as it was / perturbed / worst draw / flip rate, by suite"
        yield f"{what} (mean over {scenarios})", header, lines


def _attack(board: Board) -> Iterator[Table]:
    environments, scenarios = _where(board, "attack_attribution")
    if environments:
        header = ["method", "attack cut out", "attack alone", "hangs on the attack", "attack's share of the bytes"]
        figures = (
            (EXCISED, "macro_f1"),
            (ATTACK_ONLY, "macro_f1"),
            (EXCISED, "attack_attribution"),
            (EXCISED, "attack_share"),
        )
        lines = [[row.method, *(_mean(row, env, metric) for env, metric in figures)] for row in board.rows]
        yield f"Macro-F1 without the attack, with it alone; occlusion (mean over {scenarios})", header, lines


def _probes(board: Board) -> Iterator[Table]:
    if board.probes:
        environments = sorted({env for _, env in board.probes})
        views = sorted({view for view, _ in board.probes})
        lines = [[view, *(figure(board.probes.get((view, env))) for env in environments)] for view in views]
        yield "Probes: macro-F1 of a learner that sees a part of the input", ["view", *environments], lines
