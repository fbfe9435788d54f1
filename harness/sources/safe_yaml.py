"""Loads YAML of untrusted origin within limits.

A safe loader builds no objects, but a few hundred bytes can still make it use all memory (aliases of aliases) or crash
the process (brackets nested so deep that the composer's recursion overflows the stack). So the events of a document,
which are parsed in bounded memory, are counted first. Long numbers, which take quadratic time to convert (``1:1:1:…``
is an integer of base 60), and many directives, each of which is compared with all others, are rejected.
"""

import functools
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import yaml

MAX_NODES = 200_000  # with every alias expanded
MAX_CHARACTERS = 64 * 2**20  # of all scalars, with every alias expanded
MAX_DEPTH = 64
MAX_NUMBER = 400  # characters of a number
MAX_DIRECTIVES = 100
MAX_LARGE_INTEGERS = 1000  # above 2^60; as keys, many of them may have the same hash, which takes quadratic time

_DIRECTIVE = re.compile(rb"(?<![^\r\n])%(?:TAG|YAML)\b")


def load(data: bytes) -> Any:
    """Returns the value of a document.

    Raises:
        ValueError: it is not valid YAML, has several documents, or exceeds the limits of size, depth or numbers.
    """
    import yaml

    loader = _loader()
    if len(_DIRECTIVE.findall(data)) > MAX_DIRECTIVES:
        raise ValueError(f"more than {MAX_DIRECTIVES} directives")
    try:
        _check(data, loader)
        return yaml.load(data, Loader=loader)
    except yaml.YAMLError as error:
        raise ValueError("not readable as YAML") from error
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError) as error:
        # What PyYAML's constructors raise for a mapping as a key, a date out of range, or a value that does not have
        # the type of its tag (``!!timestamp foo``, ``!!int ''``).
        raise ValueError("not readable as YAML") from error


@functools.cache
def _loader() -> "type[yaml.SafeLoader]":
    """Returns PyYAML's safe loader, in C if PyYAML was built with it, with a limit on the length of numbers."""
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        pass

    for kind in ("int", "float"):
        tag = f"tag:yaml.org,2002:{kind}"
        Loader.add_constructor(tag, functools.partial(_number, yaml.SafeLoader.yaml_constructors[tag]))
    return Loader


def _number(construct: Callable[[Any, Any], Any], loader: Any, node: Any) -> Any:
    if len(node.value) > MAX_NUMBER:
        raise ValueError(f"a number of more than {MAX_NUMBER} characters")
    number = construct(loader, node)
    if isinstance(number, int) and abs(number) >> 60:
        loader.large_integers = getattr(loader, "large_integers", 0) + 1
        if loader.large_integers > MAX_LARGE_INTEGERS:
            raise ValueError(f"more than {MAX_LARGE_INTEGERS} integers above 2^60")
    return number


def _check(data: bytes, loader: "type[yaml.SafeLoader]") -> None:
    import yaml

    sizes: dict[str, tuple[int, int]] = {}  # for each anchor, the number of nodes and characters below it
    nodes, characters, open_collections = 0, 0, []
    for event in yaml.parse(data, Loader=loader):
        if isinstance(event, yaml.AliasEvent):
            more = sizes.get(event.anchor, (MAX_NODES, 0))  # an anchor without a size contains itself: infinite
            nodes, characters = nodes + more[0], characters + more[1]
        elif isinstance(event, yaml.NodeEvent):
            nodes += 1
            if isinstance(event, yaml.CollectionStartEvent):
                open_collections.append((event.anchor, nodes, characters))
            else:
                characters += len(event.value)
                if event.anchor:
                    sizes[event.anchor] = 1, len(event.value)
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, nodes_before, characters_before = open_collections.pop()
            if anchor:
                sizes[anchor] = nodes - nodes_before + 1, characters - characters_before
        if nodes > MAX_NODES:
            raise ValueError(f"aliases expand to more than {MAX_NODES} values")
        if characters > MAX_CHARACTERS:
            raise ValueError(f"aliases expand to more than {MAX_CHARACTERS >> 20} million characters")
        if len(open_collections) > MAX_DEPTH:
            raise ValueError(f"nested deeper than {MAX_DEPTH}")
