"""Groups attributes that nearly the same observations have: such attributes are one cue."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from harness.auditing.attributes import KINDS, TEXT, Attribute
from harness.auditing.incidence import Incidence

SAME_CUE = 0.9  # Jaccard similarity of their observations from which two attributes are one cue
CONTAINED = 0.9  # share of the rarer attribute's observations from which one attribute is a form of the other


class Cooccurrence(NamedTuple):
    """Numbers of observations that have both of two attributes, the first one, and the second one."""

    both: int
    first: int
    second: int

    @property
    def same_cue(self) -> bool:
        """Whether the attributes are one cue, by the Jaccard similarity of their observations."""
        return self.both >= SAME_CUE * (self.first + self.second - self.both)

    @property
    def containment(self) -> float:
        """Share of the rarer attribute's observations that also have the other one (overlap coefficient)."""
        return self.both / max(1, min(self.first, self.second))


class CueLeaders:
    """The attributes that lead the groups formed so far; compares further attributes with them."""

    def __init__(self, incidence: Incidence) -> None:
        self._incidence, self._masks, self._sizes = incidence, list[npt.NDArray[np.bool_]](), list[int]()

    def __len__(self) -> int:
        return len(self._masks)

    def add(self, column: int) -> None:
        """Adds an attribute as the leader of a new group."""
        observations = self._incidence.observations_with(column)
        mask = np.zeros(self._incidence.matrix.shape[0], dtype=bool)
        mask[observations] = True
        self._masks.append(mask)
        self._sizes.append(len(observations))

    def cooccurrences(self, column: int) -> Iterator[Cooccurrence]:
        """Yields the co-occurrence of an attribute with each leader, in the order in which they were added."""
        observations = self._incidence.observations_with(column)
        for mask, size in zip(self._masks, self._sizes, strict=True):
            yield Cooccurrence(int(mask[observations].sum()), len(observations), size)


@dataclass(frozen=True)
class CueGroup:
    """Attributes that are one cue.

    Attributes:
        column: the attribute that names the cue.
        also: the other attributes, without texts that are part of another one's text.
    """

    column: int
    also: tuple[Attribute, ...]


def group_attributes(incidence: Incidence, columns: Sequence[int], most: int) -> list[CueGroup]:
    """Groups attributes that nearly the same observations have.

    Args:
        incidence: which observations have which attributes.
        columns: the attributes to group, strongest first.
        most: maximum number of groups; attributes that would start a further one are left out.
    """
    groups, leaders = list[list[int]](), CueLeaders(incidence)
    for column in columns:
        index = next((i for i, shared in enumerate(leaders.cooccurrences(column)) if shared.same_cue), None)
        if index is not None:
            groups[index].append(column)
        elif len(groups) < most:
            groups.append([column])
            leaders.add(column)
    return [_name_group(incidence, group) for group in groups]


def _name_group(incidence: Incidence, group: Sequence[int]) -> CueGroup:
    """Names a group by its most informative kind, and within that by the longest value."""

    def rank(column: int) -> tuple[int, int]:
        kind, value = incidence.attributes[column]
        return KINDS.index(kind), -len(value)

    best, *rest = sorted(group, key=rank)
    also, values = list[Attribute](), [incidence.attributes[best].value.lower()]
    for other in (incidence.attributes[column] for column in rest):
        value = other.value.lower()
        if other.kind != TEXT or not any(value in longer for longer in values):
            also.append(other)
            values.append(value)
    return CueGroup(best, tuple(also))
