"""YAML of untrusted origin.

A safe loader builds no objects, and yet a few hundred bytes can make it use all memory (aliases of aliases) or end the
process (brackets so deep that the composer's recursion meets the end of its stack). So a document's events, which come
in bounded memory, are counted first.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import yaml

MOST_NODES = 200_000  # with every alias spelt out
MOST_DEPTH = 64


def load(data: bytes) -> Any:
    """Returns a document's value.

    Raises:
        ValueError: it is no YAML, holds several documents, or is larger or deeper than the bounds.
    """
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # the C one where PyYAML was built with it
    try:
        _check(data, loader)
        return yaml.load(data, Loader=loader)
    except yaml.YAMLError as error:
        raise ValueError("not readable as YAML") from error
    except (RecursionError, OverflowError, TypeError) as error:  # a mapping as a key; a date or number out of range
        raise ValueError("not readable as YAML") from error


def _check(data: bytes, loader: "type[yaml.SafeLoader]") -> None:
    import yaml

    sizes: dict[str, int] = {}  # nodes below each anchor, itself included
    nodes, opened = 0, []
    for event in yaml.parse(data, Loader=loader):
        if isinstance(event, yaml.AliasEvent):
            nodes += sizes.get(event.anchor, MOST_NODES)  # one that holds itself has no end
        elif isinstance(event, yaml.NodeEvent):
            nodes += 1
            if isinstance(event, yaml.CollectionStartEvent):
                opened.append((event.anchor, nodes))
            elif event.anchor:
                sizes[event.anchor] = 1
        elif isinstance(event, yaml.CollectionEndEvent):
            anchor, before = opened.pop()
            if anchor:
                sizes[anchor] = nodes - before + 1
        if nodes > MOST_NODES:
            raise ValueError(f"aliases spell out more than {MOST_NODES} values")
        if len(opened) > MOST_DEPTH:
            raise ValueError(f"nested deeper than {MOST_DEPTH}")
