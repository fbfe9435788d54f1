"""Respellings that choose among the sites of a text, each with its other spellings."""

import random
from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from harness.perturbations.base import Respelling


class Site(NamedTuple):
    """Characters that may be written in another way (an insertion where start and end are equal)."""

    start: int
    end: int
    spellings: Sequence[str]


class SiteRespelling(Respelling):
    """Respells a random part of the sites, at least one; subclasses give `sites` and `same`."""

    @abstractmethod
    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Returns what can be respelled, ascending; of two that overlap, the first is taken."""

    def respell(self, text: str, rng: random.Random) -> str | None:
        """Returns the text with some sites respelled, or None where it has none."""
        found = [site for site in self.sites(text, rng) if site.spellings]
        if not found:
            return None
        share = rng.random()
        chosen = [site for site in found if rng.random() < share] or [rng.choice(found)]
        pieces, at = [], 0
        for start, end, spellings in chosen:
            if start >= at:
                pieces += [text[at:start], rng.choice(spellings)]
                at = end
        return "".join([*pieces, text[at:]])


def cased(word: str, rng: random.Random) -> str:
    """Returns a word with its letters in random case, another one than before where it has letters."""
    drawn = "".join(rng.choice((character.lower(), character.upper())) for character in word)
    return word.swapcase() if drawn == word else drawn
