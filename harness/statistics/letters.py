"""Compact letter display (Piepho 2004): methods that share a letter do not differ significantly."""

from collections.abc import Mapping, Sequence
from itertools import combinations

from harness.statistics.intervals import CONFIDENCE, Sample, p_value

Pair = frozenset[str]


def different_pairs(scores: Mapping[str, Sample]) -> set[Pair]:
    """Returns the pairs of methods whose scores differ significantly: paired t-tests over seeds with Holm's correction.

    Args:
        scores: of each method, over the same seeds.
    """
    tests = sorted(
        (p_value(scores[a].minus(scores[b])), a, b) for a, b in combinations(sorted(scores), 2)
    )  # the names break ties, so that equal p-values always give the same letters
    pairs: set[Pair] = set()
    for rank, (p, a, b) in enumerate(tests):
        if p > (1 - CONFIDENCE) / (len(tests) - rank):  # Holm (1979): stop at the first test that fails
            break
        pairs.add(frozenset((a, b)))
    return pairs


def letters(order: Sequence[str], different: set[Pair]) -> dict[str, str]:
    """Returns each method's letters, ``a`` for the first in order; two methods share a letter iff they do not differ.

    Insert and absorb: each pair that differs splits every group that holds both, and a group within another is dropped.
    """
    groups: list[frozenset[str]] = [frozenset(order)] if order else []
    for pair in sorted(different, key=lambda pair: sorted(order.index(name) for name in pair)):
        split = [part for group in groups for part in ([group - {name} for name in pair] if pair <= group else [group])]
        groups = [g for i, g in enumerate(split) if not any(g < h or (g == h and i > j) for j, h in enumerate(split))]
    groups.sort(key=lambda group: sorted(order.index(name) for name in group))
    return {name: "".join(_letter(index) for index, group in enumerate(groups) if name in group) for name in order}


def _letter(index: int) -> str:
    """Returns a to z, then a1 to z1 and so on."""
    round_, place = divmod(index, 26)
    return "abcdefghijklmnopqrstuvwxyz"[place] + (str(round_) if round_ else "")
