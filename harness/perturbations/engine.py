"""Applies random perturbations of a suite to a message, checks each with its oracle, and counts the outcomes."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from harness.perturbations.base import Perturbation
from harness.perturbations.message import Message
from harness.perturbations.stream import Stream

REDRAWS = 4  # further attempts after a draw that the oracle rejects


@dataclass
class PerturbationTally:
    """Counts of draws by perturbation, and of rows that were left out by reason.

    Attributes:
        draws, no_ops, rejected, kept: by perturbation; every draw is a no-op, rejected or kept.
        left_out: rows by reason: ``rejected`` (the oracle rejected draws and kept none), ``no place`` (the location of
            the attack is unknown), ``too long to check`` (for the oracle), ``nothing to change``.
    """

    draws: Counter[str] = field(default_factory=Counter)
    no_ops: Counter[str] = field(default_factory=Counter)
    rejected: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)

    def plain(self) -> dict[str, dict[str, int]]:
        """Returns the counts by perturbation as plain dictionaries and integers."""
        return {
            name: {
                "draws": self.draws[name],
                "no_ops": self.no_ops[name],
                "rejected": self.rejected[name],
                "kept": self.kept[name],
            }
            for name in sorted(self.draws)
        }


# One stream per process, restarted for every draw: to create a stream takes longer than to draw from it.
_STREAM = Stream()


def attempt(
    perturbation: Perturbation, message: Message, seed: int, copy: int, tally: PerturbationTally
) -> Message | None:
    """Applies one perturbation, with up to `REDRAWS` more draws if its oracle rejects the result.

    Args:
        perturbation: one that applies to the message.
        message: the message to change.
        seed: the cell's seed.
        copy: number of this draw among several independent draws for the same message.
        tally: counts every draw.

    Returns:
        The changed message; None if there is nothing to change or the oracle rejects all draws.
    """
    name = perturbation.name
    for redraw in range(1 + REDRAWS):
        tally.draws[name] += 1
        after = perturbation.rewrite(message, _STREAM.begin(message.sample, name, seed, copy, redraw))
        if after is None or after.payload == message.payload:
            tally.no_ops[name] += 1
            return None
        if (perturbation.touches_attack or _same_attack(message, after)) and perturbation.keeps_class(message, after):
            tally.kept[name] += 1
            return after
        tally.rejected[name] += 1
    return None


def _same_attack(before: Message, after: Message) -> bool:
    """Whether the attack's ranges hold the same bytes; their order may differ."""
    old, new = before.ranges, after.ranges
    return old == new or sorted(old) == sorted(new)


def perturb(
    message: Message, suite: Sequence[Perturbation], depth: int, seed: int, copy: int, tally: PerturbationTally
) -> Message | None:
    """Returns the message after up to ``depth`` random perturbations of a suite, applied one after the other.

    Args:
        message: the message to change.
        suite: the perturbations to draw from, each at most once.
        depth: maximum number of perturbations.
        seed: the cell's seed.
        copy: number of this draw among several independent draws for the same message.
        tally: counts every draw, and the row if it is left out.

    Returns:
        The changed message; None if no perturbation changed it, with the reason counted in ``tally.left_out``.
    """
    for_class = [p for p in suite if p.classes is None or p.classes & message.classes]
    order = [p for p in for_class if p.applies(message)]
    _STREAM.begin(message.sample, "order", seed, copy).shuffle(order)
    rejections = tally.rejected.total()
    changes, too_long, current = 0, False, message
    for perturbation in order:
        if not perturbation.can_check(current):
            too_long = True
            continue
        after = attempt(perturbation, current, seed, copy, tally)
        if after is not None:
            changes, current = changes + 1, after
        if changes == depth:
            break
    if changes:
        return current
    if tally.rejected.total() > rejections:
        tally.left_out["rejected"] += 1
    elif for_class and not order:
        tally.left_out["no place"] += 1
    elif too_long:
        tally.left_out["too long to check"] += 1
    else:
        tally.left_out["nothing to change"] += 1
    return None


def versions(suite: Iterable[Perturbation]) -> Mapping[str, int]:
    """Returns the version of each perturbation of a suite."""
    return {p.name: p.version for p in suite}
