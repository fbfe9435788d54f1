"""The strongest natural cues of each class: what its payloads have and those of other classes lack.

A strong cue is no proof of a shortcut: the attack itself is a strong cue too. What tells them apart is whether the cue
lies in the attack (known where a corpus has spans) and whether an attack of the class could do without it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.audit import growth
from harness.audit.association import Association, newcombe, wilson
from harness.audit.attributes import TEXT, Attribute
from harness.audit.cue_grouping import WITHIN, Chosen, Group, merged
from harness.audit.incidence import Incidence, Material, incidence

FALSE_DISCOVERIES = 0.01  # expected share of reported cues that are chance
FOLLOWED = 4  # attributes of a class that are followed up, per cue that is wanted


@dataclass(frozen=True)
class Cue:
    """One attribute and one class; counts and shares are of observations (see `harness.audit.incidence`).

    Attributes:
        attribute: what the payloads have.
        strength: mutual information over the class's entropy, 0 to 1.
        bits: mutual information.
        support, size: observations of the class that have it, and all of the class.
        others, rest: observations of other classes that have it, and all of them.
        corrected_p: one-sided, corrected over all tests; of a text, that of the piece it was grown from.
        also: other attributes on nearly the same observations, of text what no other contains.
        forms: longer, shorter or wider spellings of the cue, each weaker than itself, strongest first.
        inside: share of the class's payloads with the cue that lose it with their attack; None where it is not known.
    """

    attribute: Attribute
    strength: float
    bits: float
    support: int
    size: int
    others: int
    rest: int
    corrected_p: float
    also: tuple[Attribute, ...] = ()
    forms: tuple["Cue", ...] = ()
    inside: float | None = None

    @property
    def name(self) -> str:
        """The cue as one line of printable text."""
        return self.attribute.name

    @property
    def share(self) -> float:
        """Share of the class that has it."""
        return self.support / self.size

    @property
    def elsewhere(self) -> float:
        """Share of the other classes that has it."""
        return self.others / self.rest

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the share."""
        return wilson(self.support, self.size)

    @property
    def difference(self) -> tuple[float, float]:
        """95 % interval of the difference between the shares."""
        return newcombe(self.support, self.size, self.others, self.rest)

    @property
    def lift(self) -> float | None:
        """How many times as often the class has it; None where no other class does."""
        return self.share / self.elsewhere if self.others else None


def strongest(material: Material, top: int) -> tuple[tuple[Cue, ...], ...]:
    """Returns up to ``top`` cues of each class, strongest first, in the order of the classes.

    Attributes on nearly the same observations are one cue, under the name of the most telling kind, and text is shown
    as long as it stays the same; a spelling of a stronger cue is listed as its form.
    """
    found = incidence(material)
    first = Association.of(found, material.labels, len(material.classes))
    corrected, strength = first.corrected(), first.strength
    fit = (corrected <= FALSE_DISCOVERIES) & (first.share > first.elsewhere)
    groups = [merged(found, _ordered(fit[k], strength[k]), top * FOLLOWED) for k in range(len(strength))]
    texts = [_grown(material, found, k, group) for k, group in enumerate(groups)]
    spelling = {text.lower(): text for each in texts for text in each.values()}
    column_of = {folded: len(found.attributes) + at for at, folded in enumerate(spelling)}
    every = found.extended([Attribute(TEXT, t) for t in spelling.values()], growth.who_has(material, list(spelling)))
    final = Association.of(every, material.labels, len(material.classes))
    out = []
    for k, of_class in enumerate(groups):
        cues: dict[int, Cue] = {}
        for group in of_class:
            column = column_of[texts[k][group.column].lower()] if group.column in texts[k] else group.column
            cues.setdefault(column, _cue(every, final, k, column, group, float(corrected[k, group.column])))
        out.append(_led(every, cues, top))
    return tuple(out)


def _ordered(fit: npt.NDArray[np.bool_], strength: npt.NDArray[np.float64]) -> list[int]:
    columns = np.flatnonzero(fit)
    return [int(column) for column in columns[np.argsort(-strength[columns], kind="stable")]]


def _grown(material: Material, found: Incidence, k: int, groups: list[Group]) -> dict[int, bytes]:
    """Returns the grown text of every group that is led by text, by its column."""
    out = {}
    for column in (group.column for group in groups):
        kind, value = found.attributes[column]
        if kind == TEXT:
            has = np.zeros(len(material.labels), dtype=bool)
            has[found.who(column)] = True
            rows = np.flatnonzero((has & (material.labels == k))[material.observation])
            out[column] = growth.grown(value, growth.texts_of(material, rows))
    return out


def _cue(found: Incidence, association: Association, k: int, column: int, group: Group, p: float) -> Cue:
    support, size = int(association.have[k, column]), int(association.sizes[k])
    return Cue(
        attribute=found.attributes[column],
        strength=float(association.strength[k, column]),
        bits=float(association.bits[k, column]),
        support=support,
        size=size,
        others=int(association.total[column]) - support,
        rest=int(association.sizes.sum()) - size,
        corrected_p=p,
        also=group.also,
    )


def _led(found: Incidence, cues: Mapping[int, Cue], top: int) -> tuple[Cue, ...]:
    """Orders a class's cues, drops repeats, and lists spellings of a stronger cue under it."""
    chosen, leaders = Chosen(found), list[Cue]()
    for column in sorted(cues, key=lambda c: (-cues[c].strength, c)):
        cue, overlaps = cues[column], list(chosen.overlaps(column))
        if any(overlap.same for overlap in overlaps):
            continue
        within = (at for at, overlap in enumerate(overlaps) if overlap.contained >= WITHIN)
        home = next((at for at in within if _spellings(cue, leaders[at])), None)
        if home is not None:
            leaders[home] = replace(leaders[home], forms=(*leaders[home].forms, cue))
        elif len(leaders) < top:
            leaders.append(cue)
            chosen.add(column)
    return tuple(leaders)


def _spellings(cue: Cue, leader: Cue) -> bool:
    """Whether the text of one stands in the other's, or in that of one of its forms."""
    value = cue.attribute.value.lower()
    known = (leader.attribute.value.lower(), *(form.attribute.value.lower() for form in leader.forms))
    return any(value in other or other in value for other in known)
