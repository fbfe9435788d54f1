"""Which methods can be told apart, as letters: those that share one cannot (compact letter display, Piepho 2004)."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from harness.statistics.intervals import CONFIDENCE, p_value

Pair = frozenset[str]


def told_apart(scores: Mapping[str, Sequence[float]], folds: int) -> set[Pair]:
    """Returns the pairs of methods whose scores differ: paired t-tests over seeds, Holm's (1979) correction for all.

    Args:
        scores: one per seed, the same seeds for every method.
        folds: disjoint parts of the units that seeds test.
    """
    tests = sorted(
        (p_value(scores[a], scores[b], folds), a, b) for a, b in combinations(sorted(scores), 2)
    )  # the names break ties, so that the same figures give the same letters
    out: set[Pair] = set()
    for rank, (p, a, b) in enumerate(tests):
        if p > (1 - CONFIDENCE) / (len(tests) - rank):
            break
        out.add(frozenset((a, b)))
    return out


def letters(order: Sequence[str], apart: set[Pair]) -> dict[str, str]:
    """Returns each method's letters, ``a`` for the first in order; any two share one if and only if not told apart.

    By insert and absorb: groups are split at each pair that differs, and a group inside another is dropped.
    """
    groups: list[frozenset[str]] = [frozenset(order)] if order else []
    for pair in sorted(apart, key=lambda pair: sorted(order.index(name) for name in pair)):
        split = [part for group in groups for part in ([group - {name} for name in pair] if pair <= group else [group])]
        groups = [g for i, g in enumerate(split) if not any(g < h or (g == h and i > j) for j, h in enumerate(split))]
    groups.sort(key=lambda group: sorted(order.index(name) for name in group))
    return {name: "".join(_letter(index) for index, group in enumerate(groups) if name in group) for name in order}


def _letter(index: int) -> str:
    """a to z, then a1 to z1 and so on."""
    round_, place = divmod(index, 26)
    return "abcdefghijklmnopqrstuvwxyz"[place] + (str(round_) if round_ else "")
