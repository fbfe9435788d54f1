"""Attributes that are on nearly the same observations, and so are one cue."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.audit.attributes import KINDS, TEXT, Attribute
from harness.audit.incidence import Incidence

SAME = 0.9  # Jaccard similarity of observations from which two attributes are one cue
WITHIN = 0.9  # share of the rarer attribute's observations that have the other, for one to be a form of the other


class Overlap(NamedTuple):
    """Observations of two attributes: both, those of the one, those of the other."""

    both: int
    one: int
    other: int

    @property
    def same(self) -> bool:
        """Whether the attributes are one cue."""
        return self.both >= SAME * (self.one + self.other - self.both)

    @property
    def contained(self) -> float:
        """Share of the rarer one's observations that have both."""
        return self.both / max(1, min(self.one, self.other))


class Chosen:
    """Compares attributes with those chosen so far, by their observations."""

    def __init__(self, found: Incidence) -> None:
        self._found, self._has, self._sizes = found, list[npt.NDArray[np.bool_]](), list[int]()

    def __len__(self) -> int:
        return len(self._has)

    def add(self, column: int) -> None:
        """Chooses an attribute."""
        who = self._found.who(column)
        has = np.zeros(self._found.matrix.shape[0], dtype=bool)
        has[who] = True
        self._has.append(has)
        self._sizes.append(len(who))

    def overlaps(self, column: int) -> Iterator[Overlap]:
        """Yields the overlap of an attribute with each that was chosen, in their order."""
        who = self._found.who(column)
        for has, size in zip(self._has, self._sizes, strict=True):
            yield Overlap(int(has[who].sum()), len(who), size)


@dataclass(frozen=True)
class Group:
    """Attributes that are one cue: the column of the one that names it, and the others but for parts of their text."""

    column: int
    also: tuple[Attribute, ...]


def merged(found: Incidence, columns: Sequence[int], most: int) -> list[Group]:
    """Merges attributes on nearly the same observations into groups.

    Args:
        found: who has what.
        columns: the attributes, strongest first.
        most: groups that are wanted; what belongs to none of the first ones is left out.
    """
    groups, chosen = list[list[int]](), Chosen(found)
    for column in columns:
        same = next((at for at, overlap in enumerate(chosen.overlaps(column)) if overlap.same), None)
        if same is not None:
            groups[same].append(column)
        elif len(groups) < most:
            groups.append([column])
            chosen.add(column)
    return [_named(found, group) for group in groups]


def _named(found: Incidence, group: Sequence[int]) -> Group:
    """Names a group by the most telling kind, and by the longest value within it."""

    def rank(column: int) -> tuple[int, int]:
        kind, value = found.attributes[column]
        return KINDS.index(kind), -len(value)

    best, *rest = sorted(group, key=rank)
    also, spelled = list[Attribute](), [found.attributes[best].value.lower()]
    for other in (found.attributes[column] for column in rest):
        value = other.value.lower()
        if other.kind != TEXT or not any(value in longer for longer in spelled):
            also.append(other)
            spelled.append(value)
    return Group(best, tuple(also))
