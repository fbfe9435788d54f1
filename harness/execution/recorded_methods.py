"""Opens the methods that records name.

A record may come from another person, and a method of a family is a program, a module or a service. So none is opened
from a record unless the user allows it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from harness import registry
from harness.errors import UserError
from harness.method import ANSWER_TIMEOUT, MethodInfo, MethodRef
from harness.records.schema import CellInfo, Record


class NotRebuilt(Exception):
    """The cell of a record cannot be planned with today's code; the message says why."""


class NotAllowed(NotRebuilt):
    """The record names something outside of the harness, which may be opened only if the user allows it.

    Attributes:
        names: in words, what it names.
    """

    def __init__(self, names: str) -> None:
        super().__init__(f"it names {names}; allow it with --allow-external")
        self.names = names


@dataclass(frozen=True)
class Declaration:
    """The part of a method's registration that its records repeat, and the search space, which enters their keys."""

    kind: str
    tags: list[str]
    space: Mapping[str, Any]


def external(info: CellInfo) -> str:
    """Returns in words what the method of a record names outside of the harness; empty if nothing, or if unknown."""
    family, colon, argument = info.method.partition(":")
    known = registry.families().get(family) if colon else None
    return "" if known is None else known.factory.names(MethodRef(family, argument))


def external_of(records: Iterable[Record]) -> list[str]:
    """Returns in words, sorted, what the methods of records name outside of the harness."""
    return sorted({names for record in records if (names := external(record.cell))})


def method_of(info: CellInfo, allow_external: bool = False) -> MethodInfo:
    """Returns the method of a record as it is registered today.

    Args:
        info: description of the record's cell.
        allow_external: open a program, a module or a service that the record names. A module is imported only if its
            file has the record's digest.

    Raises:
        NotAllowed: the record names something outside of the harness, and ``allow_external`` is False.
        NotRebuilt: the method is not registered, or its file, program or service cannot be opened.
    """
    family, colon, _ = info.method.partition(":")
    if info.method in registry.methods():
        return registry.method(info.method)
    if not colon or family not in registry.families():
        raise NotRebuilt("no method of this name is registered; load a plug-in with --plugin FILE")
    if not allow_external and (names := external(info)):
        raise NotAllowed(names)
    try:
        return registry.open_method(_reference(info))
    except UserError as error:
        raise NotRebuilt(str(error)) from error


def declaration_of(info: CellInfo, allow_external: bool = False) -> Declaration:
    """Returns the declaration of a record's method; of a fixed one, which has no search space, without opening it.

    See `method_of` for the arguments and errors.
    """
    if is_fixed(info):
        family = registry.families()[info.method.partition(":")[0]]
        return Declaration("fixed", sorted(family.factory.tags), {})
    method = method_of(info, allow_external)
    return Declaration(method.kind, sorted(method.tags), method.described_space)


def is_fixed(info: CellInfo) -> bool:
    """Whether the method of a record belongs to a family without search spaces."""
    family, colon, _ = info.method.partition(":")
    known = registry.families().get(family) if colon else None
    return known is not None and known.kinds == "fixed"


def _reference(info: CellInfo) -> MethodRef:
    """Returns the reference of a method of a family, as the record states it."""
    family, _, argument = info.method.partition(":")
    adapter = info.adapter or {}
    labels, timeout = adapter.get("labels", {}), adapter.get("timeout", ANSWER_TIMEOUT)
    if not isinstance(labels, dict) or not all(isinstance(name, str) for name in labels.values()):
        raise NotRebuilt("the labels of its adapter are not a mapping from labels to classes")
    if isinstance(timeout, bool) or not isinstance(timeout, int | float) or not 0 < timeout < 1e9:
        raise NotRebuilt("the timeout of its adapter is not a number of seconds above 0")
    return MethodRef(family, argument, labels, timeout, digest=str(adapter.get("digest", "")))
