"""Draws perturbations of a suite for a message, has each checked by its oracle, and counts what came of it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.perturbations.base import Perturbation
from harness.perturbations.message import Message
from harness.perturbations.stream import Stream

REDRAWS = 4  # further draws after one that the oracle rejects


@dataclass
class PerturbationTally:
    """What became of the draws of each perturbation, and of the rows.

    Attributes:
        draws, no_ops, rejected, kept: by perturbation; every draw is one of the other three.
        left_out: rows by reason: ``rejected`` (some draw was, none held), ``no place`` (the attack's place is not
            known), ``nothing to change``.
    """

    draws: Counter[str] = field(default_factory=Counter)
    no_ops: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    def plain(self) -> dict[str, dict[str, int]]:
        """Returns the counts per perturbation as plain values."""
        return {
            name: {
                "draws": self.draws[name],
                "no_ops": self.no_ops[name],
                "rejected": self.rejected[name],
                "kept": self.kept[name],
            }
            for name in sorted(self.draws)
        }


_STREAM = (
    Stream()
)  # the one of this process: begun anew for every draw, as making one takes longer than to draw from it


def attempt(
    perturbation: Perturbation, message: Message, seed: int, copy: int, tally: PerturbationTally
) -> Message | None:
    """Draws one perturbation until its oracle agrees, at most `REDRAWS` times more; None where none held.

    Args:
        perturbation: one that applies to the message.
        message: what to change.
        seed: the cell's seed.
        copy: which of several independent draws of the same message this is.
        tally: counts every draw.
    """
    name = perturbation.name
    for redraw in range(1 + REDRAWS):
        tally.draws[name] += 1
        after = perturbation.rewrite(message, _STREAM.begin(message.sample, name, seed, copy, redraw))
        if after is None or after.payload == message.payload:
            tally.no_ops[name] += 1
            return None
        if (perturbation.touches_attack or _untouched(message, after)) and perturbation.keeps_class(message, after):
            tally.kept[name] += 1
            return after
        tally.rejected[name] += 1
    return None


def _untouched(before: Message, after: Message) -> bool:
    """Whether the attack's ranges hold the same bytes; they may have moved past each other."""
    old, new = before.ranges, after.ranges
    return old == new or sorted(old) == sorted(new)


def perturb(
    message: Message, suite: Sequence[Perturbation], depth: int, seed: int, copy: int, tally: PerturbationTally
) -> Message | None:
    """Returns the message after up to ``depth`` perturbations of a suite, in random order; None where none held.

    Args:
        message: what to change.
        suite: what to draw from, each at most once.
        depth: most perturbations that are made one after the other.
        seed: the cell's seed.
        copy: which of several independent draws of the same message this is.
        tally: counts every draw, and the row where it is left out.
    """
    meant = [p for p in suite if p.classes is None or p.classes & message.classes]
    order = [p for p in meant if p.applies(message)]
    _STREAM.begin(message.sample, "order", seed, copy).shuffle(order)
    rejected = tally.rejected.total()
    made, current = 0, message
    for perturbation in order:
        after = attempt(perturbation, current, seed, copy, tally)
        if after is not None:
            made, current = made + 1, after
        if made == depth:
            break
    if made:
        return current
    if tally.rejected.total() > rejected:
        tally.left_out["rejected"] += 1
    elif meant and not order:
        tally.left_out["no place"] += 1
    else:
        tally.left_out["nothing to change"] += 1
    return None


def versions(suite: Iterable[Perturbation]) -> Mapping[str, int]:
    """Returns the version of each perturbation of a suite."""
    return {p.name: p.version for p in suite}
