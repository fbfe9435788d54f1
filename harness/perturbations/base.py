"""The base class of a perturbation: it changes a payload, keeps its threat class, and checks that with an oracle.

The tier says how strong the check is. Tier A: the change has an exact inverse; a strict decoder recovers the same
bytes. Tier B: both spellings are equivalent in context; a parser that shares no code with the change agrees. Tier C:
the class stays, but the exploit may no longer work; the attack decodes to the same text.
"""

import random
from abc import ABC, abstractmethod
from typing import ClassVar, Literal

from harness.perturbations.codec import decode, encode
from harness.perturbations.message import Edit, Message, Slot

Tier = Literal["A", "B", "C"]

# Most bytes of a part of an attack that a parser of tier B reads: the parsers try a text in dozens of contexts, and
# some take more than linear time. No attack in the pinned data comes near (the longest has 3 KB).
MAX_CHECKED_BYTES = 16 << 10


class Perturbation(ABC):
    """One kind of change to a message.

    Attributes:
        name: letters a-z, digits and hyphens.
        version: increase it whenever the same message and draw may give different bytes.
        tier: strength of the guarantee that the class is kept, see the module.
        classes: threat classes it applies to; None for all.
        touches_attack: whether it may change the attack's bytes.
        needs_place: whether it needs the location of the attack, known or assumed to be in the parameters.
    """

    name: ClassVar[str]
    version: ClassVar[int] = 1
    tier: ClassVar[Tier]
    classes: ClassVar[frozenset[str] | None] = None
    touches_attack: ClassVar[bool] = False
    needs_place: ClassVar[bool] = True

    @abstractmethod
    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        """Returns the changed message, or None if there is nothing to change in this one."""

    @abstractmethod
    def keeps_class(self, before: Message, after: Message) -> bool:
        """Whether the changed message has the same class: the oracle, which shares no code with `rewrite`."""

    def applies(self, message: Message) -> bool:
        """Whether the perturbation supports the message's class and the location of its attack."""
        if self.classes is not None and not self.classes & message.classes:
            return False
        return not message.request.malformed and (bool(message.spans) or not self.needs_place)

    def can_check(self, message: Message) -> bool:
        """Whether the oracle can read the message in bounded time; a message that it cannot read is left out."""
        return True


class Respelling(Perturbation):
    """Replaces the decoded attack by an equivalent spelling (tier B); subclasses implement `respell` and `same`."""

    tier = "B"
    touches_attack = True

    @abstractmethod
    def respell(self, text: str, rng: random.Random) -> str | None:
        """Returns another spelling of the attack's text (one character per byte), or None if there is none."""

    @abstractmethod
    def same(self, before: str, after: str) -> bool:
        """Whether a parser reads both texts as the same attack of the class."""

    def can_check(self, message: Message) -> bool:
        """Whether every part of the attack has at most `MAX_CHECKED_BYTES` bytes."""
        return all(end - start <= MAX_CHECKED_BYTES for start, end in message.spans)

    def rewrite(self, message: Message, rng: random.Random) -> Message | None:
        """Respells every slot of the attack for which there is another spelling."""
        edits = [edit for slot in message.slots if (edit := self._edit(message, slot, rng))]
        return message.with_edits(edits) if edits else None

    def _edit(self, message: Message, slot: Slot, rng: random.Random) -> Edit | None:
        raw = message.payload[slice(*slot.span)]
        text = decode(slot.place, raw)
        new_text = None if text is None else self.respell(text, rng)
        if text is None or new_text is None or new_text == text:
            return None
        data = encode(slot.place, new_text, raw)
        return None if data is None else Edit(*slot.span, data)

    def keeps_class(self, before: Message, after: Message) -> bool:
        """Whether the slots are at the same places, and each holds the same text or, by `same`, an equivalent one."""
        if [slot.place for slot in before.slots] != [slot.place for slot in after.slots]:
            return False
        return all(
            self._equivalent(
                decode(a.place, before.payload[slice(*a.span)]), decode(b.place, after.payload[slice(*b.span)])
            )
            for a, b in zip(before.slots, after.slots, strict=True)
        )

    def _equivalent(self, before: str | None, after: str | None) -> bool:
        return before == after or (before is not None and after is not None and self.same(before, after))
