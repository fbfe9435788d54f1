"""Which methods the fast tests look at; the full rounds look at all."""

from harness import registry
from harness.method import MethodInfo

CHEAPEST_FIRST = ("ngrams", "byte-cnn", "encoder")


def is_slow(info: MethodInfo) -> bool:
    """Whether only the full rounds look at a method.

    These are controls, heavy methods, and pairs of a strategy and a learner except the strategy's cheapest: its code is
    the same on every learner, and so is the learner's under every strategy.
    """
    if info.kind in ("control", "heavy"):
        return True
    strategy, colon, learner = info.name.partition(":")
    if not colon:
        return False
    on = [name for name in CHEAPEST_FIRST if f"{strategy}:{name}" in registry.methods()]
    return learner != on[0]
