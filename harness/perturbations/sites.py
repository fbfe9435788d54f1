"""Base of respellings that replace a random subset of sites in a text, each by one of its other spellings."""

import random
from abc import abstractmethod
from collections.abc import Sequence
from typing import NamedTuple

from harness.perturbations.base import Respelling


class Site(NamedTuple):
    """Characters with other spellings (an insertion point if start and end are equal)."""

    start: int
    end: int
    spellings: Sequence[str]


class SiteRespelling(Respelling):
    """Respells a random subset of the sites, at least one; subclasses implement `sites` and `same`."""

    @abstractmethod
    def sites(self, text: str, rng: random.Random) -> Sequence[Site]:
        """Returns the sites in ascending order; of two that overlap, the first is respelled."""

    def respell(self, text: str, rng: random.Random) -> str | None:
        """Returns the text with some sites respelled, or None if it has no sites."""
        sites = [site for site in self.sites(text, rng) if site.spellings]
        if not sites:
            return None
        share = rng.random()
        subset = [site for site in sites if rng.random() < share] or [rng.choice(sites)]
        pieces, at = [], 0
        for start, end, spellings in subset:
            if start >= at:
                pieces += [text[at:start], rng.choice(spellings)]
                at = end
        return "".join([*pieces, text[at:]])


def random_case(word: str, rng: random.Random) -> str:
    """Returns a word with its letters in random case; a word with letters always changes."""
    result = "".join(rng.choice((character.lower(), character.upper())) for character in word)
    return word.swapcase() if result == word else result
