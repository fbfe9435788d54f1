"""Loads YAML of untrusted origin within limits.

A safe loader builds no objects, but a few hundred bytes can still make it use all memory (aliases of aliases) or crash
the process (brackets nested so deep that the composer's recursion overflows the stack). So the events of a document,
which are parsed in bounded memory, are counted first. Long numbers, which take quadratic time to convert (``1:1:1:…``
is an integer of base 60), and many directives, each of which is compared with all others, are rejected.

A mapping in which a key stands twice is rejected too: PyYAML would keep the last value without a word, while the tools
that these files are written for refuse them.
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
MAX_KEY = 40  # characters of a key in an error
MAX_LARGE_INTEGERS = 1000  # above 2^60; as keys, many of them may have the same hash, which takes quadratic time

_TEXT = "tag:yaml.org,2002:str"
_DIRECTIVE = re.compile(rb"%(?<![^\r\n]%)(?:TAG|YAML)\b")  # begins with a byte that the search can jump to


def load(data: bytes) -> Any:
    """Returns the value of a document.

    Raises:
        ValueError: it is not valid YAML, has several documents or a key twice in one mapping, or exceeds the limits of
            size, depth or numbers.
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
    """Returns PyYAML's safe loader, in C if PyYAML was built with it, which checks numbers and keys as well."""
    import yaml

    class Loader(getattr(yaml, "CSafeLoader", yaml.SafeLoader)):  # type: ignore[misc]
        def flatten_mapping(self, node: Any) -> None:
            """Adds the pairs of ``<<`` to a mapping, before it is built, and refuses a key that stands twice in it.

            A key of the mapping itself may also be in a mapping that is merged into it, and replaces it.
            """
            merged = self.__dict__.setdefault("merged", set())
            if node in merged:  # reached again by an alias: its pairs hold those of `<<` by now
                return
            pairs = node.value
            super().flatten_mapping(node)  # removes `<<` from these pairs, and puts a new list in their place if needed
            if node.value is not pairs:
                merged.add(node)
            if len({key.value for key, _ in pairs if key.tag == _TEXT}) == len(pairs):
                return
            keys = [self.construct_object(key, True) for key, _ in pairs]  # 8 and 010 are equal
            if len(set(keys)) < len(keys):
                raise ValueError(f"the key {_repeated(pairs, keys)!r} stands twice in a mapping")

    for kind in ("int", "float"):
        tag = f"tag:yaml.org,2002:{kind}"
        Loader.add_constructor(tag, functools.partial(_number, yaml.SafeLoader.yaml_constructors[tag]))
    return Loader


def _repeated(pairs: list[tuple[Any, Any]], keys: list[Any]) -> str:
    """Returns the first key that is equal to an earlier one, as it is written, cut to `MAX_KEY` characters."""
    seen: set[Any] = set()
    for (node, _), key in zip(pairs, keys, strict=True):
        if key in seen:
            return str(node.value)[:MAX_KEY]
        seen.add(key)
    raise AssertionError("no key stands twice")


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
    parser = loader(data)
    # This loop takes a quarter of the time of reading a file: compare exact types, the most frequent ones first.
    for event in iter(parser.get_event, None):
        kind = type(event)
        if kind is yaml.ScalarEvent:
            nodes, characters = nodes + 1, characters + len(event.value)
            if event.anchor:
                sizes[event.anchor] = 1, len(event.value)
        elif kind is yaml.MappingStartEvent or kind is yaml.SequenceStartEvent:
            nodes += 1
            open_collections.append((event.anchor, nodes, characters))
            if len(open_collections) > MAX_DEPTH:
                raise ValueError(f"nested deeper than {MAX_DEPTH}")
        elif kind is yaml.MappingEndEvent or kind is yaml.SequenceEndEvent:
            anchor, nodes_before, characters_before = open_collections.pop()
            if anchor:
                sizes[anchor] = nodes - nodes_before + 1, characters - characters_before
        elif kind is yaml.AliasEvent:
            more = sizes.get(event.anchor, (MAX_NODES, 0))  # an anchor without a size contains itself: infinite
            nodes, characters = nodes + more[0], characters + more[1]
        if nodes > MAX_NODES:
            raise ValueError(f"aliases expand to more than {MAX_NODES} values")
        if characters > MAX_CHARACTERS:
            raise ValueError(f"aliases expand to more than {MAX_CHARACTERS >> 20} million characters")
