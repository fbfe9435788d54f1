"""Finds the strongest natural cues of each class: attributes that its payloads have more often than others.

A strong cue need not be a shortcut, since the attack itself is a strong cue too. To distinguish them, look at whether
the cue is in the attack (known if the corpus has attack spans), and whether an attack of the class works without it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from harness.auditing import growth
from harness.auditing.association import Association, newcombe, wilson
from harness.auditing.attributes import TEXT, Attribute
from harness.auditing.cue_grouping import CONTAINED, CueGroup, CueLeaders, group_attributes
from harness.auditing.incidence import CueData, Incidence, build_incidence

FALSE_DISCOVERY_RATE = 0.01
GROUPS_PER_CUE = 4  # groups examined per reported cue, since some turn out to be forms of another


@dataclass(frozen=True)
class Cue:
    """An attribute as a cue of a class; counts and shares are of observations (see `harness.auditing.incidence`).

    Attributes:
        attribute: the attribute.
        strength: uncertainty coefficient (mutual information over the entropy of the class), 0 to 1.
        bits: mutual information, in bits.
        support, size: observations of the class that have the attribute, and all observations of the class.
        others, rest: observations of other classes that have it, and all observations of other classes.
        corrected_p: one-sided p-value, adjusted over all tests; for an extended text, that of the original piece.
        also: other attributes that nearly the same observations have, without texts that are part of another one.
        forms: longer, shorter or more general spellings of the cue, strongest first; all are weaker than the cue.
        inside: share of the class's payloads with the cue that lose it when the attack is cut out; None if unknown.
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
        """Share of the class that has the attribute."""
        return self.support / self.size

    @property
    def elsewhere(self) -> float:
        """Share of the other classes that has the attribute."""
        return self.others / self.rest

    @property
    def interval(self) -> tuple[float, float]:
        """95 % Wilson interval of the share."""
        return wilson(self.support, self.size)

    @property
    def difference(self) -> tuple[float, float]:
        """95 % Newcombe interval of the difference between the two shares."""
        return newcombe(self.support, self.size, self.others, self.rest)

    @property
    def lift(self) -> float | None:
        """Ratio of the two shares; None if no other class has the attribute."""
        return self.share / self.elsewhere if self.others else None


def strongest_cues(data: CueData, top: int) -> tuple[tuple[Cue, ...], ...]:
    """Returns at most ``top`` cues of each class, strongest first, in the order of the classes.

    Attributes that nearly the same observations have are one cue, named by the most informative kind. Text is extended
    as long as most payloads agree. A spelling of a stronger cue is listed as one of its forms.
    """
    base = build_incidence(data)
    association = Association.of(base, data.labels, len(data.classes))
    p_values, strength = association.adjusted_p_values(), association.strength
    significant = (p_values <= FALSE_DISCOVERY_RATE) & (association.share > association.elsewhere)
    groups = [
        group_attributes(base, _by_strength(significant[k], strength[k]), top * GROUPS_PER_CUE)
        for k in range(len(strength))
    ]
    texts = [_extend_texts(data, base, k, of_class) for k, of_class in enumerate(groups)]
    # The extended texts are new attributes: append them and compute the statistics once more.
    spelling = {text.lower(): text for of_class in texts for text in of_class.values()}
    column_of_text = {lower: len(base.attributes) + i for i, lower in enumerate(spelling)}
    full = base.append([Attribute(TEXT, t) for t in spelling.values()], growth.text_incidence(data, list(spelling)))
    association = Association.of(full, data.labels, len(data.classes))
    out = []
    for k, of_class in enumerate(groups):
        cues: dict[int, Cue] = {}
        for group in of_class:
            column = column_of_text[texts[k][group.column].lower()] if group.column in texts[k] else group.column
            cues.setdefault(column, _cue(full, association, k, column, group, float(p_values[k, group.column])))
        out.append(_rank_cues(full, cues, top))
    return tuple(out)


def _by_strength(significant: npt.NDArray[np.bool_], strength: npt.NDArray[np.float64]) -> list[int]:
    columns = np.flatnonzero(significant)
    return [int(column) for column in columns[np.argsort(-strength[columns], kind="stable")]]


def _extend_texts(data: CueData, incidence: Incidence, k: int, groups: list[CueGroup]) -> dict[int, bytes]:
    """Returns the extended text of every group that a text attribute names, by its column."""
    out = {}
    for column in (group.column for group in groups):
        kind, value = incidence.attributes[column]
        if kind == TEXT:
            has = np.zeros(len(data.labels), dtype=bool)
            has[incidence.observations_with(column)] = True
            rows = np.flatnonzero((has & (data.labels == k))[data.observation])
            out[column] = growth.extend(value, growth.texts_of(data, rows))
    return out


def _cue(incidence: Incidence, association: Association, k: int, column: int, group: CueGroup, p: float) -> Cue:
    support, size = int(association.counts[k, column]), int(association.sizes[k])
    return Cue(
        attribute=incidence.attributes[column],
        strength=float(association.strength[k, column]),
        bits=float(association.bits[k, column]),
        support=support,
        size=size,
        others=int(association.totals[column]) - support,
        rest=int(association.sizes.sum()) - size,
        corrected_p=p,
        also=group.also,
    )


def _rank_cues(incidence: Incidence, cues: Mapping[int, Cue], top: int) -> tuple[Cue, ...]:
    """Sorts a class's cues by strength, drops repeats, and lists spellings of a stronger cue as its forms."""
    leaders, ranking = CueLeaders(incidence), list[Cue]()
    for column in sorted(cues, key=lambda c: (-cues[c].strength, c)):
        cue, cooccurrences = cues[column], list(leaders.cooccurrences(column))
        if any(shared.same_cue for shared in cooccurrences):
            continue
        containing = (i for i, shared in enumerate(cooccurrences) if shared.containment >= CONTAINED)
        index = next((i for i in containing if _is_spelling(cue, ranking[i])), None)
        if index is not None:
            ranking[index] = replace(ranking[index], forms=(*ranking[index].forms, cue))
        elif len(ranking) < top:
            ranking.append(cue)
            leaders.add(column)
    return tuple(ranking)


def _is_spelling(cue: Cue, leader: Cue) -> bool:
    """Whether the text of a cue contains, or is part of, the text of a leader or of one of its forms."""
    value = cue.attribute.value.lower()
    others = (leader.attribute.value.lower(), *(form.attribute.value.lower() for form in leader.forms))
    return any(value in other or other in value for other in others)
