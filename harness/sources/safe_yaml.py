"""Loads YAML of untrusted origin within limits.

A safe loader builds no objects, but a few hundred bytes can still make it use all memory (aliases of aliases) or crash
the process (brackets nested so deep that the composer's recursion overflows the stack). So the events of a document,
which are parsed in bounded memory, are counted first.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import yaml

MAX_NODES = 200_000  # with every alias expanded
MAX_CHARACTERS = 64 * 2**20  # of all scalars, with every alias expanded
MAX_DEPTH = 64


def load(data: bytes) -> Any:
    """Returns the value of a document.

    Raises:
        ValueError: it is not valid YAML, has several documents, or exceeds the limits of size or depth.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C loader if PyYAML was built with it
    try:
        _check(data, loader)
        return yaml.load(data, Loader=loader)
    except yaml.YAMLError as error:
        raise ValueError("not readable as YAML") from error
    except (RecursionError, OverflowError, TypeError) as error:  # a mapping as a key; a date or number out of range
        raise ValueError("not readable as YAML") from error


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
