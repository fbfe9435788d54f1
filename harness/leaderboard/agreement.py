"""How far two boards order the methods alike."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations, product
from statistics import fmean

from scipy.stats import kendalltau

from harness.leaderboard.model import Board, Row
from harness.protocol import FALLBACK

FEWEST = 3  # methods: the order of two is a coin's


@dataclass(frozen=True)
class Agreement:
    """Two orders of the methods that both boards rank.

    The order of a few folds is noisy, and noise alone keeps two orders apart. The mean over pairs of single seeds, one
    from each board, is therefore shown beside those over pairs of seeds of one board: what agrees with another board
    as well as with itself differs by noise only.

    Attributes:
        methods: their scores on both boards, in the order of the first.
        tau: Kendall's tau-b between the boards' scores.
        p: two-sided p-value of no association, exact where no scores tie.
        between: mean tau over pairs of seeds, one of each board.
        within: the same over pairs of seeds of the first and of the second board; None where it has one seed.
        left_out: methods of either board that do not count, and why.
    """

    methods: Mapping[str, tuple[float, float]]
    tau: float
    p: float
    between: float
    within: tuple[float | None, float | None]
    left_out: tuple[str, ...]


def agreement(first: Board, second: Board) -> Agreement:
    """Compares the order of the methods that count on both boards: of kind ``ranked``, in all cells, not the floor.

    Raises:
        ValueError: there are fewer than three, or a board or one of its seeds gives all the same score.
    """
    rows = [{row.method: row for row in board.rows} for board in (first, second)]
    methods = [row.method for row in first.rows if all(_counts(there.get(row.method)) for there in rows)]
    if len(methods) < FEWEST:
        both = f"both boards have {len(methods)} ranked methods in all cells beside the floor"
        raise ValueError(f"{both}, and {FEWEST} make an order")
    seeds = [[[there[name].by_seed[seed] for name in methods] for seed in _seeds(there, methods)] for there in rows]
    scores = {name: (_score(rows[0][name]), _score(rows[1][name])) for name in methods}
    tau, p = _kendall(*zip(*scores.values(), strict=True))
    return Agreement(
        scores,
        tau,
        p,
        fmean(_kendall(a, b)[0] for a, b in product(*seeds)),
        (_within(seeds[0]), _within(seeds[1])),
        tuple(_left_out(rows[0], rows[1], set(methods))),
    )


def _counts(row: Row | None) -> bool:
    return row is not None and row.kind == "ranked" and row.complete and row.method != FALLBACK


def _seeds(rows: Mapping[str, Row], methods: Sequence[str]) -> list[int]:
    return sorted(set.intersection(*(set(rows[name].by_seed) for name in methods)))


def _score(row: Row) -> float:
    assert row.score is not None
    return row.score.mean


def _kendall(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """Returns tau-b and its p-value."""
    if min(len(set(a)), len(set(b))) == 1:
        raise ValueError("all methods have the same score on a board or in one of its seeds, which is no order")
    found = kendalltau(a, b)
    return float(found.statistic), float(found.pvalue)


def _within(seeds: Sequence[Sequence[float]]) -> float | None:
    return fmean(_kendall(a, b)[0] for a, b in combinations(seeds, 2)) if len(seeds) > 1 else None


def _left_out(first: Mapping[str, Row], second: Mapping[str, Row], counted: set[str]) -> Iterator[str]:
    for name in sorted(first.keys() | second.keys()):
        if name in counted:
            continue
        row = first.get(name) or second[name]
        if name == FALLBACK:
            yield f"{name}: the floor"
        elif row.kind != "ranked":
            yield f"{name}: a {row.kind}, which stands without a rank"
        elif absent := [which for which, rows in (("first", first), ("second", second)) if name not in rows]:
            yield f"{name}: not on the {absent[0]} board"
        else:
            partial = [which for which, rows in (("first", first), ("second", second)) if not rows[name].complete]
            yield f"{name}: cells missing on the {' and the '.join(partial)} board"
