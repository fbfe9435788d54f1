"""Perturbations: changes of a payload that keep its threat class, each checked by an oracle; and suites of them."""

import functools

from harness.errors import UserError, nearest
from harness.perturbations.base import Perturbation, Tier

SUITES: dict[str, frozenset[Tier]] = {
    "carrier": frozenset(("C",)),
    "encoding": frozenset(("A",)),
    "syntax": frozenset(("B",)),
    "all": frozenset(("A", "B", "C")),
}


@functools.cache
def perturbations() -> tuple[Perturbation, ...]:
    """Returns all perturbations in a fixed order."""
    from harness.perturbations import carrier, encoding, markup, order, parameters, paths, shell, sql

    modules = (carrier, encoding, markup, order, parameters, paths, shell, sql)
    return tuple(p for module in modules for p in module.PERTURBATIONS)


def suite(name: str) -> tuple[Perturbation, ...]:
    """Returns the perturbations of a suite, a key of `SUITES`.

    Raises:
        UserError: the suite does not exist.
    """
    if name not in SUITES:
        raise UserError(f"the perturbation suite {name} is unknown; {nearest(name, list(SUITES))}")
    return tuple(p for p in perturbations() if p.tier in SUITES[name])
