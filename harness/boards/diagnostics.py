"""Tables of the robustness diagnostics: cues, perturbations, occlusion of the attack, probes.

Values are means over the scenarios that have them; ``leaderboard.json`` holds those of each scenario.
"""

from collections.abc import Iterator
from statistics import fmean

from harness.boards.model import Board, Row
from harness.boards.tables import TextTable, format_number
from harness.scenario import ATTACK_ONLY, EXCISED, EnvironmentKind


def diagnostics(board: Board) -> Iterator[TextTable]:
    """Yields the tables that the board's records have values for."""
    yield from _cue_table(board)
    yield from _perturbation_table(board)
    yield from _occlusion_table(board)
    yield from _probe_table(board)


def _where(board: Board, metric: str, kind: EnvironmentKind) -> tuple[list[str], str]:
    """Returns the environments of a kind that have a metric, in order, and the names of their scenarios."""
    names = {name for name, env in board.environments.items() if env.kind == kind}
    columns = {c for row in board.rows for c, m in row.metrics.items() if metric in m and c[1] in names}
    return sorted({env for _, env in columns}), ", ".join(sorted({scenario for scenario, _ in columns}))


def _mean(row: Row, environment: str, metric: str) -> str:
    values = [m[metric] for (_, env), m in sorted(row.metrics.items()) if env == environment and metric in m]
    return format_number(fmean(values) if values else None)


def _cue_table(board: Board) -> Iterator[TextTable]:
    environments, scenarios = _where(board, "cue_follow", "flip")
    if environments:
        header = ["method", *(board.environments[env].subject for env in environments)]
        lines = [
            [row.method, *(f"{_mean(row, env, 'flip_rate')} / {_mean(row, env, 'cue_follow')}" for env in environments)]
            for row in board.rows
        ]
        yield f"Flip rate / cue-follow, by cue (mean over {scenarios})", header, lines


def _perturbation_table(board: Board) -> Iterator[TextTable]:
    environments, scenarios = _where(board, "worst_case", "perturbed")
    if environments:
        metrics = ("base_macro_f1", "macro_f1", "worst_case", "flip_rate")
        header = ["method", *(board.environments[env].subject for env in environments)]
        lines = [
            [row.method, *(" / ".join(_mean(row, env, metric) for metric in metrics) for env in environments)]
            for row in board.rows
        ]
        what = "Macro-F1 unperturbed / perturbed / worst draw, and flip rate, by perturbation suite"
        yield f"{what} (mean over {scenarios})", header, lines


def _occlusion_table(board: Board) -> Iterator[TextTable]:
    environments, scenarios = _where(board, "attack_attribution", "excised")
    if environments:
        header = ["method", "attack removed", "attack only", "attribution to the attack", "attack's share of bytes"]
        columns = (
            (EXCISED, "macro_f1"),
            (ATTACK_ONLY, "macro_f1"),
            (EXCISED, "attack_attribution"),
            (EXCISED, "attack_share"),
        )
        lines = [[row.method, *(_mean(row, env, metric) for env, metric in columns)] for row in board.rows]
        what = "Macro-F1 with the attack removed and with the attack only; occlusion"
        yield f"{what} (mean over {scenarios})", header, lines


def _probe_table(board: Board) -> Iterator[TextTable]:
    if board.probes:
        environments = sorted({env for _, env in board.probes})
        views = sorted({view for view, _ in board.probes})
        lines = [[view, *(format_number(board.probes.get((view, env))) for env in environments)] for view in views]
        yield "Probes: macro-F1 of a learner that sees only a part of the input", ["input view", *environments], lines
