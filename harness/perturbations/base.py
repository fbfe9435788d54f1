"""The contract of a perturbation: payload to payload, the threat class kept, and an oracle that says so.

Tier A: an exact inverse, a strict decoder recovers the same bytes. Tier B: equivalent in context, a parser that is not
the code of the change agrees. Tier C: keeps the class, perhaps not the exploit; what the attack decodes to stays.
"""

import random
from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from harness.perturbations.codec import decode, encode
from harness.perturbations.message import Edit, Message, Slot

Tier = Literal["A", "B", "C"]


class Perturbation(ABC):
    """One kind of change.

    Attributes:
        name: letters a-z, digits and hyphens.
        version: raise it whenever the same message and draw may give other bytes.
        tier: how strongly it keeps the class, see the module.
        classes: threat classes it applies to; None for all.
        touches_attack: whether it may change the attack's bytes.
        needs_place: whether it needs to know (or to assume, from the parameters) where the attack lies.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    tier: ClassVar[Tier]
    classes: ClassVar[frozenset[str] | None] = None
    touches_attack: ClassVar[bool] = False
    needs_place: ClassVar[bool] = True

    @abstractmethod
    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        """Returns the changed message, or None where there is nothing to change in this one."""

    @abstractmethod
    def keeps_class(self, before: Message, after: Message) -> bool:
        """The oracle: whether the class is kept, told by other code than that of `rewrite`."""

    def applies(self, message: Message) -> bool:
        """Whether the perturbation is meant for messages of this class whose attack lies where this one's does."""
        if self.classes is not None and not self.classes & message.classes:
            return False
        return not message.request.malformed and (bool(message.spans) or not self.needs_place)


class Respelling(Perturbation):
    """Writes the decoded attack in another way (tier B); subclasses give `respell` and `same`."""

    tier = "B"
    touches_attack = True

    @abstractmethod
    def respell(self, text: str, rng: random.Random) -> str | None:
        """Returns another spelling of the attack's text (characters stand for bytes), or None."""

    @abstractmethod
    def same(self, before: str, after: str) -> bool:
        """Whether a parser reads both texts alike, and as an attack of the class."""

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        """Respells every slot of the attack that can be."""
        edits = [edit for slot in message.slots if (edit := self._edit(message, slot, rng))]
        return message.with_edits(edits) if edits else None

    def _edit(self, message: Message, slot: Slot, rng: random.Random) -> Edit | None:
        raw = message.payload[slice(*slot.span)]
        text = decode(slot.place, raw)
        changed = None if text is None else self.respell(text, rng)
        if text is None or changed is None or changed == text:
            return None
        written = encode(slot.place, changed, raw)
        return None if written is None else Edit(*slot.span, written)

    def keeps_class(self, before: Message, after: Message) -> bool:
        """Every slot that was respelled reads alike."""
        if [slot.place for slot in before.slots] != [slot.place for slot in after.slots]:
            return False
        return all(
            self._alike(decode(a.place, before.payload[slice(*a.span)]), decode(b.place, after.payload[slice(*b.span)]))
            for a, b in zip(before.slots, after.slots, strict=True)
        )

    def _alike(self, before: str | None, after: str | None) -> bool:
        return before == after or (before is not None and after is not None and self.same(before, after))
