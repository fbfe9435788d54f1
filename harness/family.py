"""Method families: what a user has already, named behind a colon, taken as a method."""

from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.method import Kind, Method, MethodRef, Tag


class AdaptedMethod(Method):
    """A method behind which something of the user's stands. Register a subclass with `register_method_family`.

    Making one is cheap and starts nothing: every process that has to do with the method makes its own.

    Attributes:
        ref: what the user named.
        kind: ``fixed``, unless the subclass finds something to search.
        tags, shared: as in `MethodInfo`.

    Raises:
        UserError: the argument names nothing that can be used.
    """

    kind: Kind = "fixed"
    tags: frozenset[Tag] = frozenset()
    shared: str = ""

    def __init__(self, ref: MethodRef) -> None:
        self.ref = ref

    @abstractmethod
    def content(self) -> Mapping[str, Any]:
        """Returns what a result depends on beside the name, in plain values; part of the cell's key.

        It holds ``labels`` and ``timeout`` of the reference where the method uses them.
        """

    def files(self) -> Mapping[str, Path]:
        """Returns the files that a machine without them has to be sent, by the words that stand for them."""
        return {}


@dataclass(frozen=True)
class FamilyInfo:
    """The frozen record of a registered family; ``argument`` says what follows the colon."""

    name: str
    version: int
    argument: str
    kinds: str
    summary: str
    requires: tuple[str, ...]
    origin: str
    factory: Callable[[MethodRef], AdaptedMethod]
