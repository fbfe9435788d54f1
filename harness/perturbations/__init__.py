"""Perturbations: payload to payload, the threat class kept, proven by an oracle. Suites by name."""

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
    """Returns every perturbation, in a fixed order."""
    from harness.perturbations import carrier, encoding, markup, order, parameters, paths, shell, sql

    modules = (carrier, encoding, markup, order, parameters, paths, shell, sql)
    return tuple(p for module in modules for p in module.PERTURBATIONS)


def suite(name: str) -> tuple[Perturbation, ...]:
    """Returns the perturbations of a suite.

    Raises:
        UserError: there is no such suite.
    """
    if name not in SUITES:
        raise UserError(f"the perturbation suite {name} is unknown; {nearest(name, list(SUITES))}")
    return tuple(p for p in perturbations() if p.tier in SUITES[name])
