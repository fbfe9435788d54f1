"""A board as Markdown, as JSON and as a table in the terminal."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.board.collect import Board, Row
from harness.board.diagnostics import diagnostics, figure
from harness.metrics import area_under_time

if TYPE_CHECKING:
    from rich.table import Table

HEADER = """# Leaderboard

Regenerated from `results/official/` by `harness leaderboard`; do not edit. Score: mean over shift types, scenarios and
shifted environments of macro-F1, with its 95 % interval over folds of disjoint CVEs. ID: macro-F1 where nothing shifts.
"""


def _score(row: Row) -> str:
    if row.score is None:
        return "–"
    half = row.score.half_width
    return figure(row.score.mean) + ("" if half is None else f" ± {half:.3f}")


def _cells(row: Row) -> str:
    parts = [
        f"{count} {word}"
        for count, word in (
            (len(row.failed), "failed"),
            (row.missing, "missing"),
            (row.not_applicable, "not applicable"),
            (row.stale, "stale"),
        )
        if count
    ]
    return ", ".join(parts) or "all done"


def headline(board: Board) -> tuple[list[str], list[list[str]]]:
    """Returns the header and the lines of a board's main table, as text."""
    header = ["rank", "method", "score", "worst environment", "ID", "gap", "trials", "compute s", "shared s", "cells"]
    lines = [
        [
            "–" if row.rank is None else str(row.rank),
            row.method,
            _score(row),
            "–" if row.worst is None else f"{figure(row.worst[0])} ({row.worst[1]})",
            figure(row.id),
            figure(row.gap),
            str(row.trials),
            f"{row.compute_seconds:.1f}",
            f"{row.shared_seconds:.1f}",
            _cells(row) + (f"; {row.why_unranked}" if row.why_unranked and row.kind != "ranked" else ""),
        ]
        for row in board.rows
    ]
    return header, lines


def by_environment(board: Board, scenario: str) -> tuple[list[str], list[list[str]]]:
    """Returns the header and the lines of one scenario's table of environments."""
    columns = [column for column in board.columns if column[0] == scenario]
    windows = [column for column in columns if column[1].startswith("test.")]
    header = ["method", *(env for _, env in columns), *(["area under time"] if len(windows) > 1 else [])]
    lines = []
    for row in board.rows:
        over_time = [value for c in windows if (value := row.figure(c)) is not None]
        area = [figure(area_under_time(over_time) if len(over_time) == len(windows) else None)] if windows else []
        lines.append([row.method, *(figure(row.figure(c)) for c in columns), *area])
    return header, lines


def failures(board: Board) -> list[str]:
    """Returns one line per failed cell."""
    return [f"{row.method} on {place}: {reason}" for row in board.rows for place, reason in sorted(row.failed.items())]


def title(board: Board) -> str:
    """Returns what the board is of, in one line."""
    seeds = f"{len(board.seeds)} seed{'s' if len(board.seeds) != 1 else ''}"
    return (
        f"{board.benchmark}, corpus {board.corpus[:8]} · preset {board.preset} · {seeds} · {board.trials} trials, "
        f"{board.seconds:g} s per cell" + ("" if board.ranked else " · a smoke test, not a ranking")
    )


def markdown(boards: Sequence[Board]) -> str:
    """Returns the whole leaderboard as Markdown."""
    parts = [HEADER]
    for board in boards:
        parts.append(f"## {_escape(title(board))}\n")
        parts.append(_table(*headline(board)))
        for scenario, shift in board.scenarios.items():
            parts.append(f"### {scenario} (shift: {shift}), macro-F1 by environment\n")
            parts.append(_table(*by_environment(board, scenario)))
        for caption, header, lines in diagnostics(board):
            parts.append(f"### {caption}\n")
            parts.append(_table(header, lines))
        parts += [_bullets("Perturbed and excised rows", board.left_out)]
        parts += [_bullets("Failed cells (they score as `majority`)", failures(board))]
        parts += [_bullets("Left out", board.notes)]
        parts += [
            _bullets("Provenance", [f"corpus {board.corpus[:16]}", *(f"{k}: {v}" for k, v in board.provenance.items())])
        ]
    if not boards:
        parts.append("No records yet.\n")
    return "\n".join(part for part in parts if part)


def _bullets(heading: str, lines: Sequence[str]) -> str:
    return f"### {heading}\n\n" + "".join(f"- {_escape(line)}\n" for line in lines) if lines else ""


def _table(header: list[str], lines: list[list[str]]) -> str:
    rows = [header, ["---"] * len(header), *lines]
    return "".join("| " + " | ".join(_escape(cell) for cell in row) + " |\n" for row in rows)


def _escape(text: str) -> str:
    for character in "\\`|<>[]*":
        text = text.replace(
            character, f"\\{character}" if character not in "<>" else {"<": "&lt;", ">": "&gt;"}[character]
        )
    return " ".join(text.split())


def to_json(boards: Sequence[Board]) -> list[dict[str, Any]]:
    """Returns the boards as plain JSON values."""
    return [
        {
            "benchmark": board.benchmark,
            "corpus": board.corpus,
            "preset": board.preset,
            "ranked": board.ranked,
            "trials": board.trials,
            "seconds": board.seconds,
            "seeds": list(board.seeds),
            "scenarios": dict(board.scenarios),
            "probes": [{"view": v, "environment": e, "macro_f1": value} for (v, e), value in board.probes.items()],
            "left_out": list(board.left_out),
            "notes": list(board.notes),
            "provenance": dict(board.provenance),
            "methods": [_row_json(row) for row in board.rows],
        }
        for board in boards
    ]


def _row_json(row: Row) -> dict[str, Any]:
    environments: dict[str, dict[str, Mapping[str, float]]] = {}
    for (scenario, env), figures in sorted(row.figures.items()):
        environments.setdefault(scenario, {})[env] = figures
    return {
        "method": row.method,
        "version": row.version,
        "kind": row.kind,
        "rank": row.rank,
        "why_unranked": row.why_unranked,
        "score": None if row.score is None else {"mean": row.score.mean, "half_width": row.score.half_width},
        "worst_environment": None if row.worst is None else {"name": row.worst[1], "macro_f1": row.worst[0]},
        "id": row.id,
        "gap": row.gap,
        "environments": environments,
        "trials": row.trials,
        "compute_seconds": round(row.compute_seconds, 3),
        "shared_seconds": round(row.shared_seconds, 3),
        "failed": dict(row.failed),
        "missing": row.missing,
        "not_applicable": row.not_applicable,
        "stale": row.stale,
    }


def terminal_tables(board: Board) -> "list[tuple[str, Table]]":
    """Returns the board's tables for a terminal, each with its caption: a table would wrap it to its own width."""
    tables: list[tuple[str, list[str], list[list[str]]]] = [(title(board), *headline(board))]
    for scenario, shift in board.scenarios.items():
        tables.append((f"{scenario} (shift: {shift}), macro-F1", *by_environment(board, scenario)))
    return [(caption, _terminal_table(header, lines)) for caption, header, lines in (*tables, *diagnostics(board))]


def _terminal_table(header: list[str], lines: list[list[str]]) -> "Table":
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE, pad_edge=False)
    for name in header:
        table.add_column(name, no_wrap=name in ("method", "score"), overflow="fold")
    for line in lines:
        table.add_row(*(Text(cell) for cell in line))
    return table
