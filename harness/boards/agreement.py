"""Rank agreement: how similarly two leaderboards order the methods (Kendall's tau)."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from statistics import fmean

from scipy.stats import kendalltau

from harness.boards.model import Board, Row
from harness.protocol import FALLBACK

MIN_METHODS = 3  # with two methods, tau is 1 or -1 whatever the scores


@dataclass(frozen=True)
class Agreement:
    """Kendall's tau between two orders of the methods that both boards rank.

    The order from a few folds is noisy, and noise alone makes two orders differ. The mean tau over pairs of single
    seeds, one from each board, is therefore given beside the mean over pairs of seeds of one board: if a board agrees
    with the other as well as with itself, the two orders differ by noise only.

    Attributes:
        methods: their scores on both boards, in the order of the first.
        tau: Kendall's tau-b between the boards' scores.
        p: two-sided p-value of no association, exact if no scores tie.
        between: mean tau over pairs of seeds, one of each board.
        within: mean tau over pairs of seeds of the first and of the second board; None for a board with one seed.
        exclusions: methods of either board that do not count, each with the reason.
    """

    methods: Mapping[str, tuple[float, float]]
    tau: float
    p: float
    between: float
    within: tuple[float | None, float | None]
    exclusions: tuple[str, ...]


def agreement(first: Board, second: Board) -> Agreement:
    """Compares the order of the methods that count on both boards: kind ``ranked``, complete, not the fallback.

    Raises:
        ValueError: there are fewer than three such methods, or all have the same score on a board or in a seed.
    """
    rows = [{row.method: row for row in board.rows} for board in (first, second)]
    methods = [row.method for row in first.rows if all(_counts(by_method.get(row.method)) for by_method in rows)]
    if len(methods) < MIN_METHODS:
        raise ValueError(
            f"both boards share {len(methods)} ranked methods with all cells ({FALLBACK} not counted); "
            f"at least {MIN_METHODS} are required"
        )
    seeds = [
        [[by_method[name].by_seed[seed] for name in methods] for seed in _seeds(by_method, methods)]
        for by_method in rows
    ]
    scores = {name: (_score(rows[0][name]), _score(rows[1][name])) for name in methods}
    tau, p = _kendall(*zip(*scores.values(), strict=True))
    return Agreement(
        scores,
        tau,
        p,
        fmean(_kendall(a, b)[0] for a, b in product(*seeds)),
        (_within(seeds[0]), _within(seeds[1])),
        tuple(_exclusions(rows[0], rows[1], set(methods))),
    )


def _counts(row: Row | None) -> bool:
    return row is not None and row.kind in ("ranked", "heavy") and row.complete and row.method != FALLBACK


def _seeds(rows: Mapping[str, Row], methods: Sequence[str]) -> list[int]:
    return sorted(set.intersection(*(set(rows[name].by_seed) for name in methods)))


def _score(row: Row) -> float:
    assert row.score is not None
    return row.score.mean


def _kendall(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """Returns tau-b and its p-value."""
    if min(len(set(a)), len(set(b))) == 1:
        raise ValueError("all methods have the same score on a board or in one of its seeds, so they have no order")
    result = kendalltau(a, b)
    return float(result.statistic), float(result.pvalue)


def _within(seeds: Sequence[Sequence[float]]) -> float | None:
    return fmean(_kendall(a, b)[0] for a, b in combinations(seeds, 2)) if len(seeds) > 1 else None


def _exclusions(first: Mapping[str, Row], second: Mapping[str, Row], counted: set[str]) -> Iterator[str]:
    for name in sorted(first.keys() | second.keys()):
        if name in counted:
            continue
        row = first.get(name) or second[name]
        if name == FALLBACK:
            yield f"{name}: the fallback for failed cells"
        elif row.kind not in ("ranked", "heavy"):
            yield f"{name}: kind {row.kind}, which is not ranked"
        elif absent := [which for which, rows in (("first", first), ("second", second)) if name not in rows]:
            yield f"{name}: not on the {absent[0]} board"
        else:
            partial = [which for which, rows in (("first", first), ("second", second)) if not rows[name].complete]
            yield f"{name}: cells missing on the {' and the '.join(partial)} board"
