"""The board's tables beside the ranking: how far methods follow cues, fail under perturbation, need the attack."""

from collections.abc import Iterator

from harness.board.collect import Board, Row
from harness.derived import ATTACK, EXCISED, PERTURBED
from harness.scenario import SEEN, UNSEEN

Table = tuple[str, list[str], list[list[str]]]  # caption, header, lines


def figure(value: float | None) -> str:
    """Returns a macro-F1 or a share to three digits, a dash where there is none."""
    return "–" if value is None else f"{value:.3f}"


def diagnostics(board: Board) -> list[Table]:
    """Returns the tables that the board's records have figures for."""
    found = [
        *(table for scenario in board.scenarios for table in (_cues(board, scenario), _perturbed(board, scenario))),
        *(_attack(board, scenario) for scenario in board.scenarios),
        *(_zero_shot(board, scenario) for scenario in board.scenarios),
        _probes(board),
    ]
    return [table for table in found if table is not None]


def _columns(board: Board, scenario: str, metric: str) -> list[str]:
    """Environments of a scenario that have a metric, in order."""
    rows = board.rows
    return sorted({env for row in rows for (name, env), f in row.figures.items() if name == scenario and metric in f})


def _lines(board: Board, environments: list[str], cells: "Iterator[list[str]]") -> list[list[str]]:
    return [[row.method, *line] for row, line in zip(board.rows, cells, strict=True)] if environments else []


def _cues(board: Board, scenario: str) -> Table | None:
    environments = _columns(board, scenario, "cue_follow")
    if not environments:
        return None

    def cell(row: Row, env: str) -> str:
        column = (scenario, env)
        return f"{figure(row.figure(column, 'flip_rate'))} / {figure(row.figure(column, 'cue_follow'))}"

    header = ["method", *(env.removeprefix("flip.") for env in environments)]
    lines = _lines(board, environments, ([cell(row, env) for env in environments] for row in board.rows))
    return f"{scenario}: flip rate / cue-follow, by cue", header, lines


def _perturbed(board: Board, scenario: str) -> Table | None:
    environments = [env for env in _columns(board, scenario, "worst_case") if env.startswith(PERTURBED)]
    if not environments:
        return None
    metrics = ("base_macro_f1", "macro_f1", "worst_case", "flip_rate")

    def cell(row: Row, env: str) -> str:
        return " / ".join(figure(row.figure((scenario, env), metric)) for metric in metrics)

    header = ["method", *(env.removeprefix(PERTURBED) for env in environments)]
    lines = _lines(board, environments, ([cell(row, env) for env in environments] for row in board.rows))
    return f"{scenario}: macro-F1 as it was / perturbed / worst draw / flip rate, by suite", header, lines


def _attack(board: Board, scenario: str) -> Table | None:
    if not _columns(board, scenario, "attack_attribution"):
        return None
    header = ["method", "attack cut out", "attack alone", "hangs on the attack", "attack's share of the bytes"]
    cells = (
        [
            figure(row.figure((scenario, EXCISED))),
            figure(row.figure((scenario, ATTACK))),
            figure(row.figure((scenario, EXCISED), "attack_attribution")),
            figure(row.figure((scenario, EXCISED), "attack_share")),
        ]
        for row in board.rows
    )
    return f"{scenario}: macro-F1 without the attack, with it alone; occlusion", header, _lines(board, header, cells)


def _zero_shot(board: Board, scenario: str) -> Table | None:
    if not _columns(board, scenario, "harmonic_mean"):
        return None
    header = ["method", "seen classes", "unseen classes", "harmonic mean"]
    places = ((SEEN, "balanced_accuracy"), (UNSEEN, "balanced_accuracy"), (UNSEEN, "harmonic_mean"))
    cells = ([figure(row.figure((scenario, env), metric)) for env, metric in places] for row in board.rows)
    return f"{scenario}: balanced accuracy, all classes being candidates", header, _lines(board, header, cells)


def _probes(board: Board) -> Table | None:
    if not board.probes:
        return None
    environments = sorted({env for _, env in board.probes})
    views = sorted({view for view, _ in board.probes})
    lines = [[view, *(figure(board.probes.get((view, env))) for env in environments)] for view in views]
    return "Probes: macro-F1 of a learner that sees a part of the input", ["view", *environments], lines
